"""Format dates and spans of days for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


def day(when: date, *, year: bool = False) -> str:
    """A date: "12 Jan", with the year where asked."""
    return f"{when.day} {when:%b}" + (f" {when.year}" if year else "")


def days_between(first: date, last: date) -> str:
    """A stretch of days, both ends included: "1 Jan to 31 Mar 2013"; of one day, that day."""
    if first == last:
        return day(last, year=True)
    return f"{day(first, year=first.year != last.year)} to {day(last, year=True)}"
