"""Write events to the store; an event that comes twice counts once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metrics.events import KIND_OF, KINDS, Event
from metrics.store import rows
from metrics.store.cells import CellIds, unify_strata
from metrics.store.migrations import PARITY_ID, RUN_ID
from metrics.store.rollup import IS_LATE_END, roll_up, track_cell_changes
from metrics.store.shared_time import update_shared_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from msgspec import Struct
    from sqlite_utils import Database


#: Settings of a writer: 64 MiB of pages, sorting in memory, and a checkpoint every 32 MiB, as batches are large.
WRITER_PRAGMAS = ("synchronous = NORMAL", "cache_size = -65536", "temp_store = MEMORY", "wal_autocheckpoint = 8192")


def insert_events(db: Database, events: Iterable[tuple[str, Event | Struct] | tuple[str, Event | Struct, str]]) -> int:
    """Insert events and roll up the blocks that they touch, and return how many events were new.

    The caller holds the transaction. A run that comes twice counts once: an end replaces its start, and nothing
    replaces an end.

    Args:
        db: the store.
        events: (kind, event) or (kind, event, process): runs of one process that overlap share their time.
    """
    rows_by_kind: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in ("start", *KINDS)}
    cells = CellIds(db)
    newest: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    exchanges: set[tuple[Any, ...]] = set()
    spans: dict[str, tuple[int, int]] = {}
    for kind, event, *process in events:
        # events of `metrics.events` carry their kind in their type
        name = kind if kind == "start" else KIND_OF.get(type(event), kind)  # type: ignore[arg-type]
        if name in {"run", "start"}:
            row = rows.run_row(event)
            rows_by_kind[name].append((*row, cells[rows.run_cell(row)], *(process or ("",))))
            if process and name == "run" and (span := rows.live_span(row)):
                first, last = spans.get(process[0], span)
                spans[process[0]] = min(first, span[0]), max(last, span[1])
            newest[row[2:6]] = row[:8]
            if rows.may_span_cells(row):
                exchanges.add(row[:7])
        elif name == "holding":
            row = rows.holding_row(event)
            rows_by_kind[name].append((*row, cells[rows.holding_cell(row)]))
        else:
            rows_by_kind[name].append(ROWS[name](event))
    track_cell_changes(db)
    new = sum(_insert(db, sql, rows_by_kind[name]) for name, sql in INSERTS)
    for key in newest.values():
        db.execute(NEWEST_SQL, key)
    joined = unify_strata(db, exchanges, cells)
    joined |= update_shared_time(db, spans)
    roll_up(db, joined.union(cells.values()))
    return new


#: How each kind of event that belongs to no cell becomes a row.
ROWS: Mapping[str, Callable[[Any], tuple[Any, ...]]] = {
    "answer": rows.answer_row,
    "outage": rows.outage_row,
    "series": rows.series_row,
    "parity": rows.parity_row,
    "route": rows.route_row,
}

_END_ASSIGNMENTS = ", ".join(f"{name} = excluded.{name}" for name in rows.RUN if name not in RUN_ID)

_JUDGED_ASSIGNMENTS = ", ".join(f"{name} = excluded.{name}" for name in rows.PARITY if name not in PARITY_ID)


#: Statements that insert each kind of event, in this order.
INSERTS = (
    ("start", rows.insert_sql("run", rows.RUN, "DO NOTHING", {"outcome": "'running'", "duration_ns": "NULL"})),
    (
        "run",
        rows.insert_sql(
            "run",
            rows.RUN,
            f"({', '.join(RUN_ID)}) DO UPDATE SET {_END_ASSIGNMENTS} WHERE run.outcome = 'running' OR {IS_LATE_END}",
        ),
    ),
    ("holding", rows.insert_sql("holding", rows.HOLDING, "DO NOTHING")),
    ("answer", rows.insert_sql("answer", rows.ANSWER, "DO NOTHING")),
    ("outage", rows.insert_sql("outage", rows.OUTAGE, "DO NOTHING")),
    (
        "parity",
        rows.insert_sql(
            "parity",
            rows.PARITY,
            f"DO UPDATE SET {_JUDGED_ASSIGNMENTS} WHERE excluded.judged_at_us > parity.judged_at_us",
        ),
    ),
    ("route", rows.insert_sql("route", rows.ROUTE, "DO NOTHING")),
    ("series", rows.insert_sql("series", rows.SERIES, "DO UPDATE SET faults_sha256 = excluded.faults_sha256")),
)


#: Register the series of new runs, by the last of them: it becomes the newest series.
NEWEST_SQL = f"""
INSERT INTO series (mode, faults, series, newest_run, last_round)
SELECT mode, faults, series, id, round FROM run WHERE {" AND ".join(f"{name} = ?" for name in RUN_ID)}
ON CONFLICT DO UPDATE SET newest_run = MAX(COALESCE(newest_run, 0), excluded.newest_run),
  last_round = MAX(COALESCE(last_round, 0), excluded.last_round)"""  # noqa: S608 (names are our own constants)


def _insert(db: Database, sql: str, new_rows: Sequence[tuple[Any, ...]]) -> int:
    return db.conn.executemany(sql, new_rows).rowcount if new_rows else 0
