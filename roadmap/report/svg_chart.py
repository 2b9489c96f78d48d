"""Lay out the chart of the one-page report: paths, ticks and labels for an SVG. Pure."""

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
from roadmap.wording.sentences import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from roadmap.report.block_series import BlockPoint, MilestoneSpan
    from roadmap.wording.numbers import TimeUnit

#: Size and margins in the drawing's units; it is as wide as the paper, where a unit is three quarters of a point.
WIDTH, RIGHT, TOP, BOTTOM = 700, 112, 18, 18

#: Largest width of a letter beside the axis.
LETTER = 8.0

#: Smallest distance between the labels at the ends of lines.
LABEL_DISTANCE = 13.0

#: Width of a milestone's name above the chart; the next name is left out where it would overlap.
NAME_WIDTH = 44.0


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
    """A position on an axis, with its label."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SvgChart:
    """Busy seconds per 1,000 records by block. Positions are in the drawing's units, from its upper left corner."""

    title: str  #: the message
    subtitle: str  #: what is drawn
    description: str  #: the chart in words, for screen readers
    height: int
    floor: float  #: the position of 0
    left: float
    right: float
    lines: tuple[SvgLine, ...]
    x_ticks: tuple[SvgTick, ...]  #: days
    y_ticks: tuple[SvgTick, ...]  #: seconds
    milestone_ticks: tuple[SvgTick, ...]  #: the starts of milestones
    width: int = WIDTH


def draw_chart(
    weeks: Sequence[BlockPoint], parts: Sequence[MilestoneSpan], faults: str, unit: str, height: int
) -> SvgChart | None:
    """Return the chart of both sides and the target; None where neither was measured.

    Args:
        weeks: blocks in order.
        parts: the milestones in use, one after another.
        faults: the faults that runs met, as a phrase: "under standard faults".
        unit: the name of a block: "week".
        height: in the drawing's units.
    """
    peak = peak_s(weeks)
    if not peak:
        return None
    time = time_unit(peak)
    first, last = weeks[0].block, weeks[-1].block_end
    step = _step(peak / (3 if height < 150 else 4))
    top = math.ceil(peak * 1.02 / step) * step
    ticks = [(step * n, f"{step * n * time.factor:,g} {time.unit}") for n in range(round(top / step) + 1)]
    left = round(9 + LETTER * max(len(label) for _, label in ticks))
    floor, right = float(height - BOTTOM), float(WIDTH - RIGHT)

    def x(day: date) -> float:
        return round(left + (right - left) * (day - first).days / max((last - first).days, 1), 1)

    def y(seconds: float) -> float:
        return round(floor - (floor - TOP) * seconds / top, 1)

    targets = {part.target for part in parts if part.target is not None}
    goal = f"target: {percent(targets.pop())} less" if len(targets) == 1 else "target"
    series: tuple[tuple[str, str, Callable[[BlockPoint], float | None], bool], ...] = (
        ("baseline", "monolith", lambda week: week.control_s, False),
        ("target", goal, lambda week: week.target_s, True),
        ("service", "service", lambda week: week.subject_s, True),
    )
    lines = []
    for role, label, value, switches in series:
        runs = list(_runs(weeks, value, switches=switches))
        if runs:
            points = [[(x(_middle(week)), y(seconds)) for week, seconds in run] for run in runs]
            path = "".join(_path(run) for run in points)
            lines.append(SvgLine(role=role, path=path, label=label, x=points[-1][-1][0] + 6, y=points[-1][-1][1]))
    return SvgChart(
        title=_message(weeks, unit),
        subtitle=f"Busy time per 1,000 records the partner holds, by {unit}, {dates.days_between(first, last)}; "
        f"{faults}, all feeds together.",
        description=_description(weeks, unit, time),
        height=height,
        floor=floor,
        left=float(left),
        right=right,
        lines=tuple(_apart(lines, TOP + 3, floor - 2)),
        x_ticks=tuple(SvgTick(at=x(day), text=dates.day(day, year=False)) for day in _days(first, last)),
        y_ticks=tuple(SvgTick(at=y(seconds), text=label) for seconds, label in ticks),
        milestone_ticks=tuple(
            _without_overlap(SvgTick(at=x(max(part.start, first)), text=shortened(part.code, 8)) for part in parts)
        ),
    )


