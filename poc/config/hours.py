"""Hours of a feed: when its files are expected, and when it may send, in a time zone and on working days."""

from __future__ import annotations

from datetime import time
from difflib import get_close_matches
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator, model_validator

from poc.config.strict import Strict
from poc.crontab import Crontab, parse_crontab, parse_days
from poc.duration import Duration

#: A local time of the day, such as `"06:00"`.
TimeOfDay: TypeAlias = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]

#: The value of `every` for a daily time.
DAILY = "1d"


def check_zone(zone: str) -> str:
    """Return the name of a time zone. Raises ValueError for an unknown one, with those of similar names."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        zones = sorted(available_timezones())  # slow, as it looks through all files
        if not zones:
            raise ValueError("this system has no time zones; install its package `tzdata`") from error
        near = get_close_matches(zone, zones, n=3, cutoff=0.5) or ["UTC", "Europe/Berlin", "America/New_York"]
        raise ValueError(f"the time zone {zone!r} is not known; zones with such names: {', '.join(near)}") from error
    return zone


class WorkingDays(Strict):
    """A time zone and the days on which hours apply."""

    zone: str = Field(
        default="UTC", description="The time zone of the hours, by its name in the IANA database: `Europe/Berlin`."
    )
    days: str = Field(default="mon-sun", description="Weekdays: ranges and lists such as `mon-fri` or `mon,wed`.")
    holidays: str = Field(
        default="",
        description="Public holidays that are no working days: a country, or one of its parts, such as `DE`, `DE-BY` "
        "or `US-NY`. Needs `pip install 'milepost[holidays]'`.",
    )

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        return check_zone(zone)

    @field_validator("days")
    @classmethod
    def _days_exist(cls, days: str) -> str:
        parse_days(days)
        return days

    @field_validator("holidays")
    @classmethod
    def _calendar_exists(cls, holidays: str) -> str:
        if holidays:
            check_holidays(holidays)
        return holidays

    @property
    def zone_info(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.zone)

    @property
    def weekdays(self) -> frozenset[int]:
        """The weekdays, Monday is 0."""
        return parse_days(self.days)


class Expect(WorkingDays):
    """When a file of the feed is expected: by a time of the day, by a crontab line, or some time after the last one."""

    by: TimeOfDay | None = Field(
        default=None,
        description="The local time by which a file must have come since the last such moment. A time that does not "
        "exist on the day when clocks go forward is the first instant after it; one that comes twice is the first.",
    )
    every: str = Field(
        default=DAILY,
        description='`"1d"`, with `by`; or, instead of `by`, a crontab line: minute, hour, day, month, weekday. Times '
        "of a day follow the rule of `by`. A line whose hour begins with `*` matches whenever the local clock shows "
        "such a time: also in an hour that comes twice, and never in one that is left out.",
    )
    within: Duration | None = Field(
        default=None,
        description="Instead of `by` and `every`: the longest time after the last file, such as `3h`. Days that are no "
        "working days do not count.",
    )

    @model_validator(mode="after")
    def _has_one_rule(self) -> Expect:
        line = None if self.every == DAILY else parse_crontab(self.every)
        rules = [name for name, on in (("by", self.by), ("every", line), ("within", self.within)) if on is not None]
        if len(rules) != 1:
            given = " and ".join(f"`{name}`" for name in rules) or "none of them"
            raise ValueError(f"give `by`, or a crontab line as `every`, or `within`; there is {given}")
        if line is not None and not any(day in self.weekdays for day in line.weekdays) and not line.either_day:
            raise ValueError(f"the weekdays of {self.every!r} are none of {self.days!r}")
        return self

    @property
    def crontab(self) -> Crontab | None:
        """The crontab line, for an expectation that has one."""
        return None if self.every == DAILY else parse_crontab(self.every)

    @property
    def by_time(self) -> time | None:
        """The time of the day, for an expectation that has one."""
        return None if self.by is None else time.fromisoformat(self.by)


class Send(WorkingDays):
    """When the feed may send: from `not_before` to `cut_off`, which may be on the next day."""

    not_before: TimeOfDay | None = Field(
        default=None, description="The local time from which on files are sent; midnight without it."
    )
    cut_off: TimeOfDay | None = Field(
        default=None,
        description="The local time from which on nothing new is begun; midnight without it. It is on the next day if "
        "it is not later than `not_before`. `days` and `holidays` are about the day on which the hours begin.",
    )

    @model_validator(mode="after")
    def _is_a_window(self) -> Send:
        if self.not_before is None and self.cut_off is None:
            raise ValueError("give `not_before`, `cut_off` or both; without them, files are sent at any time")
        if (self.not_before or "00:00") == (self.cut_off or "00:00"):
            raise ValueError("`not_before` and `cut_off` are the same time; nothing could be sent")
        return self

    @property
    def opens(self) -> time:
        """The local time at which the hours begin."""
        return time.fromisoformat(self.not_before or "00:00")

    @property
    def closes(self) -> time:
        """The local time at which they end, of the next day where it is not later."""
        return time.fromisoformat(self.cut_off or "00:00")


def check_holidays(name: str) -> None:
    """Raise ValueError with the choices if there is no such calendar of holidays, or no package that has it."""
    try:
        from holidays import country_holidays, list_supported_countries
    except ImportError as error:
        raise ValueError(
            f"{name!r} needs the package `holidays`: install it with `pip install 'milepost[holidays]'`"
        ) from error
    country, dash, part = name.partition("-")
    try:
        country_holidays(country, subdiv=part or None)
    except NotImplementedError as error:
        countries = list_supported_countries()  # slow, as it looks through all modules
        if country in countries:
            choices = ", ".join(countries[country]) or "none"
            raise ValueError(f"there are no holidays of {name!r}; parts of {country}: {choices}") from error
        near = get_close_matches(country, sorted(countries), n=5, cutoff=0.3) or ["DE", "FR", "GB", "US"]
        choices = ", ".join(near)
        raise ValueError(f"there are no holidays of {country!r}; countries with such codes: {choices}") from error
    if dash and not part:
        raise ValueError(f"{name!r} names no part of {country}; write {country!r} for the whole country")
