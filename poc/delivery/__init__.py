"""Outbox, requests, retries and the circuit breaker."""