def _middle(week: BlockPoint) -> date:
    return week.block + (week.block_end - week.block) // 2


def _runs(
    weeks: Sequence[BlockPoint], value: Callable[[BlockPoint], float | None], *, switches: bool
) -> Iterator[list[tuple[BlockPoint, float]]]:
    """Yield the parts of a line without a gap; with `switches`, a line ends with its milestone."""
    run: list[tuple[BlockPoint, float]] = []
    for week in weeks:
        seconds = value(week)
        if run and (seconds is None or (switches and run[-1][0].milestone != week.milestone)):
            yield run
            run = []
        if seconds is not None:
            run.append((week, seconds))
    if run:
        yield run


def _path(points: Sequence[tuple[float, float]]) -> str:
    (x, y), *rest = points
    return f"M{x:g} {y:g}" + ("".join(f"L{x:g} {y:g}" for x, y in rest) or "h0.1")  # a single week is a dot


def _step(about: float) -> float:
    """Return the next round number: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(about))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= about)


def _days(first: date, last: date) -> list[date]:
    """Return first days of months, seven at most; if there are fewer than two, the first and the last day."""
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    starts = [day for n in months if (day := date(n // 12, n % 12 + 1, 1)) >= first]
    return starts[:: math.ceil(len(starts) / 7)] if len(starts) > 1 else [first, last]


def _without_overlap(ticks: Iterator[SvgTick]) -> Iterator[SvgTick]:
    """Yield the ticks, without the names that would overlap the one before."""
    until = -math.inf
    for tick in ticks:
        yield tick if tick.at >= until else SvgTick(at=tick.at, text="")
        until = max(until, tick.at + NAME_WIDTH) if tick.at >= until else until


def _apart(lines: Sequence[SvgLine], top: float, floor: float) -> Iterator[SvgLine]:
    """Yield the lines with their labels moved apart, in the order of their ends from the top."""
    order = sorted(range(len(lines)), key=lambda n: lines[n].y)
    places = {n: lines[n].y for n in order}
    for above, below in pairwise(order):
        places[below] = max(places[below], places[above] + LABEL_DISTANCE)
    low = floor
    for n in reversed(order):
        places[n] = max(min(places[n], low), top)
        low = places[n] - LABEL_DISTANCE
    for n, line in enumerate(lines):
        yield SvgLine(role=line.role, path=line.path, label=line.label, x=line.x, y=round(places[n] + 3.5, 1))


def _message(weeks: Sequence[BlockPoint], unit: str) -> str:
    both = [(w.subject_s, w.control_s) for w in weeks if w.subject_s is not None and w.control_s is not None]
    if not both:
        return f"Time per record: no {unit} has both sides yet"
    better = sum(ours < theirs for ours, theirs in both)
    return f"Less time per record in {better:,} of {plural(len(both), unit)}"


def _description(weeks: Sequence[BlockPoint], unit: str, time: TimeUnit) -> str:
    """Return median, minimum and maximum of each side, and the block with the smallest difference."""
    parts = []
    sides = (
        ("Monolith", [week.control_s for week in weeks if week.control_s is not None]),
        ("service", [week.subject_s for week in weeks if week.subject_s is not None]),
    )
    for name, values in sides:
        if not values:
            parts.append(f"{name} not measured")
            continue
        if len(values) == 1:
            parts.append(f"{name} {time.text(values[0])}")
            continue
        low, middle, high = (time.text(value) for value in (min(values), median(values), max(values)))
        parts.append(f"{name} {middle} in the middle {unit}, from {low} to {high}")
    least = smallest_difference(weeks)
    return "; ".join(parts) + "." + (f" {least.text}" if least else "")
