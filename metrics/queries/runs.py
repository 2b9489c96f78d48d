"""Runs of the store: one run, a page of runs, their number, and their typical duration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metrics.events import OUTCOMES, subject_name
from metrics.queries import quarantined_rows
from metrics.queries.filter_sql import (
    NO_CONDITIONS,
    SqlConditions,
    cell_conditions,
    is_one_of,
    require_run_counts,
    run_conditions,
    tally_conditions,
)
from metrics.queries.pagination import MAX_INTEGER, Cursor, RunQuery, next_page, sum_runs
from metrics.stats.quantiles import nearest_rank
from metrics.store.cells import EXCHANGE_ID
from metrics.store.database import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlite_utils import Database

    from metrics.queries.run_filter import RunFilter


#: The most and the fewest runs from which a typical duration is computed.
MAX_TYPICAL, MIN_TYPICAL = 200, 5

#: Filters of which a snapshot keeps the number of runs.
MAX_COUNTS = 100

#: Columns whose 0 means "not yet" while a run is under way.
RECORDED_AT_END = ("bytes_in", "bytes_out", "calls", "operator_touch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt at one exchange, as the store has it; None: not recorded."""

    id: int
    side: str  #: "service@3"
    system: str
    level: int
    mode: str
    faults: str
    series: str
    round: int
    exchange_id: str
    attempt: int
    release: str
    partner: str
    feed: str
    file: str
    block: str
    block_end: str
    records: int | None
    due_at_us: int
    started_at_us: int
    duration_s: float | None
    blocked_s: float | None
    cpu_s: float | None
    peak_rss_bytes: int | None
    outcome: str
    error_type: str
    error: str
    fingerprint: str
    bytes_in: int | None
    bytes_out: int | None
    calls: int | None
    operator_s: float | None
    operator_touch: int | None
    rows: Mapping[str, int] | None  #: `in`, and one count per row outcome; None: not counted, or not yet
    source: str
    aside: Mapping[str, int] | None  #: quarantined rows by error code; None: the reasons were not recorded

    @property
    def has_inner_counts(self) -> bool:
        """Whether the run recorded what it did, beyond how long it took; see `_has_inner_counts`."""
        return _has_inner_counts(self.calls, self.operator_touch)

    def is_known(self, day: date | None) -> bool:
        """Check whether the block of the run was over by the end of a day; always true where the day is None."""
        return day is None or self.block_end <= day.isoformat()


@dataclass(frozen=True, slots=True)
class RunListPage:
    """Some runs of a list, newest first, and the cursors of the neighbouring pages; None: no page on that side."""

    rows: tuple[Run, ...]
    older: Cursor | None
    newer: Cursor | None  #: for `get_page(..., newer=True)`


@dataclass(frozen=True, slots=True)
class TypicalDuration:
    """How long runs of a feed take: the 5th, 50th and 95th percentile of `n` runs."""

    low_s: float
    middle_s: float
    high_s: float
    n: int


def count_runs(db: Database, run_filter: RunFilter) -> int:
    """Count the runs of a filter; exact, from stored counts. A snapshot counts those of a filter once."""
    if not isinstance(db, Snapshot) or run_filter.counted is not None:  # the runs of a reading have no hash
        return _count_runs(db, run_filter)
    counts: dict[RunFilter, int] = db.computed.setdefault("run counts", {})
    if run_filter not in counts:
        if len(counts) == MAX_COUNTS:
            counts.clear()
        counts[run_filter] = _count_runs(db, run_filter)
    return counts[run_filter]


def _count_runs(db: Database, run_filter: RunFilter) -> int:
    if run_filter.reason:
        return quarantined_rows.count_runs_with_reason(db, run_filter)
    return sum_runs(db, build_query(db, run_filter))


def get_page(
    db: Database, run_filter: RunFilter, after: Cursor | None = None, size: int = 50, newer: bool = False
) -> RunListPage:
    """Return up to `size` runs of a filter, newest first: the runs older than `after`, or with `newer` the newer ones.

    Without a cursor they are the newest of all, or with `newer` the oldest.
    """
    query = build_query(db, run_filter)
    cursors = next_page(db, query, after, size + 1, newer=newer)
    has_more, page = len(cursors) > size, cursors[:size]
    if newer:
        page.reverse()
    newest, oldest = (page[0], page[-1]) if page else (after, after)
    rows = tuple(_read_runs(db, [cursor.id for cursor in page]))
    if newer:
        older = _if_more(db, query, oldest, newer=False) if after else None
        return RunListPage(rows, older=older, newer=newest if has_more else None)
    return RunListPage(
        rows, older=oldest if has_more else None, newer=_if_more(db, query, newest, newer=True) if after else None
    )


def _if_more(db: Database, query: RunQuery, cursor: Cursor | None, *, newer: bool) -> Cursor | None:
    """Return the cursor if any run lies beyond it; that of another list may be at the end of this one, or past it."""
    return cursor if next_page(db, query, cursor, 1, newer=newer) else None


def build_query(db: Database, run_filter: RunFilter) -> RunQuery:
    """Return the SQL conditions of a filter."""
    return RunQuery(cell_conditions(db, run_filter), tally_conditions(run_filter), run_conditions(run_filter))


