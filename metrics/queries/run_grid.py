"""The last runs of each feed as a grid, and what there is to filter by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from metrics.events import subject_name
from metrics.queries.filter_sql import SqlConditions, ended_by, has_cell, list_feeds, require_run_counts
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
    """The last runs of one feed, the oldest first."""

    partner: str
    feed: str
    cells: tuple[FeedRun, ...]


@dataclass(frozen=True, slots=True)
class FilterChoices:
    """What there is to pick from; `first` and `last` are the first and the last day of all blocks."""

    sides: tuple[str, ...]
    partners: tuple[str, ...]
    feeds: tuple[str, ...]
    faults: tuple[str, ...]
    first: date | None
    last: date | None


def latest_runs(
    db: Database, sides: Sequence[str], faults: Sequence[str] | str, last: int = 20, known: date | None = None
) -> tuple[FeedRuns, ...]:
    """The last runs of every feed, or the last known by the end of a day; feeds without one here are left out."""
    told = (faults,) if isinstance(faults, str) else tuple(faults)
    rows, over = [], ended_by(db, known)
    for partner, feed in list_feeds(db, known):
        way = build_query(db, RunFilter(sides=tuple(sides), faults=told, partners=(partner,), feeds=(feed,)))
        places = next_page(db, RunQuery(way.cells + over, way.tallies, way.runs), None, last)
        columns = read_columns(db, "id, outcome, started_at_us, duration_ns", [place.id for place in places])
        if columns:
            cells = (
                FeedRun(number, outcome, started, None if ns is None else ns / 1e9)
                for number, outcome, started, ns in reversed(columns)
            )
            rows.append(FeedRuns(partner, feed, tuple(cells)))
    return tuple(rows)


def filter_choices(db: Database, known: date | None = None) -> FilterChoices:
    """What lists can be picked by: whatever any run has; with `known`, any that was known by the end of that day."""
    require_run_counts(db)
    pairs = tuple(list_feeds(db, known))
    measured = list_sides(db, known)
    over = ended_by(db, known)
    ends_of = f"FROM cell WHERE {over.where}"
    first, last = (
        db.execute(f"SELECT {which}(block) {ends_of}", over.values).fetchone()[0] for which in ("MIN", "MAX")
    )
    ends = "SELECT MAX(tally.block_end) FROM cell CROSS JOIN tally ON tally.cell = cell.id WHERE cell.block = ?"
    end = db.execute(ends, (last,)).fetchone()[0]
    return FilterChoices(
        sides=tuple(dict.fromkeys(subject_name(system, level) for system, level, _ in measured)),
        partners=tuple(dict.fromkeys(partner for partner, _ in pairs)),
        feeds=tuple(sorted({feed for _, feed in pairs})),
        faults=tuple(sorted({faults for *_, faults in measured})),
        first=date.fromisoformat(first) if first else None,
        last=date.fromisoformat(end) if end else None,
    )


def list_sides(db: Database, known: date | None = None) -> list[tuple[str, int, str]]:
    """Every system, level and faults that has a run, or had one by the end of a day, in order."""
    names = "system, level, faults"
    sql = f"SELECT {names} FROM cell WHERE ({names}) > (?, ?, ?) ORDER BY {names} LIMIT 1"  # noqa: S608
    found: list[tuple[str, int, str]] = []
    while more := db.execute(sql, found[-1] if found else ("", 0, "")).fetchone():
        found.append(more)
    if known is None:
        return found
    of_side, over = "cell.system = ? AND cell.level = ? AND cell.faults = ?", ended_by(db, known)
    return [side for side in found if has_cell(db, SqlConditions((of_side,), side) + over)]
