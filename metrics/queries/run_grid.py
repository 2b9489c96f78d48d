"""The latest runs of each feed as a grid, and the choices of the run filter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from metrics.events import subject_name
from metrics.queries.filter_sql import (
    SqlConditions,
    ended_by,
    has_cell,
    list_feeds,
    require_run_counts,
)
from metrics.queries.pagination import RunQuery, next_page
from metrics.queries.run_filter import RunFilter
from metrics.queries.runs import build_query, read_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class FeedRun:
    """One run in the grid."""

    id: int
    outcome: str
    started_at_us: int
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class FeedRuns:
    """The latest runs of one feed, oldest first."""

    partner: str
    feed: str
    runs: tuple[FeedRun, ...]


@dataclass(frozen=True, slots=True)
class FilterChoices:
    """The values that a run filter can select; `first` and `last` are the first and last day of all blocks."""

    sides: tuple[str, ...]
    partners: tuple[str, ...]
    feeds: tuple[str, ...]
    faults: tuple[str, ...]
    first: date | None
    last: date | None


def latest_runs(
    db: Database, sides: Sequence[str], faults: Sequence[str] | str, limit: int = 20, known_by: date | None = None
) -> tuple[FeedRuns, ...]:
    """Return the latest runs of each feed on these sides and faults; feeds without such a run are absent.

    With `known_by` only runs that were known by the end of that day count.
    """
    names = (faults,) if isinstance(faults, str) else tuple(faults)
    rows, ended = [], ended_by(db, known_by)
    for partner, feed in list_feeds(db, known_by):
        query = build_query(db, RunFilter(sides=tuple(sides), faults=names, partners=(partner,), feeds=(feed,)))
        cursors = next_page(db, RunQuery(query.cells + ended, query.tallies, query.runs), None, limit)
        columns = read_columns(db, "id, outcome, started_at_us, duration_ns", [cursor.id for cursor in cursors])
        if columns:
            runs = (
                FeedRun(run_id, outcome, started_at_us, None if duration_ns is None else duration_ns / 1e9)
                for run_id, outcome, started_at_us, duration_ns in reversed(columns)
            )
            rows.append(FeedRuns(partner, feed, tuple(runs)))
    return tuple(rows)


def filter_choices(db: Database, known_by: date | None = None) -> FilterChoices:
    """Return the values that any run has; with `known_by`, any run that was known by the end of that day."""
    require_run_counts(db)
    pairs = tuple(list_feeds(db, known_by))
    sides = list_sides(db, known_by)
    ended = ended_by(db, known_by)
    first, last = (
        db.execute(f"SELECT {extreme}(block) FROM cell WHERE {ended.where}", ended.values).fetchone()[0]  # noqa: S608
        for extreme in ("MIN", "MAX")
    )
    ends = "SELECT MAX(tally.block_end) FROM cell CROSS JOIN tally ON tally.cell = cell.id WHERE cell.block = ?"
    end = db.execute(ends, (last,)).fetchone()[0]
    return FilterChoices(
        sides=tuple(dict.fromkeys(subject_name(system, level) for system, level, _ in sides)),
        partners=tuple(dict.fromkeys(partner for partner, _ in pairs)),
        feeds=tuple(sorted({feed for _, feed in pairs})),
        faults=tuple(sorted({faults for *_, faults in sides})),
        first=date.fromisoformat(first) if first else None,
        last=date.fromisoformat(end) if end else None,
    )


def list_sides(db: Database, known_by: date | None = None) -> list[tuple[str, int, str]]:
    """Return each system, level and faults that has a run, in order; with `known_by`, by the end of that day."""
    names = "system, level, faults"
    sql = f"SELECT {names} FROM cell WHERE ({names}) > (?, ?, ?) ORDER BY {names} LIMIT 1"  # noqa: S608
    sides: list[tuple[str, int, str]] = []
    while side := db.execute(sql, sides[-1] if sides else ("", 0, "")).fetchone():
        sides.append(side)
    if known_by is None:
        return sides
    of_side, ended = "cell.system = ? AND cell.level = ? AND cell.faults = ?", ended_by(db, known_by)
    return [side for side in sides if has_cell(db, SqlConditions((of_side,), side) + ended)]
