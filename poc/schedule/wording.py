"""Expectations and their ticks in words, in the local time of their zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from poc.schedule.local_time import format_local
from poc.schedule.ticks import ARRIVED, LATE

if TYPE_CHECKING:
    from poc.config.hours import Expect
    from poc.schedule.ticks import Tick


def format_tick(tick: Tick, expect: Expect, now: datetime) -> str:
    """Return what came of a due moment, such as `no file had come by 06:00 Europe/Berlin`."""
    due = format_local(datetime.fromtimestamp(tick.due_us / 1_000_000, UTC), expect.zone_info, now)
    if tick.state == ARRIVED:
        return f"a file had come by {due}"
    if tick.state == LATE:
        return f"the file that was due by {due} came {format_span(tick.late_us / 1_000_000)} late"
    return f"no file had come by {due}"


def format_span(span_s: float) -> str:
    """Return a time span with its two largest units, such as `2 h 10 min`."""
    span = timedelta(seconds=round(span_s))
    hours, rest_s = divmod(span.seconds, 3600)
    parts = [(span.days, "d"), (hours, "h"), (rest_s // 60, "min"), (rest_s % 60, "s")]
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"
