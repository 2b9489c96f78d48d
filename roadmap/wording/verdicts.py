"""Numbers and days as people read them. `None` is said in words, and no range is rounded onto its target."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from roadmap.wording import gains, numbers
from roadmap.wording.numbers import MINUS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from metrics.measures.reading import Reading

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


#: The end that makes the first noun of a phrase a plural: `records`, `touches`.
PLURAL = r"(?<=ch)es\b|(?<!s)s\b"


def day(when: date) -> str:
    """A day as `31 Mar 2013`."""
    return f"{when.day} {when:%b %Y}"


def days(number: int) -> str:
    """A number of days with its noun."""
    return count(number, "day")


def count(number: int, noun: str) -> str:
    """A number with its noun, of which there may be one: `1 week`, `1,200 weeks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def block(block_days: int) -> str:
    """What a block of so many days is called."""
    return "week" if block_days == 7 else "day"


def blocks(number: int, block_days: int) -> str:
    """A number of blocks by the name that they have: `12 weeks`, `1 day`."""
    return count(number, block(block_days))


def counted(number: int, nouns: str) -> str:
    """A number with a noun that is given in the plural: `1 record due`, `2 records due`; only the noun itself bends."""
    return counted_as(f"{number:,}", nouns)


def counted_as(shown: str, nouns: str) -> str:
    """The same for a number that is written already: `1 call per outage hour`, `1.0 calls per outage hour`."""
    return f"{shown} {re.sub(PLURAL, '', nouns, count=1) if shown == '1' else nouns}"


def under(faults: str, mode: str) -> str:
    """What runs met that are judged under such faults: in production what came, whatever a plan names for a replay."""
    return gains.under_faults("real" if mode == "live" else faults)


def odds(chance: float) -> str:
    """A probability as people say it; what is merely very likely is never called certain."""
    if chance < 0.01:
        return "odds below 1 %"
    if chance > 0.99:
        return "odds above 99 %"
    return f"odds of {percent(chance)}"


def digits(values: Iterable[float], target: float, unit: str = "share") -> int:
    """Decimals that keep every value visibly apart from a target which it is not; three at most."""
    shown, times, least = list(values), 100 if unit == "share" else 1, 0 if unit == "share" else 1
    for decimals in range(least, 3):
        goal = round(target * times, decimals)
        if all(value == target or round(value * times, decimals) != goal for value in shown):
            return decimals
    return 3


def percent(value: float | None, decimals: int = 0) -> str:
    """A share (0 to 1) as a percentage without its sign; None is `unknown`."""
    return "unknown" if value is None else f"{abs(value) * 100:.{decimals}f} %"


def amount(value: float, unit: str, decimals: int = 0) -> str:
    """A value with its unit; what has a unit of its own and is not whole has one decimal at the least."""
    if unit == "share":
        return f"{MINUS if value < 0 else ''}{percent(value, decimals)}"
    return counted_as(_number(value, decimals), unit)


def _number(value: float, decimals: int) -> str:
    if value == int(value):
        return f"{value:,.0f}"
    # what is not nothing is not shown as 0.0
    least = next((d for d in (1, 2) if abs(value) >= 0.5 / 10**d), 3)
    return f"{value:,.{max(decimals, least)}f}"


def target(direction: str, value: float, unit: str) -> str:
    """A target: `at least 60 %`, `all`, `none`."""
    if direction == "at_least" and unit == "share" and value == 1:
        return "all"
    if direction == "at_most" and value == 0:
        return "none"
    whole = value * 100 if unit == "share" else value
    decimals = next((d for d in (0, 1, 2) if math.isclose(whole, round(whole, d))), 3)
    return f"{direction.replace('_', ' ')} {amount(value, unit, decimals)}"


def said(reading: Reading | None, unit: str, kind: str, goal: float | None = None) -> str:
    """A reading in words: number, likely range, and what is missing for a verdict."""
    if reading is None:
        return "nothing measured yet"
    if reading.estimate is None:
        return reading.missing or "nothing measured yet"
    tail = f" (early look: {reading.missing})" if reading.missing else ""
    if kind == "census" and unit not in {"share", "records"}:  # the most of all, not a count
        return f"{amount(reading.estimate, unit, 1)}, the most of {counted(reading.n, reading.n_of)}{tail}"
    if kind == "census":
        found = round(reading.estimate * reading.n) if unit == "share" else int(reading.estimate)
        every = "all " if unit == "share" and found == reading.n else f"{found:,} of "
        return f"{every}{counted(reading.n, reading.n_of)}{tail}"
    if unit == "share":
        told = _time_saved if reading.measure == "busy_time_saved" else _share
        return told(reading.estimate, reading, goal) + tail
    known = [value for value in (reading.estimate, reading.low, reading.high) if value is not None]
    return (
        _amount_in_range(reading.estimate, reading, unit, digits(known, goal, unit) if goal is not None else 0) + tail
    )


def _amount_in_range(value: float, reading: Reading, unit: str, decimals: int) -> str:
    if reading.low is None or reading.high is None:
        return amount(value, unit, decimals)
    shown, low, high = (f"{number:,.{max(decimals, 1)}f}" for number in (value, reading.low, reading.high))
    return f"{shown}, likely {low} to {high} {unit}"


def _share(value: float, reading: Reading, goal: float | None) -> str:
    """A share, and its bounds with a digit more where they would be taken for the target."""
    said = amount(value, "share", numbers.digits_of(value, reading.low, reading.high, goal))
    if reading.low is None or reading.high is None:
        return said
    decimals = numbers.digits_for(reading.low, reading.high)
    low, high = (amount(one, "share", numbers.digits_apart(one, goal, decimals)) for one in (reading.low, reading.high))
    return f"{said}, likely {low} to {high}"


def _time_saved(value: float, reading: Reading, goal: float | None) -> str:
    words = f"{percent(value, numbers.digits_of(value, reading.low, reading.high, goal))} {_way(value)} time"
    if reading.low is not None and reading.high is not None:
        decimals = numbers.digits_for(reading.low, reading.high)
        low, high = (percent(one, numbers.digits_apart(one, goal, decimals)) for one in (reading.low, reading.high))
        if reading.low < 0 <= reading.high:
            words += f", likely between {low} more and {high} less"
        elif reading.high < 0:
            words += f", likely {high} to {low}"
        else:
            words += f", likely {low} to {high}"
    return words


def _way(saved: float) -> str:
    return "less" if saved >= 0 else "more"


def advised(choice: str, text: str) -> str:
    """An advice as `choice: why`, its choice said once."""
    return text if text.startswith(choice) else f"{choice}: {text}"


def spent(amount: float | None, budget: float | None) -> str:
    """What was spent of what may be: `not recorded`, `1,200 of 5,000`, `1,200, no budget set`."""
    if amount is None:
        return "not recorded" if budget is None else f"not recorded, of {budget:,.0f}"
    exact = f"{amount:,.0f}" if amount == round(amount) else f"{amount:,.2f}"
    return f"{exact}, no budget set" if budget is None else f"{exact} of {budget:,.0f}"
