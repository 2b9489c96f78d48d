"""Weeks in, one small still chart out: where each line of it runs, as numbers and texts for an SVG. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from roadmap.report.block_series import peak_s, smallest_difference
from roadmap.wording import dates
from roadmap.wording.numbers import percent, plural, time_unit
from roadmap.wording.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from roadmap.report.block_series import BlockPoint, MilestoneSpan
    from roadmap.wording.numbers import TimeUnit

#: The drawing in units of its own; it is as wide as the paper, on which a unit is three quarters of a point.
WIDTH, RIGHT, TOP, BOTTOM = 700, 112, 18, 18

#: How wide a letter beside the axis is at most.
LETTER = 8.0

#: Labels at the ends of lines stand so far apart at least.
APART = 13.0

#: Fewer units than this between two names over the drawing, and the second is left out.
NAME_ROOM = 44.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SvgLine:
    """One line, as an SVG path, and its label at the end."""

    role: str  #: "baseline", "service" or "target"
    path: str
    label: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SvgTick:
    """A place on an axis, or a day to see on it, with what stands there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SvgChart:
    """Busy seconds per 1,000 records by block. Places are in units of the drawing, from its upper left corner."""

    title: str  #: the message
    what: str  #: what is drawn
    said: str  #: the same in words, for those who do not see it
    height: int
    floor: float  #: where 0 is
    left: float
    right: float
    lines: tuple[SvgLine, ...]
    across: tuple[SvgTick, ...]  #: days along the bottom
    up: tuple[SvgTick, ...]  #: seconds up the left side
    marks: tuple[SvgTick, ...]  #: milestones where they start
    width: int = WIDTH


def draw_chart(
    weeks: Sequence[BlockPoint], parts: Sequence[MilestoneSpan], faults: str, unit: str, height: int
) -> SvgChart | None:
    """The drawing of both sides and the target; None where neither was measured.

    Args:
        weeks: blocks in order.
        parts: the milestones that stood.
        faults: what to call the faults that runs met, "under standard faults".
        unit: what a block is called, "week".
        height: of the drawing, in its units.
    """
    peak = peak_s(weeks)
    if not peak:
        return None
    how = time_unit(peak)
    first, last = weeks[0].block, weeks[-1].block_end
    step = _step(peak / (3 if height < 150 else 4))
    top = math.ceil(peak * 1.02 / step) * step
    marks = [(step * n, f"{step * n * how.factor:,g} {how.unit}") for n in range(round(top / step) + 1)]
    left = round(9 + LETTER * max(len(said) for _, said in marks))
    floor, right = float(height - BOTTOM), float(WIDTH - RIGHT)

    def x(day: date) -> float:
        return round(left + (right - left) * (day - first).days / max((last - first).days, 1), 1)

    def y(seconds: float) -> float:
        return round(floor - (floor - TOP) * seconds / top, 1)

    targets = {part.target for part in parts if part.target is not None}
    goal = f"target: {percent(targets.pop())} less" if len(targets) == 1 else "target"
    ask: tuple[tuple[str, str, Callable[[BlockPoint], float | None], bool], ...] = (
        ("baseline", "monolith", lambda week: week.control_s, False),
        ("target", goal, lambda week: week.target_s, True),
        ("service", "service", lambda week: week.subject_s, True),
    )
    lines = []
    for role, label, value, switches in ask:
        runs = list(_runs(weeks, value, switches=switches))
        if runs:
            points = [[(x(_middle(week)), y(seconds)) for week, seconds in run] for run in runs]
            path = "".join(_path(run) for run in points)
            lines.append(SvgLine(role=role, path=path, label=label, x=points[-1][-1][0] + 6, y=points[-1][-1][1]))
    return SvgChart(
        title=_message(weeks, unit),
        what=f"Busy time per 1,000 records the partner holds, by {unit}, {dates.days_between(first, last)}; {faults}, "
        "all feeds together.",
        said=_said(weeks, unit, how),
        height=height,
        floor=floor,
        left=float(left),
        right=right,
        lines=tuple(_apart(lines, TOP + 3, floor - 2)),
        across=tuple(SvgTick(at=x(day), text=dates.day(day, year=False)) for day in _days(first, last)),
        up=tuple(SvgTick(at=y(seconds), text=said) for seconds, said in marks),
        marks=tuple(_named(SvgTick(at=x(max(part.start, first)), text=shortened(part.code, 8)) for part in parts)),
    )


