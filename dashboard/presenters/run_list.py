"""The list of runs: rows of its table, and the grid of the last runs of each feed."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from dashboard import labels
from dashboard.filters.time_zone import UTC_ZONE, moment_text
from roadmap.wording import gains, numbers
from roadmap.wording.sentences import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metrics.queries.run_filter import RunFilter
    from metrics.queries.run_grid import FeedRun, FeedRuns
    from metrics.queries.runs import Run


#: Runs of each feed in the grid, and feeds that it shows.
GRID_RUNS, GRID_FEEDS = 20, 24

NO_NOTES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run in the table, as text."""

    id: int
    started_at_us: int
    partner: str
    feed: str
    side: str
    faults: str
    round: str  #: pass of a replay; "" in production
    error_label: str  #: label of its error type
    attempt: str
    css_class: str
    outcome: str
    duration: str
    rows_in: str
    delivered: str
    quarantined: str
    error: str
    note: str = ""  #: on its exchange, such as that it was delivered again


@dataclass(frozen=True, slots=True, kw_only=True)
class GridMark:
    """One run in the grid: its number, its style class, and its label for screen readers."""

    id: int
    css_class: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """The last runs of one feed, the oldest first."""

    partner: str
    feed: str
    marks: tuple[GridMark, ...]
    ends: frozenset[str]  #: outcomes of its runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The last runs of some feeds, and the number of all feeds that the filter picks."""

    rows: tuple[GridRow, ...]
    feeds: int
    about: str
    legend: tuple[tuple[str, str], ...]  #: class and label of every outcome in it


def exchange_note(run: Run, notes: Mapping[str, str]) -> str:
    """Return the note on the exchange of a run; a file that was received again has that of its exchange."""
    return notes.get(run.exchange_id.partition("#")[0], "")


def run_row(run: Run, notes: Mapping[str, str] = NO_NOTES) -> RunRow:
    """Return a run as a row of the table, with the note on its exchange."""
    return RunRow(
        id=run.id,
        started_at_us=run.started_at_us,
        partner=run.partner,
        feed=run.feed,
        side=run.side,
        faults=gains.FAULTS_NAME.get(run.faults, run.faults),
        round=numbers.count(run.round) if run.round else "",
        error_label=labels.error_label(run.error_type) if run.error_type else "",
        attempt=numbers.count(run.attempt),
        css_class=labels.outcome_class(run.outcome),
        outcome=labels.outcome_label(run.outcome),
        duration=numbers.duration(run.duration_s),
        rows_in=_row_count(run, "in"),
        delivered=_row_count(run, "delivered"),
        quarantined=_row_count(run, "quarantined"),
        error=shortened(run.error or run.error_type),
        note=exchange_note(run, notes),
    )


def _row_count(run: Run, name: str) -> str:
    """Return a count of rows; a run that was only timed from outside has no count of quarantined rows."""
    if run.rows is None:
        return "not yet" if run.outcome == "running" else numbers.MISSING
    is_unknown = name == "quarantined" and not (run.has_inner_counts or run.rows[name])
    return numbers.MISSING if is_unknown else numbers.count(run.rows[name])


def grid_row(row: FeedRuns, zone: str = UTC_ZONE) -> GridRow:
    """Return the last runs of one feed as a row of the grid, with their moments in a time zone."""
    return GridRow(
        partner=row.partner,
        feed=row.feed,
        marks=tuple(_grid_mark(run, zone) for run in row.runs),
        ends=frozenset(cell.outcome for cell in row.runs),
    )


def grid(rows: Sequence[GridRow], run_filter: RunFilter, about: str) -> Grid:
    """Return the grid of the feeds that a filter picks, the first `GRID_FEEDS` of them."""
    matching = [
        row
        for row in rows
        if (not run_filter.partners or row.partner in run_filter.partners)
        and (not run_filter.feeds or row.feed in run_filter.feeds)
    ]
    shown = tuple(matching[:GRID_FEEDS])
    ends: set[str] = set().union(*(row.ends for row in shown))
    outcomes = [*(name for name in labels.OUTCOME_LABELS if name in ends), *sorted(ends - set(labels.OUTCOME_LABELS))]
    legend = tuple((labels.outcome_class(name), labels.outcome_label(name)) for name in outcomes)
    return Grid(rows=shown, feeds=len(matching), about=about, legend=legend)


def _grid_mark(cell: FeedRun, zone: str) -> GridMark:
    duration = f", {numbers.duration(cell.duration_s)}" if cell.duration_s is not None else ""
    label = f"{labels.outcome_label(cell.outcome)}, {moment_text(cell.started_at_us, zone)}{duration}"
    return GridMark(id=cell.id, css_class=labels.outcome_class(cell.outcome), label=label)
