"""The two years of a replay, as far as questions, commands and pages must know them.

The first is 2013. The second is the same flights 364 days later, cut by day instead of by week, and a series of its
own: its blocks begin in 2014.
"""

from __future__ import annotations

from datetime import date

#: First day of the first block of the second year.
SECOND_YEAR_START = date(2014, 1, 1)

#: What every page and report says that shows numbers of the second year.
SECOND_YEAR_NOTE = (
    "From 1 Jan 2014 on, the input is the first year’s flights 364 days later, cut by day instead of by week."
)


def second_year_note(mode: str, last_day: date | None) -> str:
    """Return what must be said of the input of a replay that goes up to a day; "" if that is all of 2013 alone."""
    return SECOND_YEAR_NOTE if mode == "replay" and last_day is not None and last_day >= SECOND_YEAR_START else ""


def year_option(first_day: date) -> str:
    """Return the option by which `milepost metrics measure` replays the year of a day: " --year 2", or ""."""
    return " --year 2" if first_day >= SECOND_YEAR_START else ""
