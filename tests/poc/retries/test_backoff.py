"""Backoff: a wait follows from its arguments alone, without a clock or a random number."""

import pytest

from poc.retries.backoff import backoff_s, wait_s


def test_the_schedule_has_nine_waits():
    """There are nine waits, each the full step at the highest chance, and then none."""
    steps = [backoff_s(nth, 1.0, 1.0) for nth in range(1, 12)]
    assert steps == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400, None, None]


def test_full_jitter_and_scale():
    """The chance takes any part of a step, the scale multiplies it."""
    assert [backoff_s(2, 1.0, chance) for chance in (0.0, 0.25, 1.0)] == [0, 75, 300]
    assert backoff_s(2, 0.1, 0.5) == 15


def test_failures_are_counted_from_one():
    """A count of 0 is an error of the caller, not a wait of zero."""
    with pytest.raises(ValueError, match="counted from 1"):
        backoff_s(0, 1.0, 1.0)


def test_the_wait_is_the_longer_one_up_to_the_cap():
    """The wait is the longer of backoff and Retry-After, and at most the cap."""
    assert [wait_s(5, 60, 3600), wait_s(300, 60, 3600), wait_s(5, 1e9, 3600)] == [60, 300, 3600]
