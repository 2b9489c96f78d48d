"""Format numbers, shares, rates and durations for people; a missing number becomes a word, never a zero."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MISSING = "not recorded"


MINUS = "\N{MINUS SIGN}"


def digits_for(low: float, high: float) -> int:
    """Decimals of a percentage that a range supports: one only where it is under two points wide."""
    return 0 if high - low >= 0.02 else 1


def digits_of(estimate: float | None, low: float | None, high: float | None, target: float | None = None) -> int:
    """Decimals of an estimate: what its range supports, and none without a range.

    More only where all of the range lies on one side of the target, and the estimate would be rounded onto it.
    """
    if estimate is None or low is None or high is None:
        return 0
    digits = digits_for(low, high)
    return digits if target is None or low < target <= high else digits_apart(estimate, target, digits)


def digits_apart(share: float, target: float | None, digits: int = 0) -> int:
    """As many decimals, or more where a share would be rounded onto a target that it is not; three at most."""
    while target is not None and digits < 3 and share != target and _rounded(share, digits) == _rounded(target, digits):
        digits += 1
    return digits


def _rounded(share: float, digits: int) -> float:
    return round(share * 100, digits)


def digits_to_separate(values: Iterable[float], target: float, unit: str = "share") -> int:
    """Return the decimals that keep every value visibly apart from a target it does not equal; three at most."""
    compared, times, least = list(values), 100 if unit == "share" else 1, 0 if unit == "share" else 1
    for decimals in range(least, 3):
        goal = round(target * times, decimals)
        if all(value == target or round(value * times, decimals) != goal for value in compared):
            return decimals
    return 3


def percent(share: float | None, digits: int = 0) -> str:
    """A share as a percentage, 0.65 -> "65%", with a true minus sign; a missing one in words."""
    if share is None:
        return MISSING
    text = f"{round(share * 100, digits):,.{digits}f}"
    text = text.removeprefix("-") if float(text.replace(",", "")) == 0 else text
    return text.replace("-", MINUS) + "%"


def span(low: float | None, high: float | None, target: float | None = None) -> str:
    """A likely range of a share: "63% to 67%"; "" where there is none.

    A bound that would be rounded onto a target it does not reach keeps the digit that shows it: "52% to 59.9%".
    """
    if low is None or high is None:
        return ""
    digits = digits_for(low, high)
    return " to ".join(percent(bound, digits_apart(bound, target, digits)) for bound in (low, high))


def per_thousand(share: float | None) -> str:
    """A rate as a count of every 1,000: "20", "3.4", "0"; a missing one in words."""
    if share is None:
        return MISSING
    many = share * 1000
    return f"{many:.1f}" if 0 < many < 9.95 and round(many, 1) != round(many) else f"{many:,.0f}"


def count(number: float | None) -> str:
    """A count with thousands separators; a missing one in words."""
    return MISSING if number is None else f"{number:,.0f}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A counted noun: "1 week", "13 weeks"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


#: Of fewer exchanges than this nothing is said of every 1,000: one of three is no 333 that anybody has seen.
MIN_EXCHANGES_FOR_RATE = 100


PER_THOUSAND_UNIT = "of every 1,000"


def exchange_share(share: float, exchanges: int) -> str:
    """A share of exchanges without its unit: "84" of every 1,000, or "1 of 3"."""
    return (
        per_thousand(share) if exchanges >= MIN_EXCHANGES_FOR_RATE else f"{round(share * exchanges):,} of {exchanges:,}"
    )


def exchange_share_unit(exchanges: int) -> str:
    """What stands after `many`."""
    return PER_THOUSAND_UNIT if exchanges >= MIN_EXCHANGES_FOR_RATE else "exchanges"


def control_share(share: float | None, exchanges: int, beside: int) -> str:
    """The control's share in brackets, after one of so many exchanges `beside` it; "" where it is not known."""
    if share is None:
        return ""
    other = f" {PER_THOUSAND_UNIT}" if exchanges >= MIN_EXCHANGES_FOR_RATE > beside else ""
    return f" (was {exchange_share(share, exchanges)}{other})"


#: Seconds per 1,000 records; where all of a chart are below it, it is drawn in milliseconds.
SECONDS_FROM = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeUnit:
    """The unit that all numbers of one chart have, and its decimals: three figures for the highest of them."""

    unit: str  #: "s" or "ms"
    times: float  #: what seconds are multiplied by
    digits: int

    def said(self, seconds: float) -> str:
        """A number of seconds in this unit: "49.2 ms"."""
        return f"{seconds * self.times:,.{self.digits}f} {self.unit}"


def time_unit(peak_s: float) -> TimeUnit:
    """The unit for numbers up to a highest one."""
    unit, times = ("ms", 1000.0) if peak_s < SECONDS_FROM else ("s", 1.0)
    whole = len(str(int(peak_s * times)))
    return TimeUnit(unit=unit, times=times, digits=max(0, 3 - whole))


DASH = "\N{EN DASH}"


def rate(now: float | None, was: float | None) -> str:
    """A rate against the baseline's: "20 of every 1,000 (was 50)"."""
    if now is None:
        return MISSING
    before = "" if was is None else f" (was {per_thousand(was)})"
    return f"{per_thousand(now)} of every 1,000{before}"


def duration(seconds: float | None) -> str:
    """A duration as people read it: `4.2 ms`, `850 ms`, `41 s`, `5m 10s`, `1h 30m`."""
    if seconds is None:
        return MISSING
    if 0 < seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


#: The end that makes the first noun of a phrase a plural: `records`, `touches`.
_PLURAL_END = re.compile(r"(?<=ch)es\b|(?<!s)s\b")


def counted(number: int, nouns: str) -> str:
    """Format a count of a noun given in the plural: "1 record due", "2 records due"; only the first noun bends."""
    return counted_as(f"{number:,}", nouns)


def counted_as(number: str, nouns: str) -> str:
    """Format the same for a number already formatted: "1 call per outage hour", "1.0 calls per outage hour"."""
    return f"{number} {_PLURAL_END.sub('', nouns, count=1) if number == '1' else nouns}"


def amount(value: float, unit: str, decimals: int = 0) -> str:
    """Format a value with its unit; a number that is not whole and not a share has one decimal at least."""
    if unit == "share":
        return percent(value, decimals)
    if value == int(value):
        return counted_as(f"{value:,.0f}", unit)
    # a value that is not zero is not shown as 0.0
    least = next((d for d in (1, 2) if abs(value) >= 0.5 / 10**d), 3)
    return counted_as(f"{value:,.{max(decimals, least)}f}", unit)


def odds_text(chance: float) -> str:
    """Format a probability; one that is merely very high or very low is never shown as certain."""
    if chance < 0.01:
        return "odds below 1%"
    if chance > 0.99:
        return "odds above 99%"
    return f"odds of {percent(chance)}"
