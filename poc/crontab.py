"""Crontab lines: minute, hour, day of the month, month and weekday, as in crontab(5)."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

#: The names of the weekdays, Monday first, as `date.weekday` counts them.
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

MONTHS = tuple(name.lower() for name in calendar.month_abbr[1:])

#: A leap year: with its days, a date that never exists is told from one that is rare.
LEAP_YEAR = 2024

ITEM = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[1-9][0-9]?))?")


@dataclass(frozen=True, slots=True)
class Crontab:
    """A parsed crontab line.

    `weekdays` counts from Monday, 0, as `date.weekday` does. `either_day`: day of the month and weekday are both
    restricted, so that a date needs to match only one of them.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    every_hour: bool  #: the field of hours begins with `*`: it runs several times a day, not at times of the day

    def matches(self, day: date) -> bool:
        """Return whether a date is one of the line's."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.weekday() in self.weekdays
        return by_day or by_weekday if self.either_day else by_day and by_weekday


def parse_crontab(text: str) -> Crontab:
    """Parse a crontab line. Raises ValueError with the field, its value and the choices."""
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(
            f"the crontab line {text!r} has {len(fields)} fields; it needs 5: minute, hour, day, month, weekday"
        )
    minute, hour, day, month, weekday = fields
    crontab = Crontab(
        minutes=tuple(sorted(_values("minute", minute, 0, 59))),
        hours=tuple(sorted(_values("hour", hour, 0, 23))),
        days=_values("day", day, 1, 31),
        months=_values("month", month, 1, 12, MONTHS),
        # a crontab counts from Sunday, which is both 0 and 7
        weekdays=frozenset((number - 1) % 7 for number in _values("weekday", weekday, 0, 7, ("sun", *WEEKDAYS))),
        either_day=not (day.startswith("*") or weekday.startswith("*")),
        every_hour=hour.startswith("*"),
    )
    longest = max(calendar.monthrange(LEAP_YEAR, number)[1] for number in crontab.months)
    if not crontab.either_day and min(crontab.days) > longest:
        raise ValueError(f"the crontab line {text!r} names a date that no year has")
    return crontab


def parse_days(text: str) -> frozenset[int]:
    """Parse weekdays such as `mon-fri` or `mon,wed`; Monday is 0. Raises ValueError with the choices."""
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().lower().partition("-")
        if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
            choices = ", ".join(WEEKDAYS)
            raise ValueError(f"{part.strip()!r} is no weekday; write ranges and lists of {choices}, such as mon-fri")
        begin = WEEKDAYS.index(first)
        count = (WEEKDAYS.index(last) - begin) % 7 + 1 if dash else 1
        days.update((begin + step) % 7 for step in range(count))
    return frozenset(days)


def _values(name: str, text: str, least: int, most: int, names: Sequence[str] = ()) -> frozenset[int]:
    """Return the numbers that a field of a crontab line matches."""
    values: set[int] = set()
    for part in text.split(","):
        match = ITEM.fullmatch(part)
        bounds = (least, most)
        if match and match["first"]:
            first = _number(match["first"], least, names)
            # as in crontab(5), `a/n` runs from a to the end
            last = _number(match["last"], least, names) if match["last"] else most if match["step"] else first
            bounds = (first, 7 if names[:1] == ("sun",) and last == 0 < first else last)  # `fri-sun`
        if match is None or not least <= bounds[0] <= bounds[1] <= most:
            choices = f"{least} to {most}" + (f" or {', '.join(dict.fromkeys(names))}" if names else "")
            raise ValueError(f"{name} {part!r} of a crontab line is not among {choices}")
        values.update(range(bounds[0], bounds[1] + 1, int(match["step"] or 1)))
    return frozenset(values)


def _number(text: str, least: int, names: Sequence[str]) -> int:
    """Return a number that is written in digits or as a name; -1 for anything else."""
    if text.isascii() and text.isdigit():
        return int(text)
    return names.index(text.lower()) + least if text.lower() in names else -1
