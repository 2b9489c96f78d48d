"""In which block the service was nearest to the monolith, or furthest behind it: said beside every count of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median, multimode
from typing import TYPE_CHECKING

from roadmap.answers import days_between, less
from roadmap.numbers import count, plural
from roadmap.scale import scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from roadmap.weeks import Week


def peak_s(weeks: Sequence[Week]) -> float:
    """The highest number of either side; 0 where there is none."""
    known = [value for week in weeks for value in (week.control_s, week.subject_s) if value is not None]
    return max(known, default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowest:
    """The block that both sides have and in which the least was saved."""

    week: Week
    said: str  #: which it is, and how much was saved
    more: str  #: how else it is unlike the others; "" where it is as long as they are


def narrowest(weeks: Sequence[Week]) -> Narrowest | None:
    """The block with the least saved; None where fewer than two have both sides, whose numbers then say it all."""
    both = [
        (1 - week.subject_s / week.control_s, week) for week in weeks if week.control_s and week.subject_s is not None
    ]
    if len(both) < 2:
        return None
    saved, week = min(both, key=lambda one: one[0])
    how = scale(peak_s(weeks))
    amounts = f"{how.said(week.subject_s or 0.0)} with the service, {how.said(week.control_s or 0.0)} with the monolith"
    when = f"{'on' if _days(week) == 1 else 'from'} {days_between(week.block, week.block_end)}"
    usual, more = _unlike(week, [one for _, one in both])
    long = "" if _days(week) == usual else f" ({plural(_days(week), 'day')})"
    said = f"Least saved {when}{long}: {less(saved, 0 if abs(saved) >= 0.095 else 1)}, {amounts}."
    return Narrowest(week=week, said=said, more=more)


def _unlike(week: Week, every: Sequence[Week]) -> tuple[int, str]:
    """How many days a block has for the most part; and what one of another length holds, no more than was counted."""
    usual, *others = multimode(_days(one) for one in every)
    days = _days(week)
    if others:  # no length is the usual one
        return days, ""
    if days == usual or week.subject_exchanges is None or week.subject_held is None:
        return usual, ""
    alike = [one for one in every if _days(one) == usual]
    exchanges = median(one.subject_exchanges for one in alike if one.subject_exchanges is not None)
    held = median(one.subject_held for one in alike if one.subject_held is not None)
    mine = f"{count(week.subject_exchanges)} exchanges for {count(week.subject_held)} records"
    theirs = f"{count(exchanges)} for {count(held)}"
    return usual, f"The service had {mine} in it; in the middle block of {plural(usual, 'day')}, {theirs}."


def _days(week: Week) -> int:
    return (week.block_end - week.block).days + 1
