"""Ticks say whether a file came in time, late or not at all."""

import pytest

from poc.schedule.ticks import ARRIVED, LATE, NOT_ARRIVED, Tick, judge_gaps, judge_moments


@pytest.mark.parametrize(
    ("arrivals", "ticks"),
    [
        ([95, 105, 195], [Tick(100, ARRIVED, 95), Tick(200, ARRIVED, 195)]),
        ([100, 200], [Tick(100, ARRIVED, 100), Tick(200, ARRIVED, 200)]),
        ([], [Tick(100, NOT_ARRIVED), Tick(200, NOT_ARRIVED)]),
        ([110], [Tick(100, LATE, 110), Tick(200, NOT_ARRIVED)]),  # it made up for the first, and is used up
        ([110, 190], [Tick(100, LATE, 110), Tick(200, ARRIVED, 190)]),
        ([160], [Tick(100, NOT_ARRIVED), Tick(200, ARRIVED, 160)]),  # nearer to the second
        ([230], [Tick(100, NOT_ARRIVED), Tick(200, LATE, 230)]),  # makes up for the last one only
    ],
)  # fmt: skip
def test_a_late_file_makes_up_for_the_moment_before_it(arrivals, ticks):
    """A file counts for one moment: for the one that it missed, if it is nearer to that than to the next."""
    assert judge_moments([100, 200], 0, 300, arrivals, None) == ticks


def test_a_tick_that_was_judged_changes_only_when_a_file_comes():
    """The tick before the first moment is returned if a file has made up for it, and not otherwise."""
    missed = Tick(100, NOT_ARRIVED)
    assert judge_moments([], 100, 200, [], missed) == []
    assert judge_moments([], 100, 200, [110], missed) == [Tick(100, LATE, 110)]
    assert judge_moments([200], 100, 300, [110], Tick(100, LATE, 110)) == [Tick(200, NOT_ARRIVED)]
    assert judge_moments([200], 100, 300, [110], Tick(100, ARRIVED, 90)) == [Tick(200, ARRIVED, 110)]


def test_only_gaps_that_are_too_long_have_ticks():
    """With a longest time of 10 after each file: one gap was too long, and the last one is from 40 on."""
    ticks = [Tick(18, LATE, 25), Tick(40, NOT_ARRIVED)]
    assert list(judge_gaps([8, 25, 30], 5, 40, lambda at: at + 10)) == ticks
    assert list(judge_gaps([8, 25, 30], 5, 39, lambda at: at + 10)) == ticks[:1]
