"""Stage changes of routes as marks of a chart."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from dashboard.charts.layout import MarkedDay
from dashboard.labels import position_text
from roadmap.wording.sentences import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from dashboard.migration_state import StageChange

#: Marks of one chart: more would hide its lines.
MAX_MARKS = 8

#: Upright texts that fit beside one another along the axis, on a phone.
MAX_TEXTS = 12

#: Characters of a mark's text: as many as fit along a line.
MAX_CHARS = 34


def marks_of(changes: Sequence[StageChange], *, named: bool) -> list[MarkedDay]:
    """Return the newest stage changes as marks, the oldest first; with `named`, each with its feed."""
    moves = [change for change in changes if change.action in {"advance", "back"}]
    return mark_days(
        (change.at.date(), f"{change.partner}/{change.feed}" if named else "", change.position) for change in moves
    )


def mark_days(moves: Iterable[tuple[date, str, str]]) -> list[MarkedDay]:
    """Return moves, the newest first, as marks, the oldest first: days, names of feeds or "", and positions.

    Moves of one day are one mark; of more than one, it has their number.
    """
    by_day: dict[date, list[str]] = {}
    for day, name, position in moves:
        if day in by_day or len(by_day) < MAX_MARKS:
            by_day.setdefault(day, []).append(f"{name}: {position_text(position)}" if name else position_text(position))
    return [
        MarkedDay(
            day=day,
            text=escape(shortened(texts[0], MAX_CHARS)) if len(texts) == 1 else f"{len(texts)} stage changes",
            is_upright=True,
            count=len(texts),
        )
        for day, texts in sorted(by_day.items())
    ]


def join_near_marks(marks: Iterable[MarkedDay], first: date, last: date) -> list[MarkedDay]:
    """Return the marks, the oldest first, of a time axis from `first` to `last` with texts that do not overlap.

    Of marks that are too near one another for the width of a phone, the first has the number of all changes, and the
    others have a line alone.
    """
    near_days = (last - first).days / MAX_TEXTS
    groups: list[list[MarkedDay]] = []
    for mark in sorted(marks, key=lambda mark: mark.day):
        if groups and (mark.day - groups[-1][0].day).days < near_days:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return [mark for group in groups for mark in _join(group)]


def _join(group: list[MarkedDay]) -> list[MarkedDay]:
    head, *others = group
    if not others:
        return group
    total = sum(mark.count for mark in group)
    return [replace(head, text=f"{total} stage changes"), *(replace(mark, text="") for mark in others)]
