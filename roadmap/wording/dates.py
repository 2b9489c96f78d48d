"""Format dates, moments and spans of time for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from metrics.day_text import day_text
from roadmap.wording.numbers import plural

if TYPE_CHECKING:
    from datetime import date


def day(when: date, *, year: bool = True) -> str:
    """Format a date: "12 Jan 2013", without the year "12 Jan"."""
    return day_text(when, year=year)


def days_between(first: date, last: date) -> str:
    """Format a span of days, both ends included: "1 Jan to 31 Mar 2013"; of one day, "1 Jan 2013"."""
    if first == last:
        return day(last)
    return f"{day(first, year=first.year != last.year)} to {day(last)}"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp(at_us: int) -> str:
    """Format a moment (UTC microseconds): "14 Jan 2013 05:00"."""
    try:
        when = _EPOCH + timedelta(microseconds=at_us)
    except OverflowError:
        return f"{at_us:,} µs"
    return f"{day(when)} {when.hour:02}:{when.minute:02}"


def rough_duration(time: timedelta) -> str:
    """Format a length of time, rounded: "25 min", "3 h", "2 days"."""
    minutes = round(time.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"


def ago(time: timedelta) -> str:
    """Format an age to the minute: "just now", "4 minutes ago", "3 hours ago", "2 days ago"."""
    minutes = int(time.total_seconds() // 60)
    if minutes < 1:
        return "just now"
    for size, name in ((1440, "day"), (60, "hour")):
        if minutes >= 2 * size:
            return f"{minutes // size} {name}s ago"
    return f"{plural(minutes, 'minute')} ago"


def late_text(proven_on: date, due: date) -> str:
    """Return how late a proof came: "7 days late", "7 days early", "on the day"."""
    late = (proven_on - due).days
    return f"{plural(abs(late), 'day')} {'late' if late > 0 else 'early'}" if late else "on the day"


def slip_parts(first_due: date, due: date, proven_on: date | None, today: date) -> tuple[str, ...]:
    """Return how far a milestone is from its first plan, most important part first; nothing while it is as planned.

    Once proven, the proof is measured against the first due date: "7 days late". Until then: "3 days overdue", and how
    far the due date was moved, "91 days later than first planned".
    """
    if proven_on is not None:
        return (late_text(proven_on, first_due),)
    moved = (due - first_due).days
    overdue = f"{plural((today - due).days, 'day')} overdue" if today > due else ""
    shifted = f"{plural(abs(moved), 'day')} {'later' if moved > 0 else 'earlier'} than first planned" if moved else ""
    return tuple(part for part in (overdue, shifted) if part)


def slip_basis(first_due: date, due: date, proven_on: date | None) -> str:
    """Return the dates of a slip: "first due 30 Jun 2013, now 14 Jul 2013; proven 23 Jun 2013"."""
    moved = f", now {day(due)}" if due != first_due else ""
    return f"first due {day(first_due)}{moved}" + (f"; proven {day(proven_on)}" if proven_on else "")


def data_until_text(last: date | None) -> str:
    """Return until when there is data: "Data up to 31 Dec 2013", or "No data"."""
    return f"Data up to {day(last)}" if last else "No data"


def day_span(first: date, last: date) -> str:
    """Format a span of days in short: "23 to 31 Dec 2013", "30 Sep to 6 Oct 2013"; of one day, "1 Jan 2013"."""
    if first == last:
        return day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day(last)}"
    return days_between(first, last)