def get_run(db: Database, run_id: int) -> Run | None:
    """Return the run with an id; None where there is none."""
    require_run_counts(db)
    return next(iter(_read_runs(db, [run_id])), None) if 0 <= run_id <= MAX_INTEGER else None


def get_attempts(db: Database, run: Run, known_by: date | None = None) -> tuple[Run, ...]:
    """Return all attempts at the exchange of a run, in order; with `known_by`, those known by the end of that day."""
    where = " AND ".join(f"{name} = ?" for name in EXCHANGE_ID)
    key = [getattr(run, name) for name in EXCHANGE_ID]
    rows = db.execute(f"SELECT id FROM run WHERE {where} ORDER BY attempt", key).fetchall()  # noqa: S608
    return tuple(attempt for attempt in _read_runs(db, [run_id for (run_id,) in rows]) if attempt.is_known(known_by))


def typical_duration(db: Database, run: Run) -> TypicalDuration | None:
    """Return how long the last completed runs before this one took, of the same feed, side, faults and series.

    None where there are fewer than `MIN_TYPICAL`.
    """
    names = ("partner", "feed", "system", "level", "faults", "series")
    cells = SqlConditions(tuple(f"cell.{name} = ?" for name in names), tuple(getattr(run, name) for name in names))
    query = RunQuery(cells, is_one_of("tally.outcome", ("done",)), NO_CONDITIONS)
    cursors = next_page(db, query, Cursor(run.block, run.started_at_us, run.id), MAX_TYPICAL)
    columns = read_columns(db, "duration_ns", [cursor.id for cursor in cursors])
    durations_s = sorted(duration_ns / 1e9 for (duration_ns,) in columns if duration_ns is not None)
    if len(durations_s) < MIN_TYPICAL:
        return None
    low, middle, high = (nearest_rank(durations_s, percent) for percent in (5, 50, 95))
    return TypicalDuration(low, middle, high, len(durations_s))


#: The columns of `run` that are fields of `Run` unchanged.
_PLAIN_COLUMNS = (
    "id", "system", "level", "mode", "faults", "series", "round", "exchange_id", "attempt", "release", "partner",
    "feed", "file", "block", "block_end", "records", "due_at_us", "started_at_us", "peak_rss_bytes", "outcome",
    "error_type", "error", "fingerprint", "bytes_in", "bytes_out", "calls", "operator_touch", "source",
)  # fmt: skip


_TIMES = ("duration", "blocked", "cpu", "operator")


_TIME_FIELDS = tuple(f"{name}_s" for name in _TIMES)


_ROW_COUNTS = ("in", *OUTCOMES)


_ALL_COLUMNS = ", ".join(
    (*_PLAIN_COLUMNS, *(f"{name}_ns" for name in _TIMES), *(f"rows_{name}" for name in _ROW_COUNTS), "aside")
)


def _read_runs(db: Database, ids: list[int]) -> list[Run]:
    """Return the runs with these ids, in that order."""
    return [_run_of(row) for row in read_columns(db, _ALL_COLUMNS, ids)]


def _run_of(row: Sequence[Any]) -> Run:
    times_at = len(_PLAIN_COLUMNS)
    counts_at = times_at + len(_TIMES)
    fields: dict[str, Any] = dict(zip(_PLAIN_COLUMNS, row, strict=False))
    for name, duration_ns in zip(_TIME_FIELDS, row[times_at:counts_at], strict=True):
        fields[name] = None if duration_ns is None else duration_ns / 1e9
    fields["rows"] = {name: count or 0 for name, count in zip(_ROW_COUNTS, row[counts_at:-1], strict=True)}
    fields["aside"] = None if row[-1] is None else json.loads(row[-1])
    fields["side"] = subject_name(fields["system"], fields["level"])
    for name in _unknown_fields(fields):
        fields[name] = None
    return Run(**fields)


def _has_inner_counts(calls: int | None, operator_touch: int | None) -> bool:
    """Check whether a run recorded what it did. An imported log and the timing of a command do not record it."""
    return calls is not None or operator_touch is not None


def _unknown_fields(fields: Mapping[str, Any]) -> list[str]:
    """Return the fields of a run that are unknown although the store holds 0 for them, so that it can add them up."""
    has_ended = fields["duration_s"] is not None
    has_inner_counts = _has_inner_counts(fields["calls"], fields["operator_touch"])
    unknown = [] if has_ended else [name for name in RECORDED_AT_END if not fields[name]]
    if not (has_ended and (has_inner_counts or fields["records"] is not None)) and not any(fields["rows"].values()):
        unknown.append("rows")
    if not (has_ended and has_inner_counts):
        unknown.append("blocked_s")
    if fields["mode"] == "live" and not fields["operator_s"]:  # only a replay times its operator
        unknown.append("operator_s")
    return unknown


def read_columns(db: Database, columns: str, ids: list[int]) -> list[tuple[Any, ...]]:
    """Return columns of the runs with these ids, in that order; ids without a run are left out."""
    sql = f"SELECT id, {columns} FROM run WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
    rows = {run_id: row for run_id, *row in db.execute(sql, (json.dumps(ids),))}
    return [rows[run_id] for run_id in ids if run_id in rows]
