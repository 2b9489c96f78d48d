"""A missing number has its true reason, in a replay."""

from __future__ import annotations

import pytest

from metrics.measures import comparison
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from tests.metrics.measures.replay_weeks import ASKED, answer, both, insert, week


def test_an_empty_store_has_no_number_and_names_the_command(compare_db):
    """The estimate is None with a reason, never 0."""
    reading = comparison.busy_time_saved(compare_db, ASKED)
    assert (reading.estimate, reading.low, reading.series, reading.grade, reading.blocks) == (None, None, None, None, 0)
    assert reading.missing == (
        "service@1 has not been measured under the standard faults since 7 Jan 2013; "
        "`milepost metrics measure --subjects monolith,service@1 --faults standard` does it"
    )


@pytest.mark.parametrize(
    ("control", "subject", "missing"),
    [
        (
            {},
            {"busy_s": 0},
            "all runs of service@1 took 0 seconds of processing time, so there is no time to compare",
        ),
        (
            {"busy_s": 0},
            {},
            "all runs of monolith took 0 seconds of processing time, so there is no time to compare",
        ),
        (
            {"busy_s": 3, "blocked_ns": 3 * 10**9},
            {},
            "all runs of monolith took 0 seconds of processing time, so there is no time to compare",
        ),
        (
            {"held": 0, "outcome": "failed"},
            {},
            "monolith delivered none of the 300 records due, so a record of it has no cost to compare with",
        ),
        ({}, {"held": 0}, "service@1 delivered none of the 300 records due, so a record of it has no cost"),
        (
            {"partner": "DL"},
            {},
            "service@1 and monolith have no feed and size of file in common in the same week",
        ),
        (
            None,
            {},
            (
                "monolith has not been measured under the standard faults since 7 Jan 2013; "
                "`milepost metrics measure --subjects monolith,service@1 --faults standard` does it"
            ),
        ),
        (
            {},
            None,
            (
                "service@1 has not been measured under the standard faults since 7 Jan 2013; "
                "`milepost metrics measure --subjects monolith,service@1 --faults standard` does it"
            ),
        ),
    ],
)
def test_sides_that_cannot_be_compared_have_the_true_reason(compare_db, control, subject, missing):
    """Times of 0, a side that failed all, other feeds, or a side that was not measured."""
    for number in range(3):
        for side, changes in (("monolith", control), ("service", subject)):
            if changes is not None:
                insert(compare_db, week(number, side, **{"busy_s": 4, **changes}))
    reading = comparison.busy_time_saved(compare_db, ASKED)
    assert (reading.estimate, reading.low, reading.missing) == (None, None, missing)


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_no_measure_calls_a_measured_subject_unmeasured(compare_db, name):
    """Whatever is missing of runs without time, calls and records, they were measured."""
    for number in range(3):
        nothing = {"busy_s": 0, "held": 0, "due": 0, "records": 0, "outcome": "failed", "calls": None}
        insert(compare_db, week(number, "monolith", **nothing), week(number, **nothing, operator_touch=None))
        insert(compare_db, [answer(number, 0, 0)])
    reading = MEASURES[name].compute(load_window(compare_db, ASKED))
    assert "has not been measured" not in reading.missing
    assert (reading.estimate is None) <= bool(reading.missing)


def test_too_few_blocks_give_an_estimate_without_a_range(compare_db):
    """Two of three weeks give the estimate, no range, and the day by which there could be one."""
    both(compare_db, 2)
    reading = comparison.busy_time_saved(compare_db, ASKED)
    assert reading.estimate == pytest.approx(0.6)
    assert (reading.low, reading.high, reading.ci_low, reading.ci_high) == (None, None, None, None)
    assert reading.missing == "2 of 3 weeks; enough around 27 Jan 2013 at this rate"
