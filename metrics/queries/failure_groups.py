"""Failures that are alike, put together by their fingerprint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from metrics.events import FAILED_OUTCOMES, subject_name
from metrics.queries.filter_sql import outcomes_of
from metrics.queries.pagination import join_tables
from metrics.queries.run_filter import NO_ERROR_RECORDED, RunFilter
from metrics.queries.runs import build_query
from metrics.store.error_fingerprint import error_pattern

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.queries.pagination import RunQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Failed runs that have an error in common, and the newest of them as an example."""

    fingerprint: str  #: as `Picked.fingerprint` takes it: `UNTOLD` for runs that tell neither a kind nor a text
    error_type: str
    pattern: str
    example: str  #: the newest error in words, whole
    runs: int
    outcomes: tuple[str, ...]  #: how they ended
    feeds: tuple[str, ...]  #: PARTNER/FEED
    sides: tuple[str, ...]
    first_at_us: int
    last_at_us: int
    example_run_id: int
    example_feed: str  #: PARTNER/FEED


def group_failures(
    db: Database, picked: RunFilter, limit: int = 200, *, newest_first: bool = False
) -> tuple[FailureGroup, ...]:
    """The failed runs of a list by what they have in common, the most frequent first, or the last seen.

    `limit` is how many groups there are at the most. States that are not failures are left out.
    """
    way = build_query(db, failures_only(picked))
    sql = (
        "SELECT tally.fingerprint, cell.id, outcome, runs, first_at_us, last_at_us, partner, feed, system, level "  # noqa: S608
        f"FROM {join_tables(way)}"
    )
    kinds: dict[str, list[Any]] = {}
    for shared, *row in db.execute(sql, (*way.cells.values, *way.tallies.values)):
        kinds.setdefault(shared, []).append(row)
    by_count = {shared: -sum(row[2] for row in rows) for shared, rows in kinds.items()}
    by_age = {shared: -max(row[4] for row in rows) if newest_first else 0 for shared, rows in kinds.items()}
    most = sorted(kinds.items(), key=lambda kind: (by_age[kind[0]], by_count[kind[0]], kind[0]))[:limit]
    return tuple(_failure_group(db, way, shared, rows) for shared, rows in most)


def failures_only(picked: RunFilter) -> RunFilter:
    """The same list without what did not fail."""
    kept = tuple(name for name in outcomes_of(picked.states) if name in FAILED_OUTCOMES)
    return replace(picked, states=kept if picked.states else FAILED_OUTCOMES) if kept or not picked.states else NO_RUNS


#: A list of no run.
NO_RUNS = RunFilter(states=("",))


def _failure_group(db: Database, way: RunQuery, shared: str, rows: list[Any]) -> FailureGroup:
    cell, outcome, _, _, last_at_us, partner, feed, *_ = max(rows, key=lambda row: (row[4], row[0], row[1]))
    sql = (
        "SELECT id, error_type, error FROM run "  # noqa: S608 (conditions are our own)
        f"WHERE cell = ? AND outcome = ? AND fingerprint = ? AND started_at_us = ? AND {way.runs.where} LIMIT 1"
    )
    key = (cell, outcome, shared, last_at_us, *way.runs.values)
    number, error_type, error = db.execute(sql, key).fetchone()
    return FailureGroup(
        fingerprint=shared or NO_ERROR_RECORDED,
        error_type=error_type,
        pattern=error_pattern(error_type, error),
        example=error,
        runs=sum(row[2] for row in rows),
        outcomes=tuple(sorted({row[1] for row in rows})),
        feeds=tuple(sorted({f"{row[5]}/{row[6]}" for row in rows})),
        sides=tuple(sorted({subject_name(system, level) for *_, system, level in rows})),
        first_at_us=min(row[3] for row in rows),
        last_at_us=last_at_us,
        example_run_id=number,
        example_feed=f"{partner}/{feed}",
    )
