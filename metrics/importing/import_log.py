"""Import runs from a log that a system wrote itself into the live store: each once, however often it is imported.

A row is the same run as an earlier one if it has the same id. In a log without ids, it is the same if its content is
equal and as many equal rows come before it in the file. Imported runs are history: evidence based on them has grade D.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from metrics.errors import StoreDamaged, TryLater
from metrics.importing.log_reader import open_log
from metrics.importing.row_parser import RowParser, UnreadableRow
from metrics.store.database import is_busy, write_transaction
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlite_utils import Database

    from metrics.events import RunEvent
    from metrics.importing.log_reader import LogRow
    from metrics.importing.mapping import LogMapping

#: Runs per transaction.
BATCH = 10_000

#: Runs that a dry run shows.
PREVIEW_ROWS = 10


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that was skipped."""

    place: str  #: "line 3" or "row 3"
    why: str  #: the problem of this row
    reason: str  #: the kind of problem, with the same text for all such rows


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Result of an import, or of a dry run: the number of new runs, of known runs, and of skipped rows by reason.

    `first` are the first runs, new or known, as they were read. `utc_columns` are the columns with times of which no
    zone is known, and which were taken as UTC.
    """

    new: int
    known: int
    skipped: int
    reasons: dict[str, int]
    first: tuple[RunEvent, ...]
    utc_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogImport:
    """A log, its mapping, and the time now in UTC microseconds, after which no run can have started."""

    path: Path
    mapping: LogMapping
    now_us: int


def import_log(
    log: LogImport,
    db: Database | None,
    on_skipped: Callable[[SkippedRow], None],
    progress: Callable[[int, int], None],
    *,
    dry: bool = False,
) -> ImportResult:
    """Import a log in transactions of 10,000 runs.

    Args:
        log: the log to import.
        db: the live store; None in a dry run without a store.
        on_skipped: called for each row that is skipped.
        progress: called with how far the file has been read.
        dry: return what would be done, and change nothing.

    Raises:
        BadInput: the file cannot be read, or lacks a column; the runs before the damage are imported.
        TryLater: another program holds the store locked; the runs before are imported.
        StoreDamaged: the store cannot be written.
    """
    new = known = 0
    reasons: Counter[str] = Counter()
    first: list[RunEvent] = []

    def skip(row: SkippedRow) -> None:
        reasons[row.reason] += 1
        on_skipped(row)

    mapping = log.mapping
    parser = RowParser(mapping, log.now_us)
    # without an id, a row is identified by its whole content, also by columns that the mapping does not use
    all_columns = mapping.id is None
    with open_log(log.path, mapping, progress, all_columns=all_columns) as rows:
        runs = _read_runs(rows, parser, skip)
        with closing(sqlite3.connect("")) as keys:  # an unnamed temporary database, deleted when it is closed
            keys.execute("CREATE TABLE summary (key TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID")
            while batch := list(islice(runs, BATCH)):
                first += [run for _, run in batch[: PREVIEW_ROWS - len(first)]]
                try:
                    fresh, repeated = _split_known(batch, db, keys if dry else None, skip)
                    if db is not None and not dry:
                        with write_transaction(db):
                            insert_events(db, [("run", run) for run in fresh])
                except sqlite3.DatabaseError as error:
                    if is_busy(error):
                        message = f"{log.path}: {error}; {new} runs were imported, import again for the others"
                        raise TryLater(message) from error
                    message = f"the metrics database: {error}; {new} runs of {log.path} were imported"
                    raise StoreDamaged(message) from error
                new += len(fresh)
                known += repeated
    counts = dict(reasons.most_common())
    return ImportResult(new, known, sum(reasons.values()), counts, tuple(first), tuple(sorted(parser.utc_columns)))


def _read_runs(
    rows: Iterator[LogRow], parser: RowParser, skip: Callable[[SkippedRow], None]
) -> Iterator[tuple[str, RunEvent]]:
    """Yield the runs of rows that can be read, each with its place."""
    with closing(sqlite3.connect("")) as digests:
        digests.execute("CREATE TABLE digest (row BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID")
        for row in rows:
            if row.problem:
                skip(SkippedRow(row.place, row.problem, row.reason))
                continue
            fallback_id = "" if parser.mapping.id else _content_id(row.cells, digests)
            try:
                yield row.place, parser.parse_run(row.cells, fallback_id)
            except UnreadableRow as error:
                skip(SkippedRow(row.place, str(error), error.reason))


def _content_id(cells: Any, digests: sqlite3.Connection) -> str:
    """Return an id from the hash of a row's content, and the number of the row among equal ones."""
    text = repr(sorted((name, repr(value)) for name, value in cells.items()))
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    sql = "INSERT INTO digest VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times"
    times = digests.execute(sql, (digest,)).fetchone()[0]
    return f"row-{digest}-{times}"


def _split_known(
    batch: list[tuple[str, RunEvent]],
    db: Database | None,
    dry_keys: sqlite3.Connection | None,
    skip: Callable[[SkippedRow], None],
) -> tuple[list[RunEvent], int]:
    """Return the new runs of a batch, and the number of known ones. A run that contradicts a known one is skipped."""
    in_batch: dict[tuple[str, int, str, int], str] = {}
    fresh: list[RunEvent] = []
    known = 0
    for place, run in batch:
        key = (run.key.system, run.key.level, run.key.exchange_id, run.key.attempt)
        summary = f"{run.started_at_us} {run.duration_ns} {run.outcome} {run.records}"
        stored = in_batch.get(key) or _stored_summary(db, key) or _dry_run_summary(dry_keys, key, summary)
        if stored is None:
            in_batch[key] = summary
            fresh.append(run)
        elif stored == summary:
            known += 1
        else:
            attempt = f"attempt {run.key.attempt} of {run.key.exchange_id}"
            why = f"{attempt} is known already, with another start, duration, outcome or record count"
            skip(SkippedRow(place, why, "contradicts a run that is known"))
    return fresh, known


def _stored_summary(db: Database | None, key: tuple[str, int, str, int]) -> str | None:
    if db is None:
        return None
    sql = (
        "SELECT started_at_us || ' ' || COALESCE(duration_ns, 'None') || ' ' || outcome || ' ' || "
        "COALESCE(records, 'None') FROM run WHERE system = ? AND level = ? AND mode = 'live' AND faults = 'real' "
        "AND series = '' AND round = 0 AND exchange_id = ? AND attempt = ?"
    )
    row = db.execute(sql, key).fetchone()
    return None if row is None else str(row[0])


def _dry_run_summary(keys: sqlite3.Connection | None, key: tuple[str, int, str, int], summary: str) -> str | None:
    """Return the summary of a run from an earlier batch of a dry run, which stores no runs; else remember this one."""
    if keys is None:
        return None
    name = repr(key)
    row = keys.execute("SELECT text FROM summary WHERE key = ?", (name,)).fetchone()
    if row is None:
        keys.execute("INSERT INTO summary VALUES (?, ?)", (name, summary))
        return None
    return str(row[0])
