"""Rates of exchanges as people read them: of every 1,000; of few exchanges, how many of how many."""

from __future__ import annotations

from roadmap.numbers import per_thousand

#: Of fewer exchanges than this nothing is said of every 1,000: one of three is no 333 that anybody has seen.
FEW = 100

UNIT = "of every 1,000"


def many(share: float, exchanges: int) -> str:
    """A share of exchanges without its unit: "84" of every 1,000, or "1 of 3"."""
    return per_thousand(share) if exchanges >= FEW else f"{round(share * exchanges):,} of {exchanges:,}"


def unit(exchanges: int) -> str:
    """What stands after `many`."""
    return UNIT if exchanges >= FEW else "exchanges"


def was(share: float | None, exchanges: int, beside: int) -> str:
    """The control's share in brackets, after one of so many exchanges `beside` it; "" where it is not known."""
    if share is None:
        return ""
    other = f" {UNIT}" if exchanges >= FEW > beside else ""
    return f" (was {many(share, exchanges)}{other})"
