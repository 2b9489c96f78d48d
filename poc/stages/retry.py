"""Persist: what fails today is due later, by itself.

A failure is of one of three kinds. One that may pass is tried again on a schedule of growing waits, each drawn between
nothing and its whole length ("full jitter": Brooker, Exponential Backoff And Jitter, 2015), so that exchanges that
failed together do not come back together. Where the partner names a time, that is the least waited. One that will not
pass by trying (410, a refused body) stops. A partner that fails again and again is left alone as a whole; after a
while one request is let through as a probe.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from poc.delivery.backoff import SCHEDULE_S, backoff_s, wait_s
from poc.delivery.failure_policy import StopSending
from poc.text import format_utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.config.partner import Retry
    from poc.delivery.circuit_breaker import CircuitBreaker
    from poc.errors import DeliveryFailed


class RetryPolicy:
    """Patience with one partner, for one attempt at one exchange.

    `failures` (failed attempts in a row), `due_at_us` and `breaker` are what the ledger is to remember after it.

    Args:
        name: the exchange; the jitter is drawn from it, so that the same exchange waits as long when run again.
        partner: who is meant, for people.
        failures: failed attempts in a row before this one.
        breaker: how the partner stands.
        retry: the partner's schedule.
        clock_us: the time now, in microseconds since 1970.
    """

    def __init__(
        self, name: str, partner: str, failures: int, breaker: CircuitBreaker, retry: Retry, clock_us: Callable[[], int]
    ) -> None:
        self.failures = failures
        self.breaker = breaker
        self.due_at_us: int | None = None
        self._name = name
        self._partner = partner
        self._retry = retry
        self._clock_us = clock_us

    def before_send(self) -> StopSending | None:
        """The partner is left alone while its breaker is open."""
        now_us = self._clock_us()
        if self.breaker.state(now_us) != "open" or self.breaker.until_us is None:
            return None
        self.due_at_us = self.breaker.until_us
        failed = self.breaker.failures
        why = f"{failed} deliveries in a row failed" if self.breaker.trips else "it asked for that"
        return StopSending(
            "due", "partner-down", f"{self._partner} is left alone until {format_utc(self.due_at_us)}: {why}"
        )

    def on_failure(self, failure: DeliveryFailed) -> StopSending:
        """Due later, or failed where trying again is no use or was tried often enough."""
        now_us = self._clock_us()
        self.failures += 1
        if failure.kind == "stop":
            return StopSending("failed", failure.code, str(failure))
        if failure.kind == "retry":
            self.breaker = self.breaker.after_failure(now_us, self._retry)
        backoff = backoff_s(self.failures, self._retry.scale, self._chance())
        if backoff is None:
            return StopSending("failed", failure.code, f"{failure}; given up after {len(SCHEDULE_S)} attempts")
        self.due_at_us = now_us + int(wait_s(backoff, failure.wait_s, self._retry.cap_s) * 1_000_000)
        if failure.wait_s:
            asked_us = now_us + int(wait_s(0, failure.wait_s, self._retry.cap_s) * 1_000_000)
            self.breaker = self.breaker.after_wait(now_us, asked_us)
        return StopSending("due", failure.code, f"{failure}; due at {format_utc(self.due_at_us)}")

    def on_success(self) -> None:
        """The partner is well, and the schedule begins anew."""
        self.failures = 0
        self.breaker = self.breaker.after_success()

    def _chance(self) -> float:
        digest = hashlib.blake2b(f"{self._name} {self.failures}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64
