"""Backoff: the wait before the next attempt."""

from __future__ import annotations

#: Seconds before each attempt: the first at once, the second 5 s after the first failed, and so on; ten in all.
SCHEDULE_S = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)


def backoff_s(nth_failure: int, scale: float, chance: float) -> float | None:
    """Return the seconds to wait after the nth failure in a row, counted from 1; None when the schedule is used up.

    Full jitter: the step times `chance` (0 to 1), so that exchanges that failed together do not retry together.
    """
    if nth_failure < 1:
        raise ValueError(f"failures are counted from 1, not {nth_failure}")
    return chance * SCHEDULE_S[nth_failure] * scale if nth_failure < len(SCHEDULE_S) else None


def wait_s(backoff_s: float, retry_after_s: float, cap_s: float) -> float:
    """Return the longer of our backoff and the partner's Retry-After, at most `cap_s`, in seconds."""
    return min(max(backoff_s, retry_after_s), cap_s)
