"""The time zone in which a page shows moments: UTC, or the one that its address asks for."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from roadmap.wording import dates

if TYPE_CHECKING:
    from collections.abc import Mapping

UTC_ZONE = "UTC"

#: Names of UTC itself, which need no key in an address.
UTC_NAMES = frozenset({"utc", "etc/utc", "etc/uct", "uct", "zulu", "etc/zulu", "universal", "etc/universal"})


@cache
def zone_names() -> Mapping[str, str]:
    """Return the names of all time zones of this machine, by their name in lower case."""
    return {name.casefold(): name for name in sorted(available_timezones())}


def find_zone(text: str) -> str | None:
    """Return the name of a time zone as it is written, whatever the case of the text; None where there is none."""
    if text.casefold() in UTC_NAMES:
        return UTC_ZONE
    return zone_names().get(text.casefold())


def moment_text(at_us: int, zone: str) -> str:
    """Format a moment (UTC microseconds) in a time zone: "14 Jan 2013 06:00"."""
    if zone == UTC_ZONE:
        return dates.timestamp(at_us)
    try:
        utc = datetime.fromtimestamp(0, ZoneInfo(UTC_ZONE)) + timedelta(microseconds=at_us)
        there = utc.astimezone(ZoneInfo(zone))
    except (OverflowError, ZoneInfoNotFoundError):
        return f"{dates.timestamp(at_us)} UTC"
    offset = there.utcoffset() or timedelta(0)
    return dates.timestamp(at_us + offset // timedelta(microseconds=1))


def iso_moment(at_us: int) -> str:
    """Return a moment (UTC microseconds) as the `datetime` of a `<time>` element; "" where a calendar ends."""
    try:
        utc = datetime.fromtimestamp(0, ZoneInfo(UTC_ZONE)) + timedelta(microseconds=at_us)
    except OverflowError:
        return ""
    return f"{utc:%Y-%m-%dT%H:%M:%SZ}" if utc.year >= 1000 else ""
