"""The circuit breaker of a partner: when it opens, how long it stays open, and when only a person can close it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from poc.config.partner import RetrySchedule
from poc.ledger.due import TOLERANCE_US

if TYPE_CHECKING:
    from collections.abc import Mapping

    from poc.config.partner import Partner


#: Longest time that a circuit breaker stays open, in seconds, before `scale`.
MAX_COOLDOWN_S = 3600.0

#: No wait is longer than this, a hundred years in seconds.
FOREVER_S = 100 * 365 * 86_400.0

BreakerState: TypeAlias = Literal["closed", "open", "half-open", "paused"]


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """The state of a circuit breaker. Times are microseconds since 1970.

    `closed`: requests are sent. `open`: no request is sent until `until_us`. `half-open`: after that time, one request
    at a time is sent as a probe, until `probe_until_us` at most. `paused`: no request is sent until a person releases
    the partner; neither a success nor time ends a pause.

    `failures` counts failed deliveries in a row, `trips` openings without a success in between. `failed_at_us` and
    `why` describe the last failure.
    """

    failures: int = 0
    opened_at_us: int | None = None
    until_us: int | None = None
    trips: int = 0
    failed_at_us: int | None = field(default=None, compare=False)
    why: str = field(default="", compare=False)
    paused_at_us: int | None = None
    probe_until_us: int | None = None

    def state(self, now_us: int, longest_us: int | None = None) -> BreakerState:
        """Return the state at a time.

        A time to open that lies further ahead than it can was written while the clock was wrong: it counts as over.
        `longest_us` is the longest time that the partner's settings allow.
        """
        if self.paused_at_us is not None:
            return "paused"
        if self.until_us is None:
            return "closed"
        if now_us >= self.until_us:
            return "half-open"
        ahead_us = self.until_us - now_us
        from_the_future = self.opened_at_us is not None and self.opened_at_us > now_us + TOLERANCE_US
        too_long = longest_us is not None and ahead_us > longest_us + TOLERANCE_US
        return "half-open" if from_the_future or too_long else "open"

    def at_right_time(self, now_us: int, longest_us: int) -> CircuitBreaker:
        """Return the breaker with a time to open that was written under a wrong clock replaced by now."""
        if self.until_us is None or self.until_us <= now_us or self.state(now_us, longest_us) != "half-open":
            return self
        return replace(self, opened_at_us=now_us, until_us=now_us)

    def after_failure(
        self, now_us: int, retry: RetrySchedule, why: str = "", *, at_once: bool = False
    ) -> CircuitBreaker:
        """Return the breaker after a failed delivery.

        The `breaker_failures`th failure in a row opens it, with `at_once` the first one. After it has been open, any
        failure opens it again.
        """
        failed = replace(self, failures=self.failures + 1, failed_at_us=now_us, probe_until_us=None)
        if self.paused_at_us is not None:
            return failed
        if self.until_us is None and failed.failures < retry.breaker_failures and not at_once:
            return replace(failed, why=why)
        trips = self.trips + 1
        until_us = now_us + cooldown_us(trips, retry)
        return replace(failed, why=why, trips=trips, opened_at_us=now_us, until_us=until_us)

    def after_wait(self, now_us: int, until_us: int, why: str = "") -> CircuitBreaker:
        """Return the breaker, open until the time that the partner asked for; this does not count as a failure."""
        if self.paused_at_us is not None:
            return self
        later_us = max(until_us, self.until_us or 0)
        return replace(self, opened_at_us=now_us, until_us=later_us, failed_at_us=now_us, why=why, probe_until_us=None)

    def after_pause(self, now_us: int, why: str) -> CircuitBreaker:
        """Return the breaker, paused until a person releases the partner."""
        if self.paused_at_us is not None:
            return self
        return replace(
            self, failures=self.failures + 1, failed_at_us=now_us, why=why, paused_at_us=now_us, probe_until_us=None
        )

    def after_success(self) -> CircuitBreaker:
        """Return the breaker after a success: closed, with all counts at zero; a pause stays."""
        return self if self.paused_at_us is not None else CircuitBreaker()


def cooldown_us(trips: int, retry: RetrySchedule) -> int:
    """Return how long the nth opening lasts, in microseconds: doubled each time, at most an hour, times `scale`."""
    doubled_s = retry.breaker_s * 2.0 ** min(trips - 1, 64)
    return int(min(doubled_s, MAX_COOLDOWN_S) * retry.scale * 1_000_000)


def longest_wait_us(retry: RetrySchedule) -> int:
    """Return the longest time that anything for a partner can wait, in microseconds."""
    return int(min(max(MAX_COOLDOWN_S * retry.scale, retry.cap_s), FOREVER_S) * 1_000_000)


def longest_waits_us(partners: Mapping[str, Partner]) -> dict[str, int]:
    """Return the longest wait of each partner whose settings are not the default ones, in microseconds."""
    default = RetrySchedule()
    return {name: longest_wait_us(partner.retry) for name, partner in partners.items() if partner.retry != default}
