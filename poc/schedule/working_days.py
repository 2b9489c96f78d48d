"""The days on which hours apply: weekdays without public holidays."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from poc.config.hours import WorkingDays


def working_days(settings: WorkingDays) -> Callable[[date], bool]:
    """Return a function that says whether a date is a working day."""
    weekdays, name = settings.weekdays, settings.holidays
    if not name:
        return lambda day: day.weekday() in weekdays
    return lambda day: day.weekday() in weekdays and day not in holidays_of_year(name, day.year)


@cache
def holidays_of_year(name: str, year: int) -> frozenset[date]:
    """Return the public holidays of a country, or of a part of it, such as `DE-BY`; each year is computed once."""
    from holidays import country_holidays

    country, _, part = name.partition("-")
    return frozenset(country_holidays(country, subdiv=part or None, years=year, expand=False))
