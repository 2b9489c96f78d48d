"""Every formatter of dates, spans and slips: a table of value and text."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from metrics.question import block_noun
from roadmap.wording.dates import (
    ago,
    data_until_text,
    day,
    day_span,
    days_between,
    late_text,
    rough_duration,
    slip_basis,
    slip_parts,
    timestamp,
)

MAR, JUN, TODAY = date(2013, 3, 31), date(2013, 6, 30), date(2013, 7, 7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (day(MAR), "31 Mar 2013"),
        (day(MAR, year=False), "31 Mar"),
        (days_between(date(2013, 1, 1), MAR), "1 Jan to 31 Mar 2013"),
        (days_between(date(2012, 12, 1), MAR), "1 Dec 2012 to 31 Mar 2013"),
        (days_between(MAR, MAR), "31 Mar 2013"),
        (day_span(date(2013, 12, 23), date(2013, 12, 31)), "23 to 31 Dec 2013"),
        (day_span(date(2013, 9, 30), date(2013, 10, 6)), "30 Sep to 6 Oct 2013"),
        (timestamp(1_358_139_600_000_000), "14 Jan 2013 05:00"),
        (rough_duration(timedelta(minutes=25)), "25 min"),
        (rough_duration(timedelta(hours=47)), "47 h"),
        (rough_duration(timedelta(days=2)), "2 days"),
        (ago(timedelta(seconds=59)), "just now"),
        (ago(timedelta(minutes=4)), "4 minutes ago"),
        (ago(timedelta(days=2)), "2 days ago"),
        (data_until_text(MAR), "Data up to 31 Mar 2013"),
        (data_until_text(None), "No data"),
        (block_noun(7), "week"),
        (block_noun(1), "day"),
        (late_text(date(2013, 4, 7), MAR), "7 days late"),
        (late_text(date(2013, 3, 24), MAR), "7 days early"),
        (late_text(MAR, MAR), "on the day"),
        (slip_parts(MAR, JUN, date(2013, 4, 1), TODAY), ("1 day late",)),
        (slip_parts(MAR, JUN, None, TODAY), ("7 days overdue", "91 days later than first planned")),
        (slip_parts(JUN, MAR, None, MAR), ("91 days earlier than first planned",)),
        (slip_parts(MAR, MAR, None, MAR), ()),
        (slip_basis(MAR, JUN, TODAY), "first due 31 Mar 2013, now 30 Jun 2013; proven 7 Jul 2013"),
        (slip_basis(MAR, MAR, None), "first due 31 Mar 2013"),
    ],
)
def test_dates_are_written_in_one_style(text: object, expected: object) -> None:
    """Days, spans, ages and slips read the same everywhere."""
    assert text == expected
