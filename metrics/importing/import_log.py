"""Runs that a system has logged itself, taken into the live store: each once, however often its log is imported.

A row is the same run as an earlier one by its id, or where the log has none, by all that it says and by how many rows
before it in the file say the same. Imported runs are history: what rests on them has grade D.
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

#: Runs that are taken in one transaction.
BATCH = 10_000

#: Rows that a dry run shows.
PREVIEW_ROWS = 10


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that was left out: its place, why, and why in words that are the same for all such rows."""

    place: str
    why: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, or would do: how many rows are new runs, were known, or were left out and why.

    `first` are the first runs, new or known, as they were read.
    """

    new: int
    known: int
    left_out: int
    reasons: dict[str, int]
    first: tuple[RunEvent, ...]


@dataclass(frozen=True, slots=True)
class LogImport:
    """A log, how it is read, and the time now: UTC microseconds, past which no run can have started."""

    path: Path
    mapping: LogMapping
    now_us: int


def import_log(
    log: LogImport,
    db: Database | None,
    tell: Callable[[SkippedRow], None],
    progress: Callable[[int, int], None],
    *,
    dry: bool = False,
) -> ImportResult:
    """Import a log in transactions of 10,000 runs.

    Args:
        log: what is imported.
        db: the live store; may be None for a dry run, where there is none yet.
        tell: told each row that is left out.
        progress: told how far the file has been read.
        dry: say what would be done, and change nothing.

    Raises:
        BadInput: the file cannot be read, or lacks a column; what came before the damage is in.
        TryLater: another program holds the store locked; what came before is in.
        StoreDamaged: the store cannot be written.
    """
    new = known = 0
    reasons: Counter[str] = Counter()
    first: list[RunEvent] = []

    def leave_out(row: SkippedRow) -> None:
        reasons[row.reason] += 1
        tell(row)

    mapping = log.mapping
    # where there is no id, a row is known by all that it says, also in what the mapping leaves out
    whole = mapping.id is None
    with open_log(log.path, mapping.columns, mapping.delimiter, mapping.encoding, progress, whole=whole) as rows:
        runs = _read_runs(rows, RowParser(mapping, log.now_us), leave_out)
        with closing(sqlite3.connect("")) as keys:  # in a file without a name, for as long as it is open
            keys.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, said TEXT) WITHOUT ROWID")
            while batch := list(islice(runs, BATCH)):
                first += [run for _, run in batch[: PREVIEW_ROWS - len(first)]]
                try:
                    fresh, repeated = _split_known(batch, db, keys if dry else None, leave_out)
                    if db is not None and not dry:
                        with write_transaction(db):
                            insert_events(db, [("run", run) for run in fresh])
                except sqlite3.DatabaseError as error:
                    if is_busy(error):
                        said = f"{error}; {new} runs are in, import again for the others"
                        raise TryLater(f"{log.path}: {said}") from error
                    raise StoreDamaged(f"the metrics database: {error}; {new} runs of {log.path} are in") from error
                new += len(fresh)
                known += repeated
    return ImportResult(new, known, sum(reasons.values()), dict(reasons.most_common()), tuple(first))


def _read_runs(
    rows: Iterator[LogRow], reader: RowParser, leave_out: Callable[[SkippedRow], None]
) -> Iterator[tuple[str, RunEvent]]:
    """The rows that are runs, each with its place."""
    with closing(sqlite3.connect("")) as said:
        said.execute("CREATE TABLE said (row BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID")
        for row in rows:
            if row.trouble:
                leave_out(SkippedRow(row.place, row.trouble, row.reason))
                continue
            otherwise_id = "" if reader.mapping.id else _content_id(row.cells, said)
            try:
                yield row.place, reader.run(row.cells, otherwise_id)
            except UnreadableRow as error:
                leave_out(SkippedRow(row.place, str(error), error.reason))


def _content_id(cells: Any, said: sqlite3.Connection) -> str:
    """What a row says, hashed, and the how-manieth row it is to say so."""
    text = repr(sorted((name, repr(value)) for name, value in cells.items()))
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    sql = "INSERT INTO said VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times"
    times = said.execute(sql, (digest,)).fetchone()[0]
    return f"row-{digest}-{times}"


def _split_known(
    batch: list[tuple[str, RunEvent]],
    db: Database | None,
    dry_keys: sqlite3.Connection | None,
    leave_out: Callable[[SkippedRow], None],
) -> tuple[list[RunEvent], int]:
    """The runs of a batch that are new, and how many were known; one that contradicts a known run is left out."""
    here: dict[tuple[str, int, str, int], str] = {}
    fresh: list[RunEvent] = []
    known = 0
    for place, run in batch:
        key = (run.key.system, run.key.level, run.key.exchange_id, run.key.attempt)
        says = f"{run.started_at_us} {run.duration_ns} {run.outcome} {run.records}"
        kept = here.get(key) or _stored_summary(db, key) or _dry_run_summary(dry_keys, key, says)
        if kept is None:
            here[key] = says
            fresh.append(run)
        elif kept == says:
            known += 1
        else:
            said = (
                f"attempt {run.key.attempt} of {run.key.exchange_id} is known already, with another start, length, end"
            )
            leave_out(SkippedRow(place, f"{said} or count", "contradicts a run that is known"))
    return fresh, known


def _stored_summary(db: Database | None, key: tuple[str, int, str, int]) -> str | None:
    if db is None:
        return None
    sql = (
        "SELECT started_at_us || ' ' || COALESCE(duration_ns, 'None') || ' ' || outcome || ' ' || "
        "COALESCE(records, 'None') FROM run WHERE system = ? AND level = ? AND mode = 'live' AND faults = 'real' "
        "AND series = '' AND round = 0 AND exchange_id = ? AND attempt = ?"
    )
    found = db.execute(sql, key).fetchone()
    return None if found is None else str(found[0])


def _dry_run_summary(keys: sqlite3.Connection | None, key: tuple[str, int, str, int], says: str) -> str | None:
    """What an earlier batch of a dry run, which keeps nothing, has said of a run."""
    if keys is None:
        return None
    name = repr(key)
    found = keys.execute("SELECT said FROM seen WHERE key = ?", (name,)).fetchone()
    if found is None:
        keys.execute("INSERT INTO seen VALUES (?, ?)", (name, says))
        return None
    return str(found[0])
