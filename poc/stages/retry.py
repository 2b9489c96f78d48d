"""The retry policy: a failed delivery becomes due later by itself.

There are three kinds of failure. A temporary one (`retry`) is retried on a schedule of growing waits, each drawn from
zero to its full length ("full jitter": Brooker, Exponential Backoff And Jitter, 2015), so that exchanges that failed
together do not retry together. Where the partner names a time (`wait`), the wait is at least that long. A permanent one
(`stop`: 410, a refused body) is not retried. For a partner that keeps failing the circuit breaker opens: nothing is
sent, until one request goes out as a probe.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from poc.delivery.backoff import SCHEDULE_S, backoff_s, wait_s
from poc.delivery.failure_policy import StopSending
from poc.text import format_utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.config.partner import RetrySchedule
    from poc.delivery.circuit_breaker import CircuitBreaker
    from poc.errors import DeliveryFailed


class RetryPolicy:
    """Decides on retries for one attempt at one exchange.

    The attempt stores `failures` (failed attempts in a row), `due_at_us` and `breaker` in the ledger when it ends.

    Args:
        name: the id of the exchange; the jitter is derived from it, so that a repeated run waits equally long.
        partner: the partner's name in messages.
        failures: failed attempts in a row before this one.
        breaker: the partner's circuit breaker.
        retry: the partner's retry settings.
        clock_us: returns the current time, in microseconds since 1970.
    """

    def __init__(
        self,
        name: str,
        partner: str,
        failures: int,
        breaker: CircuitBreaker,
        retry: RetrySchedule,
        clock_us: Callable[[], int],
    ) -> None:
        self.failures = failures
        self.breaker = breaker
        self.due_at_us: int | None = None
        self._name = name
        self._partner = partner
        self._retry = retry
        self._clock_us = clock_us

    def before_send(self) -> StopSending | None:
        """Hold requests back while the partner's circuit breaker is open."""
        now_us = self._clock_us()
        if self.breaker.state(now_us) != "open" or self.breaker.until_us is None:
            return None
        self.due_at_us = self.breaker.until_us
        failures = self.breaker.failures
        why = f"{failures} deliveries in a row failed" if self.breaker.trips else "the partner asked for it"
        reason = f"nothing is sent to {self._partner} until {format_utc(self.due_at_us)}: {why}"
        return StopSending("due", "partner-down", reason)

    def on_failure(self, failure: DeliveryFailed) -> StopSending:
        """Decide that the rows are due later, or failed: after a permanent failure or at the end of the schedule."""
        now_us = self._clock_us()
        self.failures += 1
        if failure.kind in {"stop", "pause"}:
            return StopSending("failed", failure.code, str(failure))
        if failure.kind == "retry":
            self.breaker = self.breaker.after_failure(now_us, self._retry)
        backoff = backoff_s(self.failures, self._retry.scale, self._chance())
        if backoff is None:
            return StopSending("failed", failure.code, f"{failure}; given up after {len(SCHEDULE_S)} attempts")
        self.due_at_us = now_us + int(wait_s(backoff, failure.wait_s, self._retry.cap_s) * 1_000_000)
        if failure.wait_s:
            wait_until_us = now_us + int(wait_s(0, failure.wait_s, self._retry.cap_s) * 1_000_000)
            self.breaker = self.breaker.after_wait(now_us, wait_until_us)
        return StopSending("due", failure.code, f"{failure}; due at {format_utc(self.due_at_us)}")

    def on_success(self) -> None:
        """Reset the schedule and close the circuit breaker."""
        self.failures = 0
        self.breaker = self.breaker.after_success()

    def _chance(self) -> float:
        digest = hashlib.blake2b(f"{self._name} {self.failures}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64
