"""Crontab lines match what crontab(5) says."""

from datetime import date, timedelta

import pytest

from poc.crontab import parse_crontab, parse_days


@pytest.mark.parametrize(
    ("line", "minutes", "hours"),
    [
        ("*/15 * * * *", (0, 15, 30, 45), tuple(range(24))),
        ("5,10-12 6 * * *", (5, 10, 11, 12), (6,)),
        ("0 8-18/5 * * *", (0,), (8, 13, 18)),
        ("50/5 23 * * *", (50, 55), (23,)),
    ],
)  # fmt: skip
def test_a_field_holds_lists_ranges_and_steps(line, minutes, hours):
    """Minutes and hours are those that the field names."""
    crontab = parse_crontab(line)
    assert (crontab.minutes, crontab.hours) == (minutes, hours)


@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("0 6 * * 1-5", [2, 3, 4, 5, 6, 9, 10, 11, 12, 13]),
        ("0 6 * * 0", [1, 8]),
        ("0 6 * * 7", [1, 8]),
        ("0 6 * * fri-sun", [1, 6, 7, 8, 13, 14]),
        ("0 6 13 * *", [13]),
        ("0 6 13 * mon", [2, 9, 13]),  # either of them, as both are restricted
        ("0 6 */5 * mon", []),
        ("0 6 * feb-apr *", []),
    ],
)  # fmt: skip
def test_a_line_matches_the_days_of_cron(line, days):
    """Sunday is 0 and 7, and a day of the month and a weekday are alternatives."""
    crontab = parse_crontab(line)
    november = [date(2026, 11, 1) + timedelta(days=step) for step in range(14)]
    assert [day.day for day in november if crontab.matches(day)] == days


def test_ranges_of_weekdays_may_pass_sunday():
    """Days are written in words, in lists and ranges."""
    assert parse_days("mon-fri") == {0, 1, 2, 3, 4}
    assert parse_days("sat-mon, wed") == {5, 6, 0, 2}
