"""Local times as instants, on the days when clocks change, too."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

SECOND = timedelta(seconds=1)


def instants(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants, in UTC, at which the clocks of a zone show a local time: none, one or two."""
    both = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return sorted({instant for instant in both if instant.astimezone(zone).replace(tzinfo=None, fold=0) == local})


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant, in UTC, at which a local time is reached.

    A time that comes twice is the first one; for one that is left out, it is the first instant after the gap.
    """
    if shown := instants(local, zone):
        return shown[0]
    # in a gap, the offset after it gives an instant before the change of clocks, and the one before it an instant after
    before, after = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
    offset_before = before.astimezone(zone).utcoffset()
    while after - before > SECOND:  # clocks change at whole seconds
        middle = before + timedelta(seconds=(after - before) // SECOND // 2)
        if middle.astimezone(zone).utcoffset() == offset_before:
            before = middle
        else:
            after = middle
    return after


def last_and_next(at: str, zone: ZoneInfo, now: datetime, weekday: int | None = None) -> tuple[datetime, datetime]:
    """Return the newest moment up to now and the first one after it, in UTC, at which it is a time of the day.

    `at` is the time as `HH:MM`, of every day or of a weekday alone (0 is Monday).
    """
    today, reach = now.astimezone(zone).date(), 2 if weekday is None else 8  # a local date may be left out
    days = (today + timedelta(days=number) for number in range(-reach, reach + 1))
    wanted = (day for day in days if weekday in {None, day.weekday()})
    moments = [instant_of(datetime.combine(day, time.fromisoformat(at)), zone) for day in wanted]
    return max(moment for moment in moments if moment <= now), min(moment for moment in moments if moment > now)


def format_local(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return an instant as people of a zone read it, such as `22:00 Europe/Berlin`; with its date if not today."""
    local = at.astimezone(zone)
    day = "" if local.date() == now.astimezone(zone).date() else f"{local:%Y-%m-%d} "
    return f"{day}{local:%H:%M} {zone.key}"
