"""Expectations and their ticks in words, in the local time of their zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from poc.schedule.expectations import to_us
from poc.schedule.local_time import format_local
from poc.schedule.ticks import ARRIVED, LATE, Tick

if TYPE_CHECKING:
    from poc.config.hours import Expect
    from poc.schedule.expectation_states import ExpectationState


def format_tick(tick: Tick, expect: Expect, now: datetime) -> str:
    """Return what came of a due moment, such as `no file had come by 06:00 Europe/Berlin`."""
    due = format_local(datetime.fromtimestamp(tick.due_us / 1_000_000, UTC), expect.zone_info, now)
    if tick.state == ARRIVED:
        return f"a file had come by {due}"
    if tick.state == LATE:
        return f"the file that was due by {due} came {format_span(tick.late_us / 1_000_000)} late"
    return f"no file had come by {due}"


def describe_last(state: ExpectationState, now: datetime) -> str:
    """Return what came of the last due moment, or of the last file where `within` was kept."""
    if state.last_due is None and state.last_arrived_at is None:
        return "no moment was due yet"
    if state.last_due is None:
        return f"a file came at {format_local(state.last_arrived_at or now, state.expect.zone_info, now)}"
    arrived_at_us = None if state.last_arrived_at is None else to_us(state.last_arrived_at)
    return format_tick(Tick(to_us(state.last_due), state.last_state, arrived_at_us), state.expect, now)


def describe_rule(expect: Expect) -> str:
    """Return an expectation in words, such as `by 06:00 Europe/Berlin, mon-fri, without holidays of DE-BY`."""
    if expect.within is not None:
        rule = f"within {expect.within} of the last file"
    else:
        rule = f"by {expect.by} {expect.zone}" if expect.by else f"{expect.every} {expect.zone}"
    days = "" if expect.days == "mon-sun" else f", {expect.days}"
    return rule + days + (f", without holidays of {expect.holidays}" if expect.holidays else "")


def format_span(span_s: float) -> str:
    """Return a time span with its two largest units, such as `2 h 10 min`."""
    span = timedelta(seconds=round(span_s))
    hours, rest_s = divmod(span.seconds, 3600)
    parts = [(span.days, "d"), (hours, "h"), (rest_s // 60, "min"), (rest_s % 60, "s")]
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"
