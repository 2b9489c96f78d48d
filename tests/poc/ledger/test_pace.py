"""The rate of a partner: its requests are spaced evenly, over all lanes and processes."""

import pytest

from poc.ledger.pace import Pace


@pytest.fixture
def paces(ledger):
    """Two lanes that send 5 requests a second to one partner, on one clock that sleeping moves."""
    clock = [1_767_600_000_000_000]
    slept = []

    def sleep(seconds):
        slept.append(seconds)

    lanes = [Pace(ledger.sibling(), "UA", 5, lambda: clock[0], sleep) for _ in range(2)]
    yield lanes, clock, slept
    for lane in lanes:
        lane.close()


def test_requests_of_two_lanes_are_a_fifth_of_a_second_apart(paces):
    """The first goes at once, and each further one 0.2 s after the one before."""
    lanes, _, slept = paces
    for lane in (0, 1, 0):
        lanes[lane].wait()
    assert slept == [0, 0.2, 0.4]


def test_a_pause_saves_up_no_requests(paces):
    """After a second of silence the next requests are spaced as before."""
    lanes, clock, slept = paces
    lanes[0].wait()
    clock[0] += 1_000_000
    lanes[0].wait()
    lanes[0].wait()
    assert slept == [0, 0, 0.2]


def test_a_clock_that_was_ahead_stops_no_request(paces):
    """A next time that lies further ahead than a queue can be does not count."""
    lanes, clock, slept = paces
    clock[0] += 3600 * 1_000_000
    lanes[0].wait()
    clock[0] -= 3600 * 1_000_000
    lanes[0].wait()
    assert slept == [0, 0]
