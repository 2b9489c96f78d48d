"""A clock of a time zone that is read minute by minute over two years: slow, and simple enough to be right."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]

#: Two years with eight changes of clocks in each zone.
BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

#: Minutes in a day.
DAY_MINUTES = 1440


@cache
def wall_minutes(zone):
    """For each minute of the two years and a day around them, what a clock of the zone shows, in minutes since 1970.

    The offset is looked up each five minutes; the clocks of these zones change at such minutes only.
    """
    first = BEGIN - DAY
    shown = []
    for step in range(int((END + DAY - first) / MINUTE) // 5):
        at = first + 5 * step * MINUTE
        offset = at.astimezone(ZoneInfo(zone)).utcoffset()
        shown += [int((at + offset).timestamp() // 60) + minute for minute in range(5)]
    return shown


@cache
def first_reached(zone):
    """For each local minute, the instant in minutes since the first one at which a clock first shows it, or more."""
    shown = wall_minutes(zone)
    reached, most = {}, shown[0] - 1
    for at, wall in enumerate(shown):
        for passed in range(most + 1, wall + 1):
            reached[passed] = at
        most = max(most, wall)
    return reached


def instant(step):
    """The instant of a minute that is counted from the first one."""
    return BEGIN - DAY + step * MINUTE


def local_date(wall):
    """The date of a local minute."""
    return date(1970, 1, 1) + timedelta(days=wall // DAY_MINUTES)


def slow_daily(zone, times, is_day):
    """The instants at which a clock first shows one of the times of a day, or more."""
    moments = {
        instant(at)
        for wall, at in first_reached(zone).items()
        if divmod(wall % DAY_MINUTES, 60) in times and is_day(local_date(wall))
    }
    return sorted(moment for moment in moments if BEGIN < moment <= END)


def slow_clock(zone, minutes, hours, is_day):
    """All instants at which a clock shows one of the minutes in one of the hours."""
    return [
        moment
        for at, wall in enumerate(wall_minutes(zone))
        if wall % 60 in minutes and wall % DAY_MINUTES // 60 in hours and is_day(local_date(wall))
        if BEGIN < (moment := instant(at)) <= END
    ]
