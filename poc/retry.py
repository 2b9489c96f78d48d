"""When to try again: pure reckoning, with the time and chance as arguments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from poc.partners import Retry

#: Seconds before each attempt: the first at once, the second 5 s after the first failed, and so on; ten in all.
SCHEDULE_S = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)

#: Seconds that a breaker stays open at the most, before `scale`.
MAX_COOLDOWN_S = 3600.0


def backoff_s(nth_failure: int, scale: float, chance: float) -> float | None:
    """Seconds to wait after the nth failure in a row, counted from 1; None when the schedule is used up.

    Full jitter: `chance`, from 0 to 1, of the step, so that many that failed together do not come back together.
    """
    if nth_failure < 1:
        raise ValueError(f"failures are counted from 1, not {nth_failure}")
    return chance * SCHEDULE_S[nth_failure] * scale if nth_failure < len(SCHEDULE_S) else None


def wait_s(backoff_s: float, retry_after_s: float, cap_s: float) -> float:
    """Seconds to wait: our own backoff or what the partner asked for, whichever is more, and `cap_s` at the most."""
    return min(max(backoff_s, retry_after_s), cap_s)


@dataclass(frozen=True, slots=True)
class Breaker:
    """Whether a partner is left alone. Times are microseconds since 1970.

    `closed`: deliveries go out. `open`: none does until `until_us`. `half-open`: after that, one probe may go. A
    workspace has one run at a time, so whoever asks first sends it, and waits for its answer. `failures` are in a row,
    `trips` are openings without a success between.
    """

    failures: int = 0
    opened_at_us: int | None = None
    until_us: int | None = None
    trips: int = 0

    def state(self, now_us: int) -> Literal["closed", "open", "half-open"]:
        """How it stands at a time."""
        if self.until_us is None:
            return "closed"
        return "open" if now_us < self.until_us else "half-open"

    def after_failure(self, now_us: int, retry: Retry) -> Breaker:
        """A delivery failed: one more in a row opens it, and once it has been open, any."""
        failures = self.failures + 1
        if self.until_us is None and failures < retry.breaker_failures:
            return replace(self, failures=failures)
        trips = self.trips + 1
        return Breaker(failures, now_us, now_us + cooldown_us(trips, retry), trips)

    def after_wait(self, now_us: int, until_us: int) -> Breaker:
        """The partner asked to be left alone until then; that is no failure."""
        return replace(self, opened_at_us=now_us, until_us=max(until_us, self.until_us or 0))

    def after_success(self) -> Breaker:
        """The partner takes deliveries: nothing is held against it."""
        return Breaker()


def cooldown_us(trips: int, retry: Retry) -> int:
    """Microseconds that the nth opening lasts: twice the one before, an hour at the most, all times `scale`."""
    doubled_s = retry.breaker_s * 2.0 ** min(trips - 1, 64)
    return int(min(doubled_s, MAX_COOLDOWN_S) * retry.scale * 1_000_000)
