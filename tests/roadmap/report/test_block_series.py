"""The block in which the least was saved, and the unit of a chart: what stands beside a count of blocks."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

import roadmap
from roadmap.plan.loader import load_plan
from roadmap.report.block_series import BlockPoint, milestone_spans, smallest_difference
from roadmap.wording.numbers import control_share, exchange_share, exchange_share_unit, time_unit

TEMPLATE = Path(roadmap.__file__).with_name("milestones.toml")


def week(number, control, subject, days=7, exchanges=45, held=19_000):
    """A block from 1 Mar 2013 on, so many weeks later."""
    first = date(2013, 3, 1) + timedelta(weeks=number)
    return BlockPoint(
        block=first, block_end=first + timedelta(days=days - 1), milestone="M1", control_s=control, subject_s=subject,
        target_s=None, control_held=held, subject_held=held, control_first=None, subject_first=None,
        control_after=None, subject_after=None, control_exchanges=exchanges, subject_exchanges=exchanges,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("peak", "said"),
    [(0.0603, "49.2 ms"), (0.00603, "49.20 ms"), (0.85, "49 ms"), (12.0, "0.0 s"), (250.0, "0 s")],
)
def test_a_chart_has_one_unit_and_three_figures_for_its_highest(peak, said):
    """Below a second all is in milliseconds; the decimals are the same for every number of a chart."""
    assert time_unit(peak).text(0.0492) == said


def test_the_block_with_the_least_saved_is_named_with_its_numbers():
    """Which days, how much less, and both sides; blocks with one side only do not count."""
    found = smallest_difference(
        [week(0, 0.040, 0.020), week(1, 0.0495, 0.0492), week(2, None, 0.5), week(3, 0.04, 0.01)]
    )
    assert found.week.block == date(2013, 3, 8)
    assert found.text == (
        "Least saved from 8 Mar to 14 Mar 2013: 0.6% less time, 49 ms with the service, 50 ms with the monolith."
    )
    assert found.note == ""


def test_a_block_that_took_longer_has_the_smallest_difference():
    """The text says more time."""
    found = smallest_difference([week(0, 0.040, 0.020), week(1, 0.040, 0.050)])
    assert "25% more time" in found.text


def test_a_longer_block_is_compared_with_the_usual_ones():
    """Nine days with twice the exchanges: the length and the counts, and no guess at a cause."""
    found = smallest_difference([
        week(0, 0.04, 0.02, exchanges=44, held=18_000), week(1, 0.04, 0.02, exchanges=46, held=20_000),
        week(2, 0.0495, 0.0492, days=9, exchanges=90, held=23_427),
    ])  # fmt: skip
    assert "from 15 Mar to 23 Mar 2013 (9 days): 0.6% less time" in found.text
    assert found.note == (
        "The service had 90 exchanges for 23,427 records in it; the median block of 7 days has 45 for 19,000."
    )


def test_where_no_length_is_usual_there_is_no_note():
    """Of two blocks neither is the longer one that needs a word."""
    found = smallest_difference([week(0, 0.04, 0.02), week(2, 0.0495, 0.0492, days=9)])
    assert "days)" not in found.text
    assert found.note == ""


@pytest.mark.parametrize("weeks", [[], [week(0, 0.04, 0.02)], [week(0, None, 0.02), week(1, 0.04, None)]])
def test_fewer_than_two_blocks_have_no_smallest_difference(weeks):
    """One number says all that there is; none says nothing."""
    assert smallest_difference(weeks) is None


def test_a_day_is_a_day():
    """In production a block is one day, and is written so."""
    found = smallest_difference([week(0, 2.0, 1.0, days=1), week(1, 2.0, 1.5, days=1)])
    assert found.text.startswith("Least saved on 8 Mar 2013: 25% less time, 1.50 s with")


@pytest.mark.parametrize(
    ("share", "exchanges", "before", "said"),
    [
        (1 / 3, 3, (None, 0), "1 of 3 exchanges"),
        (9 / 39, 39, (2 / 45, 45), "9 of 39 exchanges (was 2 of 45)"),
        (0.084, 645, (0.172, 645), "84 of every 1,000 (was 172)"),
        (0.5, 2, (0.172, 645), "1 of 2 exchanges (was 172 of every 1,000)"),
        (0.01, 100, (0.5, 2), "10 of every 1,000 (was 1 of 2)"),
    ],
)
def test_of_few_exchanges_the_rate_is_left_out(share, exchanges, before, said):
    """Below a hundred exchanges it is a count, on either side."""
    assert (
        f"{exchange_share(share, exchanges)} {exchange_share_unit(exchanges)}{control_share(*before, exchanges)}"
        == said
    )


def test_spans_of_milestones_end_where_the_next_one_starts() -> None:
    """The span of a built milestone runs from its start to the day before the next built one starts."""
    plan = load_plan(TEMPLATE)
    spans = [(span.code, span.start, span.end, span.target) for span in milestone_spans(plan, 2, date(2013, 8, 1))]
    assert spans == [
        ("M1", date(2013, 1, 1), date(2013, 3, 31), 0.30),
        ("M2", date(2013, 4, 1), date(2013, 8, 1), 0.30),
    ]


def test_a_milestone_in_the_future_has_no_span() -> None:
    """A built milestone that has not started is left out."""
    plan = load_plan(TEMPLATE)
    assert [span.code for span in milestone_spans(plan, 4, date(2013, 2, 1))] == ["M1"]
