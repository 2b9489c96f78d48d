"""Runs of the store: one, a page of them, how many, and their typical duration."""

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
from metrics.queries.unknown_fields import is_recorded_inside, unknown_fields
from metrics.stats.quantiles import nearest_rank
from metrics.store.cells import EXCHANGE_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlite_utils import Database

    from metrics.queries.run_filter import RunFilter


#: Runs that tell what is usual of a feed: no more than these, and no fewer than those.
MAX_TYPICAL, MIN_TYPICAL = 200, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt at one exchange, as the store has it; None is what nobody noted."""

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
    rows: Mapping[str, int] | None  #: `in`, and one count an outcome; None: nobody counted, or not yet
    source: str
    aside: Mapping[str, int] | None  #: by error code, the rows set aside; None: nobody noted why

    @property
    def seen_inside(self) -> bool:
        """Whether anybody told what it did, beyond how long it took."""
        return is_recorded_inside(self.calls, self.operator_touch)

    def is_known(self, day: date | None) -> bool:
        """Whether its block was over by the end of a day; None: of any day."""
        return day is None or self.block_end <= day.isoformat()


@dataclass(frozen=True, slots=True)
class RunListPage:
    """Some runs of a list, the newest first, and where to go on; None where nothing more lies that way."""

    rows: tuple[Run, ...]
    older: Cursor | None
    newer: Cursor | None  #: to be asked for with `newer=True`


@dataclass(frozen=True, slots=True)
class TypicalDuration:
    """How long runs of a feed take: the 5th, 50th and 95th percentile of `n` of them."""

    low_s: float
    middle_s: float
    high_s: float
    n: int


def count_runs(db: Database, picked: RunFilter) -> int:
    """How many runs a list holds; exact, from counts that are kept."""
    return (
        quarantined_rows.count_runs_with_reason(db, picked) if picked.aside else sum_runs(db, build_query(db, picked))
    )


def get_page(
    db: Database, picked: RunFilter, after: Cursor | None = None, size: int = 50, newer: bool = False
) -> RunListPage:
    """Up to `size` runs of a list, the newest first: those before the place `after`, or with `newer` those after it.

    Without a place they are the newest of all, or with `newer` the oldest.
    """
    way = build_query(db, picked)
    found = next_page(db, way, after, size + 1, newer=newer)
    more, near = len(found) > size, found[:size]
    if newer:
        near.reverse()
    ahead, behind = (near[0], near[-1]) if near else (after, after)
    rows = tuple(_read_runs(db, [place.id for place in near]))
    if newer:
        return RunListPage(
            rows, older=_if_more(db, way, behind, newer=False) if after else None, newer=ahead if more else None
        )
    return RunListPage(
        rows, older=behind if more else None, newer=_if_more(db, way, ahead, newer=True) if after else None
    )


def _if_more(db: Database, way: RunQuery, place: Cursor | None, *, newer: bool) -> Cursor | None:
    """The place, where anything lies beyond it: a place of another list may be at the end of this one, or past it."""
    return place if next_page(db, way, place, 1, newer=newer) else None


def build_query(db: Database, picked: RunFilter) -> RunQuery:
    """What to walk over, or to add up, for a list."""
    return RunQuery(cell_conditions(db, picked), tally_conditions(picked), run_conditions(picked))


def get_run(db: Database, run_id: int) -> Run | None:
    """The run of a number; None where there is none."""
    require_run_counts(db)
    return next(iter(_read_runs(db, [run_id])), None) if 0 <= run_id <= MAX_INTEGER else None


def get_attempts(db: Database, run: Run, known: date | None = None) -> tuple[Run, ...]:
    """All attempts at the exchange of a run, in their order; with `known` those known by the end of that day."""
    where = " AND ".join(f"{name} = ?" for name in EXCHANGE_ID)
    key = [getattr(run, name) for name in EXCHANGE_ID]
    found = db.execute(f"SELECT id FROM run WHERE {where} ORDER BY attempt", key).fetchall()  # noqa: S608
    return tuple(each for each in _read_runs(db, [number for (number,) in found]) if each.is_known(known))


def typical_duration(db: Database, run: Run) -> TypicalDuration | None:
    """How long the last completed runs before this one took, of the same feed, side, faults and series.

    None where there are too few to tell.
    """
    names = ("partner", "feed", "system", "level", "faults", "series")
    cells = SqlConditions(tuple(f"cell.{name} = ?" for name in names), tuple(getattr(run, name) for name in names))
    way = RunQuery(cells, is_one_of("tally.outcome", ("done",)), NO_CONDITIONS)
    places = next_page(db, way, Cursor(run.block, run.started_at_us, run.id), MAX_TYPICAL)
    took = sorted(
        ns / 1e9 for (ns,) in read_columns(db, "duration_ns", [place.id for place in places]) if ns is not None
    )
    if len(took) < MIN_TYPICAL:
        return None
    low, middle, high = (nearest_rank(took, percent) for percent in (5, 50, 95))
    return TypicalDuration(low, middle, high, len(took))


#: The columns of a run as its fields have them.
_PLAIN_COLUMNS = (
    "id", "system", "level", "mode", "faults", "series", "round", "exchange_id", "attempt", "release", "partner",
    "feed", "file", "block", "block_end", "records", "due_at_us", "started_at_us", "peak_rss_bytes", "outcome",
    "error_type", "error", "fingerprint", "bytes_in", "bytes_out", "calls", "operator_touch", "source",
)  # fmt: skip


_TIMES = ("duration", "blocked", "cpu", "operator")


_ROW_COUNTS = ("in", *OUTCOMES)


_ALL_COLUMNS = ", ".join(
    (*_PLAIN_COLUMNS, *(f"{name}_ns" for name in _TIMES), *(f"rows_{name}" for name in _ROW_COUNTS), "aside")
)


def _read_runs(db: Database, ids: list[int]) -> list[Run]:
    """Runs by their numbers, in that order."""
    return [_run_of(row) for row in read_columns(db, _ALL_COLUMNS, ids)]


def _run_of(row: Sequence[Any]) -> Run:
    plain = dict(zip(_PLAIN_COLUMNS, row, strict=False))
    times = row[len(_PLAIN_COLUMNS) : len(_PLAIN_COLUMNS) + len(_TIMES)]
    took: dict[str, Any] = {
        f"{name}_s": None if ns is None else ns / 1e9 for name, ns in zip(_TIMES, times, strict=True)
    }
    counts, aside = row[len(_PLAIN_COLUMNS) + len(_TIMES) : -1], row[-1]
    rows = {name: value or 0 for name, value in zip(_ROW_COUNTS, counts, strict=True)}
    told: dict[str, Any] = {**plain, **took, "rows": rows}
    return Run(
        **(told | unknown_fields(told, rows)),
        side=subject_name(plain["system"], plain["level"]),
        aside=None if aside is None else json.loads(aside),
    )


def read_columns(db: Database, columns: str, ids: list[int]) -> list[tuple[Any, ...]]:
    """Columns of runs, in the order of their numbers as given."""
    sql = f"SELECT id, {columns} FROM run WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
    found = {number: row for number, *row in db.execute(sql, (json.dumps(ids),))}
    return [found[number] for number in ids if number in found]
