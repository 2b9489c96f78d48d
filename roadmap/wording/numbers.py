"""Format numbers, shares, rates and durations; a missing number becomes a word, never a zero."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MISSING = "not recorded"


MINUS = "\N{MINUS SIGN}"


def digits_for(low: float, high: float) -> int:
    """Return the decimals of a percentage that a range supports: one if it is under two points wide, else none."""
    return 0 if high - low >= 0.02 else 1


def digits_of(estimate: float | None, low: float | None, high: float | None, target: float | None = None) -> int:
    """Return the decimals of an estimate: what its range supports; none without a range.

    There are more where the whole range lies on one side of the target and the estimate would be rounded onto it.
    """
    if estimate is None or low is None or high is None:
        return 0
    digits = digits_for(low, high)
    return digits if target is None or low < target <= high else digits_apart(estimate, target, digits)


def digits_apart(share: float, target: float | None, digits: int = 0) -> int:
    """Return `digits`, or more where a share would be rounded onto a target it does not equal; three at most."""
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
    """Format a share as a percentage, 0.65 as "65%", with a true minus sign; None is "not recorded".

    What is not all of it is not shown as 100%: 0.996 is "99.6%".
    """
    if share is None:
        return MISSING
    if share < 1:
        digits = digits_apart(share, 1.0, digits)
    text = f"{round(share * 100, digits):,.{digits}f}"
    text = text.removeprefix("-") if float(text.replace(",", "")) == 0 else text
    return text.replace("-", MINUS) + "%"


def span(low: float | None, high: float | None, target: float | None = None) -> str:
    """Format the likely range of a share: "63% to 67%"; "" where there is none.

    A bound that would be rounded onto a target it does not equal keeps the digit that shows it: "52% to 59.9%".
    """
    if low is None or high is None:
        return ""
    digits = digits_for(low, high)
    return " to ".join(percent(bound, digits_apart(bound, target, digits)) for bound in (low, high))


def per_thousand(share: float | None) -> str:
    """Format a share as a count of every 1,000: "20", "3.4", "0"; None is "not recorded"."""
    if share is None:
        return MISSING
    rate = share * 1000
    return f"{rate:.1f}" if 0 < rate < 9.95 and round(rate, 1) != round(rate) else f"{rate:,.0f}"


def count(number: float | None) -> str:
    """Format a count with thousands separators; None is "not recorded"."""
    return MISSING if number is None else f"{number:,.0f}"


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """Format a count of a noun given in the singular: "1 week", "13 weeks"; `nouns` is an irregular plural."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


#: Fewer exchanges than this are shown as a count, "1 of 3", not as a rate of every 1,000.
MIN_EXCHANGES_FOR_RATE = 100


PER_THOUSAND_UNIT = "of every 1,000"


def exchange_share(share: float, exchanges: int) -> str:
    """Format a share of exchanges without its unit: "84" (of every 1,000), or "1 of 3" if there are few."""
    return (
        per_thousand(share) if exchanges >= MIN_EXCHANGES_FOR_RATE else f"{round(share * exchanges):,} of {exchanges:,}"
    )


def exchange_share_unit(exchanges: int) -> str:
    """Return the unit that follows `exchange_share`: "of every 1,000", or "exchanges" if there are few."""
    return PER_THOUSAND_UNIT if exchanges >= MIN_EXCHANGES_FOR_RATE else "exchanges"


def control_share(share: float | None, exchanges: int, subject_exchanges: int) -> str:
    """Format the control's share in brackets, to follow the subject's; "" where it is unknown."""
    if share is None:
        return ""
    other = f" {PER_THOUSAND_UNIT}" if exchanges >= MIN_EXCHANGES_FOR_RATE > subject_exchanges else ""
    return f" (was {exchange_share(share, exchanges)}{other})"


#: Seconds per 1,000 records; a chart whose numbers are all below it is drawn in milliseconds.
SECONDS_FROM = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeUnit:
    """The unit of all numbers of one chart, and its decimals: three figures for the highest number."""

    unit: str  #: "s" or "ms"
    factor: float  #: seconds are multiplied by it
    digits: int

    def text(self, seconds: float) -> str:
        """Format a number of seconds in this unit: "49.2 ms"."""
        return f"{seconds * self.factor:,.{self.digits}f} {self.unit}"


def time_unit(peak_s: float) -> TimeUnit:
    """Return the unit for numbers of seconds up to `peak_s`."""
    unit, factor = ("ms", 1000.0) if peak_s < SECONDS_FROM else ("s", 1.0)
    whole = len(str(int(peak_s * factor)))
    return TimeUnit(unit=unit, factor=factor, digits=max(0, 3 - whole))


DASH = "\N{EN DASH}"


def rate(now: float | None, was: float | None) -> str:
    """Format a rate and the baseline's: "20 of every 1,000 (was 50)"."""
    if now is None:
        return MISSING
    before = "" if was is None else f" (was {per_thousand(was)})"
    return f"{per_thousand(now)} of every 1,000{before}"


def duration(seconds: float | None) -> str:
    """Format a duration: "4.2 ms", "850 ms", "41 s", "5m 10s", "1h 30m"."""
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
