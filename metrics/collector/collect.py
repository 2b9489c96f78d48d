"""Collect spool files into the store: each event once, however often and by however many collectors it is read.

The read offset of a file is in the store, and moves in the same transaction as the file's events. A line that is not an
event is saved apart as it is. A last line without its line end is left for the next pass, as it may still be written;
once its writer is gone it is saved apart too. A file that its writer has closed is removed when all of it is on disk in
the store.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from metrics.collector.spool_parser import parse_line
from metrics.errors import SpoolDamaged, StoreDamaged, TryLater
from metrics.private_files import open_private
from metrics.store.database import is_busy, write_transaction
from metrics.store.rollup import mark_abandoned
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from msgspec import Struct
    from sqlite_utils import Database

#: Folder below the spool for lines that are not events.
DAMAGED_FOLDER = "damaged"

#: Microseconds after which a start without an end counts as abandoned.
ABANDONED_AFTER_US = 3_600_000_000

#: Microseconds without growth after which the last line of a file counts as truncated, if its writer is gone.
TRUNCATED_AFTER_US = 3_600_000_000

#: Lines per transaction, of one file or of many. It bounds the memory, and the time that other writers wait.
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class CollectResult:
    """Result of one pass. `unfinished` are files whose last line has no end yet; `retired` counts removed files."""

    files: int
    events: int
    new: int
    unfinished: tuple[str, ...]
    retired: int = 0


@dataclass(slots=True)
class _PassState:
    """State of a running pass; `waiting` are the files not read to their end, the next one last."""

    waiting: list[Path]
    now_us: int
    events: int = 0
    new: int = 0
    unfinished: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def collect(spool: Path, db: Database, now_us: int) -> CollectResult:
    """Collect all events of the spool that the store does not have, and remove finished files.

    Raises:
        SpoolDamaged: some lines are not events; they were saved apart, and everything else was collected.
        TryLater: another program holds the store locked.
        StoreDamaged: the store cannot be written.
    """
    try:
        offsets = _offsets(db)
        paths = sorted(spool.glob("*.jsonl"))
        grown = [path for path in reversed(paths) if _size_bytes(path) not in {offsets.get(path.name), None}]
        state = _PassState(grown, now_us)
        while state.waiting:
            with write_transaction(db):
                state.new += insert_events(db, _read_batch(state, spool / DAMAGED_FOLDER, db))
        with write_transaction(db):
            mark_abandoned(db, now_us - ABANDONED_AFTER_US)
        retired = _remove_finished(paths, offsets.keys() - {path.name for path in paths}, db)
    except sqlite3.DatabaseError as error:
        if is_busy(error):
            raise TryLater(f"{spool}: {error}; uncollected events are still there, try again later") from error
        raise StoreDamaged(f"the metrics database: {error}; uncollected events are still below {spool}") from error
    if state.damaged:
        raise SpoolDamaged(
            f"{len(state.damaged)} line(s) that are not events were saved below {spool / DAMAGED_FOLDER}: "
            f"{', '.join(state.damaged[:3])}; the other {state.events} events were collected"
        )
    return CollectResult(len(paths), state.events, state.new, tuple(state.unfinished), retired)


def _offsets(db: Database) -> dict[str, int]:
    return dict(db.execute("SELECT name, offset_bytes FROM spool_file").fetchall())


def _size_bytes(path: Path) -> int | None:
    """Return the size of a file; None if another collector has just removed it."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _read_batch(state: _PassState, folder: Path, db: Database) -> Iterator[tuple[str, Struct, str]]:
    """Read the next `BATCH` lines of the waiting files, in the caller's transaction: kind, event and process.

    A spool file belongs to one process, so its name stands for the process.
    """
    left = BATCH
    while state.waiting and left:
        path = state.waiting[-1]
        read = yield from _read_file(path, left, folder, state, db)
        if read < left:
            state.waiting.pop()
        left -= read


def _read_file(
    path: Path, max_lines: int, folder: Path, state: _PassState, db: Database
) -> Generator[tuple[str, Struct, str], None, int]:  # fmt: skip
    """Read at most `max_lines` further lines of one file, and return the number of complete lines."""
    row = db.execute("SELECT offset_bytes FROM spool_file WHERE name = ?", (path.name,)).fetchone()
    offset = int(row[0]) if row else 0
    try:
        file = path.open("rb")
    except FileNotFoundError:  # another collector has removed it
        return 0
    lines = damaged = 0
    with file:
        file.seek(offset)
        for line in islice(file, max_lines):
            if not line.endswith(b"\n") and not _is_truncated(path, offset + len(line), state.now_us):
                state.unfinished.append(path.name)
                break
            try:
                yield (*parse_line(line), path.stem)
            except ValueError:
                _save_damaged_line(folder, f"{path.stem}-at-{offset}.line", line)
                state.damaged.append(f"{path.name} at byte {offset}")
                damaged += 1
            offset += len(line)
            lines += 1
    state.events += lines - damaged
    db.execute(
        "INSERT INTO spool_file VALUES (?, ?) ON CONFLICT DO UPDATE SET offset_bytes = excluded.offset_bytes",
        (path.name, offset),
    )
    return lines


def _save_damaged_line(folder: Path, name: str, line: bytes) -> None:
    folder.mkdir(exist_ok=True)
    with open(folder / name, "wb", opener=open_private) as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())  # the spool file is removed later, so its bytes must be on disk here


def _remove_finished(paths: list[Path], gone: set[str], db: Database) -> int:
    """Remove the files that are closed and collected to their end, and return their number.

    A file is removed only after its events are on disk in the store: a checkpoint waits for that, a commit does not.
    `gone` are names in the store without a file; they are deleted from the store.
    """
    offsets = _offsets(db)
    collected = [(path, offsets.get(path.name)) for path in paths]
    complete = [(path, size) for path, size in collected if size and _size_bytes(path) == size]
    closed = [(path, size) for path, size in complete if _is_finished(path, size)]
    if not closed and not gone:
        return 0
    busy, pages, written = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if busy or pages != written:  # the store is in use; the next pass removes the files
        return 0
    with write_transaction(db):
        removed = [path.name for path, size in closed if _is_finished(path, size, remove=True)]
        db.conn.executemany("DELETE FROM spool_file WHERE name = ?", ((name,) for name in (*removed, *gone)))
    return len(removed)


def _is_truncated(path: Path, size: int, now_us: int) -> bool:
    """Tell whether a file of this size will not grow: its writer is gone, and it has not grown for an hour."""
    try:
        old = path.stat().st_mtime_ns // 1000 < now_us - TRUNCATED_AFTER_US
    except FileNotFoundError:
        return False
    return old and _is_finished(path, size)


def _is_finished(path: Path, size: int, *, remove: bool = False) -> bool:
    """Tell whether a file is closed, still there, and of this size; with `remove`, remove it under the same lock."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file.fileno()).st_size != size:
                return False
            if remove:
                path.unlink()
    except OSError:  # its writer holds it, it is gone, or this user may not remove it
        return False
    return True
