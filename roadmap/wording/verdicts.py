"""Put statuses, targets, readings, advice and spending into words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from roadmap.wording.dates import day
from roadmap.wording.gains import less_time
from roadmap.wording.numbers import (
    MISSING,
    amount,
    counted,
    digits_apart,
    digits_for,
    digits_of,
    digits_to_separate,
    percent,
    plural,
    span,
)
from roadmap.wording.sentences import capital

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from metrics.measures.reading import Reading

STATUS = {
    "proven": "proven",
    "paused": "paused",
    "stopped": "stopped",
    "not_started": "not started",
    "reported": "check-ins only",
    "missed": "missed",
    "stalled": "stalled",
    "at_risk": "at risk",
    "insufficient": "not enough evidence",
    "on_track": "on track",
}

VERDICT = {
    "met": "met",
    "not_met": "not met",
    "inconclusive": "not proven yet",
    "insufficient": "not enough evidence",
    "invalid": "not valid",
    "held": "held",
    "breached": "breached",
    "unproven": "not shown to hold yet",
}


#: Statuses that ask for action, most pressing first.
PRESSING = ("missed", "stalled", "at_risk", "stopped", "paused")


def proven_text(codes: Sequence[str], total: int) -> str:
    """Return how many milestones are proven, and which: "1 of 4 milestones proven: M1"."""
    named = f": {', '.join(codes)}" if codes else ""
    return f"{len(codes)} of {plural(total, 'milestone')} proven{named}"


def standing_sentences(statuses: Mapping[str, str]) -> tuple[str, ...]:
    """Return which milestones are proven, then which ask for action, a sentence each.

    Args:
        statuses: status of each milestone, by its code.
    """
    by_status = {status: [code for code, other in statuses.items() if other == status] for status in PRESSING}
    proven = [code for code, status in statuses.items() if status == "proven"]
    pressing = (f"{capital(STATUS[status])}: {', '.join(codes)}." for status, codes in by_status.items() if codes)
    reported = [code for code, status in statuses.items() if status == "reported"]
    beside = (f"{capital(STATUS['reported'])}: {', '.join(reported)}.",) if reported else ()
    return (f"{proven_text(proven, len(statuses) - len(reported))}.", *pressing, *beside)


def removed_text(due_dates: Mapping[str, date]) -> str:
    """Return which started milestones have left the file, as a sentence; "" where none has.

    Args:
        due_dates: the last planned due date of each, by its code.
    """
    removed = ", ".join(f"{code} (due {day(due)})" for code, due in due_dates.items())
    return f"Planned once, and no longer in the file: {removed}." if removed else ""


def target_text(direction: str, value: float, unit: str) -> str:
    """Format a target: "at least 60%", "all", "none"."""
    if direction == "at_least" and unit == "share" and value == 1:
        return "all"
    if direction == "at_most" and value == 0:
        return "none"
    whole = value * 100 if unit == "share" else value
    decimals = next((d for d in (0, 1, 2) if math.isclose(whole, round(whole, d))), 3)
    return f"{direction.replace('_', ' ')} {amount(value, unit, decimals)}"


def reading_text(reading: Reading | None, unit: str, kind: str, target: float | None = None) -> str:
    """Format a reading: its number, its likely range, and what is missing for a verdict."""
    if reading is None:
        return "nothing measured yet"
    if reading.estimate is None:
        return reading.missing or "nothing measured yet"
    return _measured(reading, reading.estimate, unit, kind, target) + (
        f" (early look: {reading.missing})" if reading.missing else ""
    )


#: Units of a census that counts; in any other one, the highest of all is meant.
COUNTED_UNITS = frozenset({"share", "records", "differences", "runs"})


def _measured(reading: Reading, value: float, unit: str, kind: str, target: float | None) -> str:
    if kind == "census" and unit not in COUNTED_UNITS:  # the highest of all, not a count
        return f"{amount(value, unit, 1)}, the most of {counted(reading.n, reading.n_of)}"
    if kind == "census":
        reached = round(value * reading.n) if unit == "share" else int(value)
        part = "all " if unit == "share" and reached == reading.n else f"{reached:,} of "
        return part + counted(reading.n, reading.n_of)
    if unit != "share":
        return _amount_in_range(value, reading, unit, target)
    digits = digits_of(value, reading.low, reading.high, target)
    if reading.measure == "busy_time_saved":
        return less_time(value, digits) + _time_range(reading, target)
    return amount(value, "share", digits) + _share_range(reading, target)


def _amount_in_range(value: float, reading: Reading, unit: str, target: float | None) -> str:
    measured = [number for number in (value, reading.low, reading.high) if number is not None]
    decimals = digits_to_separate(measured, target, unit) if target is not None else 0
    if reading.low is None or reading.high is None:
        return amount(value, unit, decimals)
    estimate, low, high = (f"{number:,.{max(decimals, 1)}f}" for number in (value, reading.low, reading.high))
    return f"{estimate}, likely {low} to {high} {unit}"


def _share_range(reading: Reading, target: float | None) -> str:
    """Format a range of shares; a bound that would be rounded onto the target keeps one more digit."""
    bounds = span(reading.low, reading.high, target)
    return f", likely {bounds}" if bounds else ""


def _time_range(reading: Reading, target: float | None) -> str:
    if reading.low is None or reading.high is None:
        return ""
    decimals = digits_for(reading.low, reading.high)
    low, high = (percent(abs(bound), digits_apart(bound, target, decimals)) for bound in (reading.low, reading.high))
    if reading.low < 0 <= reading.high:
        return f", likely between {low} more and {high} less"
    return f", likely {high} to {low}" if reading.high < 0 else f", likely {low} to {high}"


def advice_text(choice: str, text: str) -> str:
    """Format an advice as "choice: why", with the choice named once."""
    return text if text.startswith(choice) else f"{choice}: {text}"


def spent_text(spent: float | None, budget: float | None) -> str:
    """Format spending against a budget: "1,200 of 5,000", "1,200, no budget set", "not recorded"."""
    if spent is None:
        return MISSING if budget is None else f"{MISSING}, of {budget:,.0f}"
    exact = f"{spent:,.0f}" if spent == round(spent) else f"{spent:,.2f}"
    return f"{exact}, no budget set" if budget is None else f"{exact} of {budget:,.0f}"
