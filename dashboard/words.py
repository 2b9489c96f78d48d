"""Numbers in, the sentences people read out. Fixed templates; no store, no request, no clock.

Gains are shares of the baseline's processing time (0.65 = "65% less time"), rates are shares (0.02 = "20 of every
1,000"). A missing number becomes a word, never a zero. What the printed report says as well stands in
`roadmap.answers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadmap.wording.dates import day, days_between
from roadmap.wording.numbers import MISSING, per_thousand, plural, tight

if TYPE_CHECKING:
    from datetime import date, timedelta


DASH = "\N{EN DASH}"


def rate(now: float | None, was: float | None) -> str:
    """A rate against the baseline's: "20 of every 1,000 (was 50)"."""
    if now is None:
        return MISSING
    before = "" if was is None else f" (was {per_thousand(was)})"
    return f"{per_thousand(now)} of every 1,000{before}"


def duration(seconds: float | None) -> str:
    """A duration as people read it: `4.2 ms`, `850 ms`, `41 s`, `5m 10s`, `1h 30m`."""
    if seconds is None:
        return MISSING
    if 0 < seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def about(time: timedelta) -> str:
    """A length of time as one would say it: "25 min", "3 h", "2 days"."""
    minutes = round(time.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"


def ago(time: timedelta) -> str:
    """How long ago something was, to the minute: "just now", "4 minutes ago", "3 hours ago", "2 days ago"."""
    minutes = int(time.total_seconds() // 60)
    if minutes < 1:
        return "just now"
    for size, name in ((1440, "day"), (60, "hour")):
        if minutes >= 2 * size:
            return f"{minutes // size} {name}s ago"
    return f"{plural(minutes, 'minute')} ago"


def many(number: int, what: str) -> str:
    """A counted noun that comes as a plural, perhaps with more words: "1 run", "2 records compared"."""
    noun, _, more = what.partition(" ")
    return " ".join(filter(None, (plural(number, noun.removesuffix("s"), noun), more)))


def slip(proven: date | None, due: date, today: date) -> str:
    """How far a milestone is from its plan: days late or early once proven, else overdue, or nothing yet."""
    if proven is not None:
        late = (proven - due).days
        if late == 0:
            return "on the day"
        return f"{plural(abs(late), 'day')} {'late' if late > 0 else 'early'}"
    return f"{plural((today - due).days, 'day')} overdue" if today > due else ""


def stretch(first: date, last: date) -> str:
    """A stretch of days in short: "23 to 31 Dec 2013", "30 Sep to 6 Oct 2013", "1 Jan 2013" for one."""
    if first == last:
        return day(first, year=True)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day(last, year=True)}"
    return days_between(first, last)


def sentence(text: str) -> str:
    """A clause of another room as a sentence of its own."""
    text = tight(text)
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def capital(text: str) -> str:
    """A clause with a capital first letter, and the rest as it is."""
    return text[:1].upper() + text[1:]
