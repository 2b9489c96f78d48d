"""A missing number has its true reason, in production."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from metrics.measures.missing import NOT_SEEN_LIVE
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from tests.metrics.measures.live_days import ASKED, SAVED, both, day, keep


def test_a_short_history_gives_no_range(live_db):
    """Three days of history give a number without a range, and say what is missing."""
    keep(live_db, *(day(n, "monolith", 10) for n in range(-3, 0)), *(day(n) for n in range(6)))
    reading = SAVED(load_window(live_db, ASKED))
    assert (reading.estimate, reading.low, reading.blocks) == (pytest.approx(0.6), None, 3)
    assert reading.missing == "3 of 4 days; enough around 9 Mar 2014 at this rate"


@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        (
            [day(-1, "monolith")],
            (
                "service@1 has not run in production since 3 Mar 2014; `milepost run --level 1`, then "
                "`milepost metrics collect`"
            ),
        ),
        (
            [day(0)],
            (
                "nothing is known of the monolith to compare it with; `milepost metrics record` measures it, "
                "`milepost metrics import` reads a log of it"
            ),
        ),
        (
            [day(0, held=None), day(0, "monolith")],
            "how many records service@1 delivered is not known, so nothing is compared",
        ),
        (
            [day(0), day(0, "monolith", held=None)],
            "how many records monolith delivered is not known, so nothing is compared",
        ),
        (
            [day(0), day(0, "monolith", partner="DL")],
            "service@1 and monolith have no feed and size of file in common",
        ),
    ],
)
def test_a_missing_number_has_a_reason(live_db, rows, missing):
    """Nothing run, nothing to compare with, records unknown, nothing in common."""
    keep(live_db, *rows)
    reading = SAVED(load_window(live_db, ASKED))
    assert (reading.estimate, reading.low, reading.missing) == (None, None, missing)


def test_of_a_time_that_lies_ahead_nothing_is_said_to_be_past(live_db):
    """The start is after the day of judgement: the reason names the start, and blames no run that was not made."""
    keep(live_db, day(0), day(0, "monolith"))
    ahead = replace(ASKED, start=date(2014, 6, 1), end=date(2014, 5, 1))
    assert SAVED(load_window(live_db, ahead)).missing == "service@1 counts from 1 Jun 2014"


@pytest.mark.parametrize(
    "name", ["lost_records", "partner_duplicates", "answers_equal", "good_rows_delivered", "false_rejects"]
)
def test_counts_at_the_partner_are_unknown_in_production(live_db, name):
    """Losses and duplicates need the partner's store, so that they are None and not 0."""
    keep(live_db, *both(range(6)))
    reading = MEASURES[name].compute(load_window(live_db, ASKED))
    assert (reading.estimate, reading.missing) == (None, NOT_SEEN_LIVE)
