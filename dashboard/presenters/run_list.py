"""Rows and grid of the list of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard import labels
from roadmap.wording import gains, numbers
from roadmap.wording import numbers as wording_numbers
from roadmap.wording.dates import timestamp
from roadmap.wording.text import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metrics.queries.run_filter import RunFilter
    from metrics.queries.run_grid import FeedRun, FeedRuns
    from metrics.queries.runs import Run


#: Runs of each feed in the grid, and feeds that it shows.
GRID_RUNS, GRID_FEEDS = 20, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
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
class GridMark:
    """One run in the grid: its number, its look, and its name for those who hear it."""

    id: int
    look: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """The last runs of one feed, the oldest first."""

    partner: str
    feed: str
    marks: tuple[GridMark, ...]
    ends: frozenset[str]  #: how its runs ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The last runs of some feeds, and how many feeds there would be."""

    rows: tuple[GridRow, ...]
    feeds: int
    about: str
    looks: tuple[tuple[str, str], ...]  #: class and name of every end in it


def run_row(run: Run) -> RunRow:
    """A run as a row of the table."""
    return RunRow(
        id=run.id,
        started=timestamp(run.started_at_us),
        partner=run.partner,
        feed=run.feed,
        side=run.side,
        faults=gains.FAULTS_NAME.get(run.faults, run.faults),
        round=numbers.count(run.round) if run.round else "",
        trouble=labels.error_label(run.error_type) if run.error_type else "",
        attempt=numbers.count(run.attempt),
        look=labels.outcome_class(run.outcome),
        outcome=labels.outcome_label(run.outcome),
        took=wording_numbers.duration(run.duration_s),
        rows_in=_row_count(run, "in"),
        delivered=_row_count(run, "delivered"),
        aside=_row_count(run, "quarantined"),
        error=shortened(run.error or run.error_type),
    )


def _row_count(run: Run, name: str) -> str:
    """Rows of a run; who only timed it tells of none that were set aside."""
    if run.rows is None:
        return "not yet" if run.outcome == "running" else numbers.MISSING
    untold = name == "quarantined" and not (run.has_inner_counts or run.rows[name])
    return numbers.MISSING if untold else numbers.count(run.rows[name])


def grid_row(row: FeedRuns) -> GridRow:
    """The last runs of one feed, in words."""
    return GridRow(
        partner=row.partner,
        feed=row.feed,
        marks=tuple(map(_grid_mark, row.runs)),
        ends=frozenset(cell.outcome for cell in row.runs),
    )


def grid(rows: Sequence[GridRow], picked: RunFilter, about: str) -> Grid:
    """The grid of the feeds that a list picks, as many as there is room for."""
    wanted = [
        row
        for row in rows
        if (not picked.partners or row.partner in picked.partners) and (not picked.feeds or row.feed in picked.feeds)
    ]
    shown = tuple(wanted[:GRID_FEEDS])
    ends: set[str] = set().union(*(row.ends for row in shown))
    known = [*(name for name in labels.OUTCOME_LABELS if name in ends), *sorted(ends - set(labels.OUTCOME_LABELS))]
    looks = tuple((labels.outcome_class(name), labels.outcome_label(name)) for name in known)
    return Grid(rows=shown, feeds=len(wanted), about=about, looks=looks)


def _grid_mark(cell: FeedRun) -> GridMark:
    took = f", {wording_numbers.duration(cell.duration_s)}" if cell.duration_s is not None else ""
    label = f"{labels.outcome_label(cell.outcome)}, {timestamp(cell.started_at_us)}{took}"
    return GridMark(id=cell.id, look=labels.outcome_class(cell.outcome), label=label)
