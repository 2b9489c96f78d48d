"""Failed runs grouped by the fingerprint of their error."""

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
    """Failed runs with the same fingerprint, and the newest of them as an example."""

    fingerprint: str  #: as `RunFilter.fingerprint` takes it: `NO_ERROR_RECORDED` for runs without a kind and a text
    error_type: str
    pattern: str
    example: str  #: the full text of the newest error
    runs: int
    outcomes: tuple[str, ...]
    feeds: tuple[str, ...]  #: PARTNER/FEED
    sides: tuple[str, ...]
    first_at_us: int
    last_at_us: int
    example_run_id: int
    example_feed: str  #: PARTNER/FEED


def group_failures(
    db: Database, run_filter: RunFilter, limit: int = 200, *, newest_first: bool = False
) -> tuple[FailureGroup, ...]:
    """Return up to `limit` groups of the failed runs of a filter, most frequent first, or last seen first.

    States that are not failures are ignored.
    """
    query = build_query(db, failures_only(run_filter))
    sql = (
        "SELECT tally.fingerprint, cell.id, outcome, runs, first_at_us, last_at_us, partner, feed, system, level "  # noqa: S608
        f"FROM {join_tables(query)}"
    )
    groups: dict[str, list[Any]] = {}
    for fingerprint, *row in db.execute(sql, (*query.cells.values, *query.tallies.values)):
        groups.setdefault(fingerprint, []).append(row)
    by_count = {fingerprint: -sum(row[2] for row in rows) for fingerprint, rows in groups.items()}
    by_age = {fingerprint: -max(row[4] for row in rows) if newest_first else 0 for fingerprint, rows in groups.items()}
    ordered = sorted(groups, key=lambda fingerprint: (by_age[fingerprint], by_count[fingerprint], fingerprint))
    return tuple(_failure_group(db, query, fingerprint, groups[fingerprint]) for fingerprint in ordered[:limit])


def failures_only(run_filter: RunFilter) -> RunFilter:
    """Return the filter without the runs that did not fail."""
    failed = tuple(outcome for outcome in outcomes_of(run_filter.states) if outcome in FAILED_OUTCOMES)
    if run_filter.states and not failed:
        return NO_RUNS
    return replace(run_filter, states=failed or FAILED_OUTCOMES)


#: A filter that selects no run.
NO_RUNS = RunFilter(states=("",))


def _failure_group(db: Database, query: RunQuery, fingerprint: str, rows: list[Any]) -> FailureGroup:
    cell, outcome, _, _, last_at_us, partner, feed, *_ = max(rows, key=lambda row: (row[4], row[0], row[1]))
    sql = (
        "SELECT id, error_type, error FROM run "  # noqa: S608 (conditions are our own)
        f"WHERE cell = ? AND outcome = ? AND fingerprint = ? AND started_at_us = ? AND {query.runs.where} LIMIT 1"
    )
    key = (cell, outcome, fingerprint, last_at_us, *query.runs.values)
    run_id, error_type, error = db.execute(sql, key).fetchone()
    return FailureGroup(
        fingerprint=fingerprint or NO_ERROR_RECORDED,
        error_type=error_type,
        pattern=error_pattern(error_type, error),
        example=error,
        runs=sum(row[2] for row in rows),
        outcomes=tuple(sorted({row[1] for row in rows})),
        feeds=tuple(sorted({f"{row[5]}/{row[6]}" for row in rows})),
        sides=tuple(sorted({subject_name(system, level) for *_, system, level in rows})),
        first_at_us=min(row[3] for row in rows),
        last_at_us=last_at_us,
        example_run_id=run_id,
        example_feed=f"{partner}/{feed}",
    )
