"""The retry policy: a failed delivery becomes due later by itself.

There are five kinds of failure:

- A temporary one (`retry`) is retried on a schedule of growing waits, each drawn from zero to its full length ("full
  jitter": Brooker, Exponential Backoff And Jitter, 2015), so that exchanges that failed together do not retry together.
- Where the partner names a time (`wait`), the wait is at least that long. A wait of no time is a temporary failure.
- Where the partner turns the service away (`pause`: 401, 403, 410), nothing is sent to it until a person releases it.
- A permanent one (`stop`) is about one request (400, 413, 422), which is failed while the others are sent, or about the
  feed's address (404, 405 and others): then nothing is sent to this feed for a while.

For a partner that keeps failing the circuit breaker opens: nothing is sent, until one request goes out as a probe.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from poc.retries import breaker_store
from poc.retries.backoff import SCHEDULE_S, backoff_s, wait_s
from poc.retries.circuit_breaker import longest_wait_us
from poc.retries.failure_policy import StopSending
from poc.text import format_utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.config.partner import RetrySchedule
    from poc.errors import DeliveryFailed
    from poc.retries.breaker_store import FeedBreakers
    from poc.retries.circuit_breaker import CircuitBreaker

#: Permanent failures that are about one request: its rows, its size, its key. Any other status is about the address.
REQUEST_CODES = frozenset(f"http-{status}" for status in (400, 409, 412, 413, 417, 422, 424))


class RetryPolicy:
    """Decides on retries for one attempt at one exchange.

    The attempt stores `failures` (failed attempts in a row) and `due_at_us` in the ledger when it ends, and saves the
    circuit breakers.

    Args:
        name: the id of the exchange; the jitter is derived from it, so that a repeated run waits equally long.
        partner: the partner's name in messages.
        failures: failed attempts in a row before this one.
        breakers: the circuit breakers of the partner and of the feed's address.
        retry: the partner's retry settings.
        clock_us: returns the current time, in microseconds since 1970.
    """

    resends_at_once = True

    def __init__(
        self,
        name: str,
        partner: str,
        failures: int,
        breakers: FeedBreakers,
        retry: RetrySchedule,
        clock_us: Callable[[], int],
    ) -> None:
        self.failures = failures
        self.due_at_us: int | None = None
        self._name = name
        self._partner = partner
        self._breakers = breakers
        self._retry = retry
        self._clock_us = clock_us
        self._answered = False  # whether a request of this attempt was accepted or refused

    def before_send(self) -> StopSending | None:
        """Hold requests back while a circuit breaker is open, the partner is paused, or a probe is under way."""
        now_us = self._clock_us()
        breakers = self._breakers.current(now_us)
        states = {key: breaker.state(now_us, longest_wait_us(self._retry)) for key, breaker in breakers.items()}
        for key, state in states.items():
            if state == "paused":
                return self._hold_until_released(breakers[key].why)
        for key, state in states.items():
            if state == "open":
                return self._hold(key, breakers[key].until_us, open_reason(breakers[key]))
        for key, state in states.items():
            if state == "half-open" and not self._breakers.claim_probe(key, self._clock_us):
                until_us = now_us + self._breakers.probe_us
                return self._hold(key, until_us, "one request is under way, to see whether it is accepted again")
        return None

    def on_failure(self, failure: DeliveryFailed) -> StopSending:
        """Decide that the rows are due later, or failed: after a permanent failure or at the end of the schedule."""
        now_us = self._clock_us()
        text = str(failure)
        if self.is_about_request(failure):
            if not self._answered and failure.code in REQUEST_CODES:  # so that 100 refused files make few calls
                self._note_failure(self._breakers.partner_key, now_us, text)
            self._answered = True
            return StopSending("failed", failure.code, text, this_request_only=True)
        self.failures += 1
        if failure.kind == "pause":
            self._breakers.note(self._breakers.partner_key, lambda breaker: breaker.after_pause(now_us, text))
            command = f"`milepost partner release {self._partner}`"
            return StopSending(
                "failed", failure.code, f"{text}; nothing more is sent to {self._partner} until {command}"
            )
        if failure.kind == "stop":
            self._note_failure(self._breakers.feed_key, now_us, text, at_once=True)
        elif not failure.wait_s > 0:
            self._note_failure(self._breakers.partner_key, now_us, text)
        backoff = backoff_s(self.failures, self._retry.scale, self._chance())
        if backoff is None:
            return StopSending("failed", failure.code, f"{text}; given up after {len(SCHEDULE_S)} attempts")
        self.due_at_us = now_us + int(wait_s(backoff, failure.wait_s, self._retry.cap_s) * 1_000_000)
        if failure.wait_s > 0:
            until_us = now_us + int(wait_s(0, failure.wait_s, self._retry.cap_s) * 1_000_000)
            event = breaker_store.wait(now_us, until_us, self._retry, text)
            self._breakers.note(self._breakers.partner_key, event)
        return StopSending("due", failure.code, f"{text}; due at {format_utc(self.due_at_us)}")

    def is_about_request(self, failure: DeliveryFailed) -> bool:
        """Return whether the partner refused this request alone, for good."""
        return failure.kind == "stop" and not is_about_address(failure)

    def on_success(self) -> None:
        """Reset the schedule and close the circuit breakers."""
        self.failures = 0
        self._answered = True
        now_us = self._clock_us()
        for key, breaker in self._breakers.current(now_us).items():
            if breaker != breaker.after_success():
                self._breakers.note(key, breaker_store.success(now_us, self._clock_us))

    def _note_failure(self, key: str, now_us: int, text: str, *, at_once: bool = False) -> None:
        self._breakers.note(key, breaker_store.failure(now_us, self._retry, text, at_once=at_once))

    def _hold(self, key: str, until_us: int | None, why: str) -> StopSending:
        self.due_at_us = until_us
        until = "" if until_us is None else f" until {format_utc(until_us)}"
        return StopSending("due", "partner-down", f"nothing is sent to {key}{until}: {why}")

    def _hold_until_released(self, why: str) -> StopSending:
        self.due_at_us = None
        command = f"`milepost partner release {self._partner}`"
        return StopSending("due", "partner-paused", f"nothing is sent to {self._partner} until {command}: {why}")

    def _chance(self) -> float:
        digest = hashlib.blake2b(f"{self._name} {self.failures}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64


def is_about_address(failure: DeliveryFailed) -> bool:
    """Return whether a permanent failure is about the address of the feed, and so would meet any request to it."""
    return failure.code.startswith("http-") and failure.code not in REQUEST_CODES


def open_reason(breaker: CircuitBreaker) -> str:
    """Return why a circuit breaker is open."""
    text = f"{breaker.failures} deliveries in a row failed" if breaker.trips else "the partner asked for it"
    return f"{text}; the last: {breaker.why}" if breaker.why else text
