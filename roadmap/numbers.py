"""Format numbers, shares and counts for people; a missing number becomes a word, never a zero."""

from __future__ import annotations

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
    return digits if target is None or low < target <= high else apart(estimate, target, digits)


def apart(share: float, target: float | None, digits: int = 0) -> int:
    """As many decimals, or more where a share would be rounded onto a target that it is not; three at most."""
    while target is not None and digits < 3 and share != target and _rounded(share, digits) == _rounded(target, digits):
        digits += 1
    return digits


def _rounded(share: float, digits: int) -> float:
    return round(share * 100, digits)


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
    return " to ".join(percent(bound, apart(bound, target, digits)) for bound in (low, high))


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


def tight(text: str) -> str:
    """A sentence of another room with its percentages written as on these pages: "60 %" as "60%"."""
    return text.replace(" %", "%")


def shortened(text: str, most: int) -> str:
    """A text on one line and no longer than that, cut between words where it can be; "" for no room at all."""
    line = tight(" ".join(text.split()))
    if len(line) <= most:
        return line
    head = line[: max(most - 1, 0)]
    cut = head.rpartition(" ")[0]
    return f"{(cut if len(cut) > most // 2 else head).rstrip(' ,;:')}…" if head else ""
