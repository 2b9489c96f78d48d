"""Format a day for people, the same in readings, reports and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day_text(when: date, *, year: bool = True) -> str:
    """Format a day: "12 Jan 2013", without the year "12 Jan"."""
    return f"{when.day} {MONTHS[when.month - 1]}" + (f" {when.year}" if year else "")
