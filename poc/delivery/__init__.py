"""Delivery: requests, the outbox, retries and the circuit breaker."""
