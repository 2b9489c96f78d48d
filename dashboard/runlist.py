"""Runs as the pages tell them: rows of a table, cells of a grid, and moments in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dashboard import outcomes, troubles, words
from roadmap.wording import gains, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metrics.queries.run_filter import RunFilter
    from metrics.queries.run_grid import Cell, Row
    from metrics.queries.runs import Run

#: Runs of each feed in the grid, and feeds that it shows.
LAST, FEEDS = 20, 24

#: So much of an error stands in a row.
SHORT = 160

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One run in the table, in words."""

    id: int
    started: str
    partner: str
    feed: str
    side: str
    faults: str
    round: str  #: pass of a replay; "" in production
    trouble: str  #: kind of its error in words
    attempt: str
    look: str
    outcome: str
    took: str
    rows_in: str
    delivered: str
    aside: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One run in the grid: its number, its look, and its name for those who hear it."""

    id: int
    look: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """The last runs of one feed, the oldest first."""

    partner: str
    feed: str
    marks: tuple[Mark, ...]
    ends: frozenset[str]  #: how its runs ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The last runs of some feeds, and how many feeds there would be."""

    rows: tuple[GridRow, ...]
    feeds: int
    about: str
    looks: tuple[tuple[str, str], ...]  #: class and name of every end in it


def stamp(at_us: int) -> str:
    """A moment (UTC microseconds): "14 Jan 2013 05:00"."""
    try:
        when = _EPOCH + timedelta(microseconds=at_us)
    except OverflowError:
        return f"{at_us:,} µs"
    return f"{when.day} {when:%b} {when.year} {when:%H:%M}"


def line(run: Run) -> Line:
    """A run as a row of the table."""
    return Line(
        id=run.id,
        started=stamp(run.started_at_us),
        partner=run.partner,
        feed=run.feed,
        side=run.side,
        faults=gains.FAULTS_NAME.get(run.faults, run.faults),
        round=numbers.count(run.round) if run.round else "",
        trouble=troubles.said(run.error_type) if run.error_type else "",
        attempt=numbers.count(run.attempt),
        look=outcomes.look(run.outcome),
        outcome=outcomes.said(run.outcome),
        took=words.duration(run.duration_s),
        rows_in=_rows(run, "in"),
        delivered=_rows(run, "delivered"),
        aside=_rows(run, "quarantined"),
        error=short(run.error or run.error_type),
    )


def _rows(run: Run, name: str) -> str:
    """Rows of a run; who only timed it tells of none that were set aside."""
    if run.rows is None:
        return "not yet" if run.outcome == "running" else numbers.MISSING
    untold = name == "quarantined" and not (run.seen_inside or run.rows[name])
    return numbers.MISSING if untold else numbers.count(run.rows[name])


def short(text: str, most: int = SHORT) -> str:
    """The beginning of a text on one line."""
    one = " ".join(text[: 4 * most].split())
    return one if len(one) <= most else one[: most - 1] + "…"


def grid_row(row: Row) -> GridRow:
    """The last runs of one feed, in words."""
    return GridRow(
        partner=row.partner,
        feed=row.feed,
        marks=tuple(map(_mark, row.cells)),
        ends=frozenset(cell.outcome for cell in row.cells),
    )


def grid(rows: Sequence[GridRow], picked: RunFilter, about: str) -> Grid:
    """The grid of the feeds that a list picks, as many as there is room for."""
    wanted = [
        row
        for row in rows
        if (not picked.partners or row.partner in picked.partners) and (not picked.feeds or row.feed in picked.feeds)
    ]
    shown = tuple(wanted[:FEEDS])
    ends: set[str] = set().union(*(row.ends for row in shown))
    known = [*(name for name in outcomes.OUTCOMES if name in ends), *sorted(ends - set(outcomes.OUTCOMES))]
    looks = tuple((outcomes.look(name), outcomes.said(name)) for name in known)
    return Grid(rows=shown, feeds=len(wanted), about=about, looks=looks)


def _mark(cell: Cell) -> Mark:
    took = f", {words.duration(cell.duration_s)}" if cell.duration_s is not None else ""
    label = f"{outcomes.said(cell.outcome)}, {stamp(cell.started_at_us)}{took}"
    return Mark(id=cell.id, look=outcomes.look(cell.outcome), label=label)
