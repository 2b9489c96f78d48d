"""The circuit breaker: its state follows from failures, waits and times given as arguments."""

from hypothesis import given
from hypothesis import strategies as st

from poc.config.partner import RetrySchedule
from poc.retries.circuit_breaker import CircuitBreaker

RETRY = RetrySchedule(breaker_failures=3, breaker_s=60)
S = 1_000_000


def test_a_breaker_opens_after_failures_in_a_row():
    """The third failure in a row opens it; a success in between resets the count."""
    breaker = CircuitBreaker().after_failure(0, RETRY).after_failure(0, RETRY)
    assert breaker.state(0) == "closed"
    assert breaker.after_success().after_failure(0, RETRY).state(0) == "closed"
    opened = breaker.after_failure(7 * S, RETRY)
    assert opened == CircuitBreaker(failures=3, opened_at_us=7 * S, until_us=67 * S, trips=1)
    assert [opened.state(now * S) for now in (7, 66, 67)] == ["open", "open", "half-open"]


def test_each_opening_lasts_twice_as_long_up_to_an_hour():
    """Failed probes double the time open, up to an hour; the scale multiplies all of it."""
    waits, breaker = [], CircuitBreaker()
    retry = RetrySchedule(breaker_failures=1, breaker_s=60, scale=0.5)
    for _ in range(9):
        breaker = breaker.after_failure(0, retry)
        waits.append(breaker.until_us / S)
    assert waits == [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]
    assert CircuitBreaker(5, 0, 0, 10_000).after_failure(0, retry).until_us == 1800 * S


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**10))))
def test_a_breaker_never_stays_open(steps):
    """After any sequence of events it is closed, or it has a time at which a probe is sent."""
    breaker, now_us = CircuitBreaker(), 0
    for good, after_us in steps:
        now_us += after_us
        breaker = breaker.after_success() if good else breaker.after_failure(now_us, RETRY)
        if breaker.state(now_us) != "closed":
            assert breaker.until_us - now_us <= 3600 * S
            assert breaker.state(breaker.until_us) == "half-open"
