"""When to try again is reckoned from what is given: no clock and no chance of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poc.config.partner import RetrySchedule
from poc.delivery.backoff import backoff_s, wait_s
from poc.delivery.circuit_breaker import CircuitBreaker

RETRY = RetrySchedule(breaker_failures=3, breaker_s=60)
S = 1_000_000


def test_the_schedule_is_walked_once():
    """Nine waits, each its step in full at the highest chance, and then no more."""
    steps = [backoff_s(nth, 1.0, 1.0) for nth in range(1, 12)]
    assert steps == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400, None, None]


def test_jitter_is_full_and_scale_stretches_it():
    """Chance takes any part of the step, scale any multiple."""
    assert [backoff_s(2, 1.0, chance) for chance in (0.0, 0.25, 1.0)] == [0, 75, 300]
    assert backoff_s(2, 0.1, 0.5) == 15


def test_the_first_failure_is_number_one():
    """A count from 0 is a mistake of the caller, not a wait of no time."""
    with pytest.raises(ValueError, match="counted from 1"):
        backoff_s(0, 1.0, 1.0)


def test_the_partner_may_ask_for_more_but_not_for_ever():
    """The longer of both waits, and the cap at the most."""
    assert [wait_s(5, 60, 3600), wait_s(300, 60, 3600), wait_s(5, 1e9, 3600)] == [60, 300, 3600]


def test_a_breaker_opens_after_failures_in_a_row():
    """The third failure opens it; a success between begins the count anew."""
    breaker = CircuitBreaker().after_failure(0, RETRY).after_failure(0, RETRY)
    assert breaker.state(0) == "closed"
    assert breaker.after_success().after_failure(0, RETRY).state(0) == "closed"
    opened = breaker.after_failure(7 * S, RETRY)
    assert opened == CircuitBreaker(failures=3, opened_at_us=7 * S, until_us=67 * S, trips=1)
    assert [opened.state(now * S) for now in (7, 66, 67)] == ["open", "open", "half-open"]


def test_each_opening_lasts_twice_as_long_up_to_an_hour():
    """Failed probes double the wait, and scale stretches all of it, the hour included."""
    waits, breaker = [], CircuitBreaker()
    retry = RetrySchedule(breaker_failures=1, breaker_s=60, scale=0.5)
    for _ in range(9):
        breaker = breaker.after_failure(0, retry)
        waits.append(breaker.until_us / S)
    assert waits == [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]
    assert CircuitBreaker(5, 0, 0, 10_000).after_failure(0, retry).until_us == 1800 * S


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**10))))
def test_a_breaker_is_closed_or_ends(steps):
    """Whatever happens in whatever order, it is closed or there is a time at which a probe may go."""
    breaker, now_us = CircuitBreaker(), 0
    for good, after_us in steps:
        now_us += after_us
        breaker = breaker.after_success() if good else breaker.after_failure(now_us, RETRY)
        if breaker.state(now_us) != "closed":
            assert breaker.until_us - now_us <= 3600 * S
            assert breaker.state(breaker.until_us) == "half-open"
