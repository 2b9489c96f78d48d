"""Causes in the notation of dates and times: their format, and their time zone.

A text may be read in several ways: `02/03/2013` is a day of March or of February. Two texts agree where one reading of
each does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

from poc.parity.causes.texts import Left, Right, of_candidates

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

#: Months by the first letters of their English names.
MONTHS = dict(zip("jan feb mar apr may jun jul aug sep oct nov dec".split(), range(1, 13), strict=True))  # noqa: SIM905

_MONTH = "[A-Za-z]{3,9}"
_TIME = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?\s*(?P<zone>[Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$"
)
_COMPACT_TIME = re.compile(r"(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?(?P<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)?$")
_DATES = tuple(
    (re.compile(pattern), orders)
    for pattern, orders in (
        (r"(\d{4})-(\d{1,2})-(\d{1,2})", ("ymd",)),
        (r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})", ("ymd",)),
        (r"(\d{4})(\d{2})(\d{2})", ("ymd",)),
        (r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})", ("dmy", "mdy")),
        (rf"(\d{{1,2}})[ -]({_MONTH})[ -](\d{{4}}|\d{{2}})", ("dmy",)),
        (rf"({_MONTH})\.? (\d{{1,2}}),? (\d{{4}})", ("mdy",)),
    )
)

#: A text that can be a date or a time, to leave out most others at once.
_CANDIDATE = r"[0-9][-/.: ][0-9A-Za-z]|^[0-9]{8}(?:T?[0-9]{4,6})?(?:Z|[+-][0-9:]+)?$|^[A-Za-z]{3,9}\.? [0-9]"

#: The longest text that is read as a date.
MAX_CHARACTERS = 48

#: The largest offset between two time zones, the smallest one, and that between times of which neither says its zone.
MAX_SHIFT, QUARTER, HOUR = timedelta(hours=26), timedelta(minutes=15), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading of a text: what a clock shows, and its offset from UTC; None where the text does not say it."""

    wall: datetime
    offset: timedelta | None
    timed: bool  #: whether the text has a time of day


def differs_in_date_format(pairs: pl.DataFrame) -> pl.Series:
    """Return which pairs are two notations of one date or time, in the same time zone."""
    return of_candidates(pairs, _can_be_dates(), is_same_date)


def differs_in_time_zone(pairs: pl.DataFrame) -> pl.Series:
    """Return which pairs are one moment in two time zones, or times that differ as those of two zones do."""
    return of_candidates(pairs, _can_be_dates(), is_other_zone)


def _can_be_dates() -> pl.Expr:
    return Left.str.contains(_CANDIDATE) & Right.str.contains(_CANDIDATE)


def is_same_date(left: str, right: str) -> bool:
    """Return whether two texts show the same date and time, and the same offset."""
    return any(a.wall == b.wall and a.offset == b.offset for a, b in product(moments(left), moments(right)))


def is_other_zone(left: str, right: str) -> bool:
    """Return whether two texts are the same moment with two offsets, or may be, where one or both say none."""
    return any(_shows_other_zone(a, b) for a, b in product(moments(left), moments(right)))


def _shows_other_zone(a: Moment, b: Moment) -> bool:
    if not (a.timed and b.timed):
        return False
    shift = abs(a.wall - b.wall)
    if a.offset is not None and b.offset is not None:
        return a.offset != b.offset and a.wall - a.offset == b.wall - b.offset
    step = HOUR if a.offset is None and b.offset is None else QUARTER
    return shift <= MAX_SHIFT / 2 and shift % step == timedelta(0)


@lru_cache(maxsize=8192)
def moments(text: str) -> tuple[Moment, ...]:
    """Return all readings of a text as a date, a date and a time, or a time."""
    text = text.strip()
    if len(text) > MAX_CHARACTERS or not text.isascii():
        return ()
    if match := _TIME.match(text):
        clock = _clock(match)
        return () if clock is None else (Moment(datetime.combine(date.min, clock[0]), clock[1], timed=True),)
    return tuple(_dated_moments(text))


def _dated_moments(text: str) -> Iterator[Moment]:
    for pattern, orders in _DATES:
        match = pattern.match(text)
        if match is None:
            continue
        rest = text[match.end() :]
        clock: tuple[time, timedelta | None] | None = (time(), None)
        if rest:
            begin = rest.lstrip("Tt ")
            tail = _TIME.match(begin) or (None if begin == rest and "-" in text[:8] else _COMPACT_TIME.match(begin))
            clock = None if tail is None else _clock(tail)
        if clock is None:
            continue
        for order in orders:
            day = _day(dict(zip(order, match.groups(), strict=True)))
            if day is not None:
                yield Moment(datetime.combine(day, clock[0]), clock[1], timed=bool(rest))


def _day(parts: dict[str, str]) -> date | None:
    year, month = int(parts["y"]), parts["m"]
    if len(parts["y"]) == 2:
        year += 2000 if year < 69 else 1900  # as POSIX says
    number = int(month) if month.isdecimal() else MONTHS.get(month[:3].lower(), 0)
    try:
        return date(year, number, int(parts["d"]))
    except ValueError:
        return None


def _clock(match: re.Match[str]) -> tuple[time, timedelta | None] | None:
    groups = match.groupdict()
    hour, half = int(groups["hour"]), (groups.get("half") or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    micros = int((groups.get("fraction") or "0").ljust(6, "0")[:6])
    try:
        return time(hour, int(groups["minute"]), int(groups["second"] or 0), micros), _offset(groups["zone"])
    except ValueError:
        return None


def _offset(zone: str | None) -> timedelta | None:
    if zone is None:
        return None
    if zone[0] not in "+-":
        return timedelta(0)
    digits = zone[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return -offset if zone[0] == "-" else offset
