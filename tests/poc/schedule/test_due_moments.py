"""Due moments are those of a slow clock that is read minute by minute, on the days when clocks change, too."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from poc.config.hours import Expect
from poc.schedule.due_moments import DueMoments, due_after_file
from tests.slow_clock import BEGIN, END, ZONES, slow_clock, slow_daily


def every_day(_):
    """All days are working days."""
    return True


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("by", ["00:00", "01:45", "02:00", "02:15", "02:30", "03:00", "06:00", "23:59"])
def test_a_daily_time_comes_once_a_day(zone, by):
    """A time that is left out is the first instant after it, and one that comes twice is the first."""
    hour, minute = map(int, by.split(":"))
    slow = slow_daily(zone, {(hour, minute)}, every_day)
    assert DueMoments(Expect(by=by, zone=zone)).between(BEGIN, END) == slow
    assert 729 < len(slow) < 732


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("line", "times", "weekdays"),
    [
        ("30 1,2,3 * * *", {(1, 30), (2, 30), (3, 30)}, range(7)),
        ("0,30 2 * * 0,6", {(2, 0), (2, 30)}, (5, 6)),
        ("*/20 0-3 * * mon-fri", {(hour, minute) for hour in range(4) for minute in (0, 20, 40)}, range(5)),
    ],
)  # fmt: skip
def test_the_times_of_a_crontab_line_are_daily_times(zone, line, times, weekdays):
    """Several times of a day follow the same rule, each on its own; two that fall on one instant are one moment."""
    slow = slow_daily(zone, times, lambda day: day.weekday() in weekdays)
    assert DueMoments(Expect(every=line, zone=zone)).between(BEGIN, END) == slow


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("line", "minutes", "hours", "weekdays"),
    [
        ("*/15 * * * *", {0, 15, 30, 45}, range(24), range(7)),
        ("7 * * * sun", {7}, range(24), (6,)),
        ("45 */2 * * *", {45}, range(0, 24, 2), range(7)),
    ],
)  # fmt: skip
def test_a_line_of_every_hour_follows_the_clock(zone, line, minutes, hours, weekdays):
    """An hour that comes twice has its moments twice, and one that is left out has none."""
    slow = slow_clock(zone, minutes, hours, lambda day: day.weekday() in weekdays)
    assert DueMoments(Expect(every=line, zone=zone)).between(BEGIN, END) == slow


@pytest.mark.parametrize("zone", ZONES)
def test_the_next_and_the_previous_moment_are_neighbours(zone):
    """From any instant, the next moments and the previous one are those of the whole list around it."""
    moments = DueMoments(Expect(by="02:30", zone=zone, days="fri-mon"))
    every = moments.between(BEGIN, END)
    chance = random.Random(7)
    instants = [BEGIN + chance.random() * (END - BEGIN) * 0.98 for _ in range(200)]
    for at in [*instants, *every[5:-40:20]]:
        after = [moment for moment in every if moment > at]
        assert moments.next(at, 3) == after[:3]
        before = [moment for moment in every if moment < at]
        assert not before or moments.previous(at) == before[-1]


def test_working_days_leave_out_weekends_and_holidays():
    """Nothing is due on a Saturday, on Whit Monday, or on a holiday of Bavaria alone."""
    moments = DueMoments(Expect(by="06:00", zone="Europe/Berlin", days="mon-fri", holidays="DE-BY"))
    june = moments.between(datetime(2027, 5, 14, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC))
    # Whit Monday is the 17th, and Corpus Christi, which Berlin does not have, the 27th
    assert [moment.day for moment in june] == [14, 18, 19, 20, 21, 24, 25, 26, 28, 31]


def test_a_rare_date_is_found_and_a_rule_without_dates_ends():
    """29 February on a working day may be decades away; a rule that can never match has no moments."""
    moments = DueMoments(Expect(every="0 6 29 2 *", days="mon"))
    assert [moment.year for moment in moments.next(BEGIN, 2)] == [2044]
    assert moments.previous(BEGIN) == datetime(2016, 2, 29, 6, tzinfo=UTC)
    never = DueMoments(Expect(every="0 6 25 12 *", holidays="DE"))
    assert never.next(BEGIN) == []


@pytest.mark.parametrize(
    ("last", "days", "due"),
    [
        ("2026-11-30T08:00", "mon-sun", "2026-11-30T11:00"),
        ("2026-11-27T21:30", "mon-fri", "2026-11-30T00:30"),  # Friday 22:30 in Berlin: 90 minutes are left for Monday
        ("2026-11-28T12:00", "mon-fri", "2026-11-30T02:00"),
        ("2026-10-24T22:30", "mon-sun", "2026-10-25T01:30"),  # the hour that comes twice counts twice
    ],
)  # fmt: skip
def test_time_after_the_last_file_counts_on_working_days_only(last, days, due):
    """`within` is elapsed time, and stands still on the other days of the zone."""
    expect = Expect(within="3h", zone="Europe/Berlin", days=days)
    at = datetime.fromisoformat(last).replace(tzinfo=UTC)
    assert due_after_file(expect, at) == datetime.fromisoformat(due).replace(tzinfo=UTC)
