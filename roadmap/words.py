"""Numbers and days as people read them. `None` is said in words, and no range is rounded onto its target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from metrics.compare import Reading

STATUS = {
    "proven": "proven",
    "paused": "paused",
    "stopped": "stopped",
    "not_started": "not started",
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


def day(when: date) -> str:
    """A day as `31 Mar 2013`."""
    return f"{when.day} {when:%b %Y}"


def days(count: int) -> str:
    """A number of days with its noun."""
    return f"{count} day" if count == 1 else f"{count} days"


def digits(values: Iterable[float], target: float) -> int:
    """Decimals of a percentage that keep every value visibly apart from a target which it is not."""
    shown = list(values)
    for decimals in (0, 1, 2):
        if all(value == target or percent(value, decimals) != percent(target, decimals) for value in shown):
            return decimals
    return 3


def percent(value: float | None, decimals: int = 0) -> str:
    """A share (0 to 1) as a percentage without its sign; None is `unknown`."""
    return "unknown" if value is None else f"{abs(value) * 100:.{decimals}f} %"


def amount(value: float, unit: str, decimals: int = 0) -> str:
    """A value with its unit."""
    if unit == "share":
        return f"{'-' if value < 0 else ''}{percent(value, decimals)}"
    return f"{value:,.{0 if value == int(value) else 1}f} {unit}"


def target(direction: str, value: float, unit: str) -> str:
    """A target: `at least 60 %`, `all`, `none`."""
    if direction == "at_least" and unit == "share" and value == 1:
        return "all"
    if direction == "at_most" and value == 0:
        return "none"
    decimals = 0 if math.isclose(value * 100, round(value * 100)) else 1
    return f"{direction.replace('_', ' ')} {amount(value, unit, decimals)}"


def said(reading: Reading | None, unit: str, kind: str, goal: float | None = None) -> str:
    """A reading in words: number, likely range, and what is missing for a verdict."""
    if reading is None:
        return "nothing measured yet"
    if reading.estimate is None:
        return reading.missing or "nothing measured yet"
    tail = f" (early look: {reading.missing})" if reading.missing else ""
    if kind == "census":
        counted = round(reading.estimate * reading.n) if unit == "share" else int(reading.estimate)
        if unit == "share" and counted == reading.n:
            return f"all {reading.n:,} {reading.n_of}{tail}"
        return f"{counted:,} of {reading.n:,} {reading.n_of}{tail}"
    known = [value for value in (reading.estimate, reading.low, reading.high) if value is not None]
    decimals = digits(known, goal) if goal is not None else 0
    told = _time_saved if reading.measure == "busy_time_saved" else _amount_in_range
    return told(reading.estimate, reading, unit, decimals) + tail


def _amount_in_range(value: float, reading: Reading, unit: str, decimals: int) -> str:
    if reading.low is None or reading.high is None:
        return amount(value, unit, decimals)
    if unit == "share":
        low, high = (amount(bound, unit, decimals) for bound in (reading.low, reading.high))
        return f"{amount(value, unit, decimals)}, likely {low} to {high}"
    return f"{value:,.1f}, likely {reading.low:,.1f} to {reading.high:,.1f} {unit}"


def _time_saved(value: float, reading: Reading, unit: str, decimals: int) -> str:
    del unit  # time, always
    words = f"{percent(value, decimals)} {_way(value)} time"
    if reading.low is not None and reading.high is not None:
        low, high = percent(reading.low, decimals), percent(reading.high, decimals)
        if reading.low < 0 <= reading.high:
            words += f", likely between {low} more and {high} less"
        elif reading.high < 0:
            words += f", likely {high} to {low}"
        else:
            words += f", likely {low} to {high}"
    return words


def _way(saved: float) -> str:
    return "less" if saved >= 0 else "more"


def spent(amount: float | None, budget: float | None) -> str:
    """What was spent of what may be: `not recorded`, `1,200 of 5,000`, `1,200, no budget set`."""
    if amount is None:
        return "not recorded" if budget is None else f"not recorded, of {budget:,.0f}"
    exact = f"{amount:,.0f}" if amount == round(amount) else f"{amount:,.2f}"
    return f"{exact}, no budget set" if budget is None else f"{exact} of {budget:,.0f}"
