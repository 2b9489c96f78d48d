"""Convert events to rows of the store: one tuple per event, in the order of the table's columns.

An event is one of `metrics.events` or a struct of `metrics.collector.spool_parser`: both have the same attributes.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from metrics.events import FAILED_OUTCOMES, OUTCOMES
from metrics.store.error_fingerprint import fingerprint
from metrics.store.migrations import ANSWER_ID, BLOCK_ID, HOLDING_ID, OUTAGE_ID, PARITY_ID, ROUTE_ID, RUN_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Upper ends of all size bands but the last: two log2 steps each, so that six bands reach past a thousand rows.
BAND_ENDS = (3, 15, 63, 255, 1023)
BANDS = ("1-3", "4-15", "16-63", "64-255", "256-1023", "1024+")

_RUN = (
    *RUN_ID, "partner", "feed", "file", "block", "block_end", "release", "records", "due_at_us", "started_at_us",
    "duration_ns", "blocked_ns", "cpu_ns", "peak_rss_bytes", "outcome", "error_type", "error", "bytes_in", "bytes_out",
    "calls", "input_sha256", "operator_ns", "operator_touch", "source",
)  # fmt: skip
_ROWS = ("in", *OUTCOMES)
_HOLDING = (*HOLDING_ID, "block", "block_end", "due", "held", "twice", "lost", "broken", "good_aside", "foreign")

#: The columns of each table in the order of its rows; `band` and `cell` are always the last two of a run and a holding,
#: but a run ends with its process.
RUN = (*_RUN, *(f"rows_{name}" for name in _ROWS), "fingerprint", "aside", "band", "cell", "process")
HOLDING = (*_HOLDING[:-1], "foreign_held", "band", "cell")
ANSWER = (*ANSWER_ID, "block_end", "compared", "equal")
OUTAGE = (*OUTAGE_ID, "block", "block_end", "hours", "calls")
SERIES = ("mode", "faults", "series", "faults_sha256")
ROUTE = (*ROUTE_ID, "block", "block_end", "stage", "previous", "forced", "automatic")
PARITY = (
    *PARITY_ID, "file", "block", "block_end", "stage", "compared_at_us", "judged_at_us", "compared", "equal",
    "differences", "unexplained", "causes",
)  # fmt: skip

_run_values = attrgetter(*(f"key.{name}" if name in RUN_ID else name for name in _RUN))
_records, _mode, _outcome = (_RUN.index(name) for name in ("records", "mode", "outcome"))
_started_at_us, _duration_ns = (_RUN.index(name) for name in ("started_at_us", "duration_ns"))
_holding_values = attrgetter(*_HOLDING)
_due = _HOLDING.index("due")
_ZEROS = (0,) * len(_ROWS)

_parity_values = attrgetter(*PARITY)

#: Convert an answer, an outage, a series or a change of a route to a row.
answer_row, outage_row, series_row = attrgetter(*ANSWER), attrgetter(*OUTAGE), attrgetter(*SERIES)
route_row = attrgetter(*ROUTE)

#: Return the cell key of a run or a holding from its row: the values of `BLOCK_ID`.
run_cell = itemgetter(*(RUN.index(name) for name in BLOCK_ID))
holding_cell = itemgetter(*(HOLDING.index(name) for name in BLOCK_ID))


def size_band(records: int | None) -> int:
    """Return the size band of a file: 0 to 5, two log2 steps each, the last one open; -1 if its size is unknown."""
    return -1 if records is None else bisect_left(BAND_ENDS, records)


def run_row(event: Any) -> tuple[Any, ...]:
    """Convert a run event to a row without its cell and process."""
    row: tuple[Any, ...] = _run_values(event)
    group = fingerprint(event.error_type, event.error) if event.outcome in FAILED_OUTCOMES else ""
    return (*row, *map(event.rows.get, _ROWS, _ZEROS), group, _reasons_json(event.aside), size_band(_records_of(row)))


def _reasons_json(aside: Mapping[str, int] | None) -> str | None:
    """Return the quarantined rows by error code, as JSON; None if the reasons were not recorded."""
    if not aside:
        return None if aside is None else "{}"
    return json.dumps(dict(aside), separators=(",", ":"), sort_keys=True)


def _records_of(row: tuple[Any, ...]) -> int | None:
    """Return the records of a run's file; None (unknown) for a failure in production that counted no record."""
    records: int | None = row[_records]
    return records or (None if row[_mode] == "live" and row[_outcome] in FAILED_OUTCOMES else records)


def may_span_cells(row: tuple[Any, ...]) -> bool:
    """Tell whether other attempts at the exchange of a run may be in other cells, so that they must be looked up.

    Only in production: a replay tries each file within its block, and counts its records before it does, so that all
    attempts at an exchange are in one cell, which is rolled up as a whole. An exchange of a replay with attempts in
    several cells would count as last in each of them.
    """
    return bool(row[_mode] == "live")


def live_span(row: tuple[Any, ...]) -> tuple[int, int] | None:
    """Return start and end of a row in microseconds; None for a replay, and for a run of unknown duration.

    Only production works on several exchanges at once; a replay measures one after another.
    """
    start, duration = row[_started_at_us], row[_duration_ns]
    return None if row[_mode] != "live" or duration is None else (start, start - -duration // 1000)


def holding_row(event: Any) -> tuple[Any, ...]:
    """Convert a holding event to a row without its cell."""
    row: tuple[Any, ...] = _holding_values(event)
    return (*row, size_band(row[_due]))


def parity_row(event: Any) -> tuple[Any, ...]:
    """Convert a comparison to a row; the unexplained differences by cause are JSON."""
    *values, causes = _parity_values(event)
    return (*values, json.dumps(dict(causes), separators=(",", ":"), sort_keys=True))


def insert_sql(table: str, columns: Sequence[str], on_conflict: str, instead: dict[str, str] | None = None) -> str:
    """Return the statement that inserts a row; `instead` maps columns to expressions that replace the row's value."""
    expressions = instead or {}
    values = ", ".join(expressions.get(name, f"?{place}") for place, name in enumerate(columns, 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) ON CONFLICT {on_conflict}"  # noqa: S608
