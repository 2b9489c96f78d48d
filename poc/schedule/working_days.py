"""The days on which hours apply: weekdays without public holidays."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from datetime import date

    from poc.config.hours import WorkingDays


def working_days(settings: WorkingDays) -> Callable[[date], bool]:
    """Return a function that says whether a date is a working day."""
    weekdays = settings.weekdays
    holidays: Container[date] = ()
    if settings.holidays:
        from holidays import country_holidays

        country, _, part = settings.holidays.partition("-")
        holidays = country_holidays(country, subdiv=part or None)
    return lambda day: day.weekday() in weekdays and day not in holidays