def _middle(week: BlockPoint) -> date:
    return week.block + (week.block_end - week.block) // 2


def _runs(
    weeks: Sequence[BlockPoint], value: Callable[[BlockPoint], float | None], *, switches: bool
) -> Iterator[list[tuple[BlockPoint, float]]]:
    """Stretches without a gap; where asked, a milestone's line does not run on into the next's."""
    run: list[tuple[BlockPoint, float]] = []
    for week in weeks:
        found = value(week)
        if run and (found is None or (switches and run[-1][0].milestone != week.milestone)):
            yield run
            run = []
        if found is not None:
            run.append((week, found))
    if run:
        yield run


def _path(points: Sequence[tuple[float, float]]) -> str:
    (x, y), *rest = points
    return f"M{x:g} {y:g}" + ("".join(f"L{x:g} {y:g}" for x, y in rest) or "h0.1")  # a lone week is a dot


def _step(about: float) -> float:
    """The next round number: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(about))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= about)


def _days(first: date, last: date) -> list[date]:
    """First days of months, seven at most; without two of them, the first day and the last."""
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    found = [day for n in months if (day := date(n // 12, n % 12 + 1, 1)) >= first]
    return found[:: math.ceil(len(found) / 7)] if len(found) > 1 else [first, last]


def _named(marks: Iterator[SvgTick]) -> Iterator[SvgTick]:
    """Marks, the names of those left out that would run into the one before."""
    until = -math.inf
    for mark in marks:
        yield mark if mark.at >= until else SvgTick(at=mark.at, text="")
        until = max(until, mark.at + NAME_ROOM) if mark.at >= until else until


def _apart(lines: Sequence[SvgLine], top: float, floor: float) -> Iterator[SvgLine]:
    """Lines with their labels moved apart, in the order in which they end, from the top."""
    order = sorted(range(len(lines)), key=lambda n: lines[n].y)
    places = {n: lines[n].y for n in order}
    for above, below in pairwise(order):
        places[below] = max(places[below], places[above] + APART)
    low = floor
    for n in reversed(order):
        places[n] = max(min(places[n], low), top)
        low = places[n] - APART
    for n, line in enumerate(lines):
        yield SvgLine(role=line.role, path=line.path, label=line.label, x=line.x, y=round(places[n] + 3.5, 1))


def _message(weeks: Sequence[BlockPoint], unit: str) -> str:
    both = [(w.subject_s, w.control_s) for w in weeks if w.subject_s is not None and w.control_s is not None]
    if not both:
        return f"Time per record: no {unit} has both sides yet"
    better = sum(ours < theirs for ours, theirs in both)
    return f"Less time per record in {better:,} of {plural(len(both), unit)}"


def _said(weeks: Sequence[BlockPoint], unit: str, how: TimeUnit) -> str:
    """Middle, least and most of each side, and where the least was saved."""
    told = []
    sides = (
        ("Monolith", [week.control_s for week in weeks if week.control_s is not None]),
        ("service", [week.subject_s for week in weeks if week.subject_s is not None]),
    )
    for name, values in sides:
        if not values:
            told.append(f"{name} not measured")
            continue
        if len(values) == 1:
            told.append(f"{name} {how.text(values[0])}")
            continue
        low, middle, high = (how.text(value) for value in (min(values), median(values), max(values)))
        told.append(f"{name} {middle} in the middle {unit}, from {low} to {high}")
    least = smallest_difference(weeks)
    return "; ".join(told) + "." + (f" {least.said}" if least else "")
