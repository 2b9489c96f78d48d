"""The circuit breakers in the ledger: attempts at the same time lose no failure, and lift no pause."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from poc.config.partner import RetrySchedule
from poc.ledger.opening import open_ledger
from poc.retries.breaker_store import WAIT_TO_CLAIM, FeedBreakers, delete_breakers, failure, success, wait
from poc.retries.circuit_breaker import CircuitBreaker

RETRY = RetrySchedule(breaker_failures=3, breaker_s=60)
S = 1_000_000


@pytest.fixture
def attempts(ledger_address):
    """Two attempts at feeds of one partner, each with a connection of its own."""
    ledgers = [open_ledger(ledger_address) for _ in range(2)]
    yield [FeedBreakers(ledger, "UA", "flights", 10 * S) for ledger in ledgers], ledgers
    for ledger in ledgers:
        ledger.close()


def save(breakers, ledger):
    """Save and commit, as the end of an attempt does."""
    breakers.save()
    ledger.commit()


def stored(ledger, key="UA"):
    """The breaker as another attempt reads it."""
    partner, _, feed = key.partition("/")
    return FeedBreakers(ledger, partner, feed or "flights", 10 * S).current(0).get(key, CircuitBreaker())


def test_failures_of_two_attempts_are_added(attempts):
    """Each attempt saw a closed breaker; both failures count."""
    (one, other), (first, second) = attempts
    for breakers in (one, other):
        assert breakers.current(0) == {}
        breakers.note("UA", failure(S, RETRY, "503"))
    save(one, first)
    save(other, second)
    assert stored(first).failures == 2


def test_a_success_does_not_hide_a_later_failure(attempts):
    """An attempt that ends later, but whose success came earlier, keeps the failure of the other."""
    (one, other), (first, second) = attempts
    one.note("UA", success(1 * S, lambda: 3 * S))
    other.note("UA", failure(2 * S, RETRY, "503"))
    save(other, second)
    save(one, first)
    assert stored(first).failures == 1
    one.note("UA", success(4 * S, lambda: 4 * S))
    save(one, first)
    assert stored(first) == CircuitBreaker()


def test_a_failure_that_was_noted_in_the_future_is_no_later_one(attempts):
    """After a clock jumped ahead and back, a success closes the breaker."""
    (one, _), (first, _) = attempts
    one.note("UA", failure(10**9 * S, RETRY, "503"))
    save(one, first)
    one.note("UA", success(2 * S, lambda: 2 * S))
    save(one, first)
    assert stored(first) == CircuitBreaker()


def test_no_event_ends_a_pause(attempts):
    """Successes, failures and waits of requests that were under way leave a partner paused."""
    (one, other), (first, second) = attempts
    one.note("UA", lambda breaker: breaker.after_pause(1 * S, "401"))
    save(one, first)
    for event in (success(2 * S, lambda: 2 * S), failure(3 * S, RETRY, "503"), wait(4 * S, 9 * S, RETRY, "429")):
        other.note("UA", event)
        save(other, second)
    breaker = stored(first)
    assert (breaker.state(10**15), breaker.paused_at_us, breaker.why) == ("paused", 1 * S, "401")


def test_requests_under_way_open_a_breaker_once(attempts):
    """Two requests that fail together do not double the time for which the breaker is open."""
    (one, other), (first, second) = attempts
    for breakers, ledger, at in ((one, first, 1), (other, second, 2)):
        for _ in range(3):
            breakers.note("UA", failure(at * S, RETRY, "503"))
        save(breakers, ledger)
    assert (stored(first).trips, stored(first).failures, stored(first).until_us) == (1, 6, 61 * S)


def test_one_probe_at_a_time_passes(attempts):
    """One of two attempts gets the probe; the other gets it after the answer, or after the longest time of a probe."""
    (one, other), (first, _) = attempts
    for _ in range(3):
        one.note("UA", failure(0, RETRY, "503"))
    save(one, first)
    assert (one.claim_probe("UA", lambda: 60 * S), other.claim_probe("UA", lambda: 60 * S)) == (True, False)
    assert (other.claim_probe("UA", lambda: 69 * S), other.claim_probe("UA", lambda: 70 * S)) == (False, True)
    one.note("UA", failure(71 * S, RETRY, "503"))
    save(one, first)
    assert other.claim_probe("UA", lambda: 200 * S)


def test_a_probe_lasts_from_its_claim(attempts):
    """The time is read when the ledger can be written: an attempt that waited for others has its whole time."""
    (one, other), (first, second) = attempts
    for _ in range(3):
        one.note("UA", failure(0, RETRY, "503"))
    save(one, first)
    second.begin()
    second.execute(WAIT_TO_CLAIM, {"key": "UA"})
    clock = [60 * S]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(one.claim_probe, "UA", lambda: clock[0])
        time.sleep(0.05)
        clock[0] = 65 * S
        second.commit()
        assert waiting.result()
    assert not other.claim_probe("UA", lambda: 74 * S)


def test_a_probe_claimed_under_a_wrong_clock_is_over(attempts):
    """A probe that would end further ahead than any can does not keep others out."""
    (one, other), (first, _) = attempts
    for _ in range(3):
        one.note("UA", failure(0, RETRY, "503"))
    save(one, first)
    assert one.claim_probe("UA", lambda: 10**9 * S)
    assert other.claim_probe("UA", lambda: 60 * S)


def test_a_release_is_of_one_partner_and_its_feeds(attempts):
    """A partner whose name begins alike, or fits a pattern, keeps its breaker."""
    _, (first, _) = attempts
    for name in ("U_", "UA", "U_X"):
        breakers = FeedBreakers(first, name, "flights", S)
        for key in (name, f"{name}/flights"):
            breakers.note(key, failure(S, RETRY, "503"))
        save(breakers, first)
    delete_breakers(first, "U_")
    first.commit()
    left = {name for name in ("U_", "U_/flights", "UA", "UA/flights", "U_X") if stored(first, name).failures}
    assert left == {"UA", "UA/flights", "U_X"}
