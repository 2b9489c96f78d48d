"""Spool files to the store: each event once, however often and by however many collectors it is read.

How far a file has been read stands in the store and moves in the same transaction as its events. A line that is not
an event is set aside whole; a last line without its end is left for the next time, since it may still be written, and
set aside too once nobody can. A file that its writer has closed is removed, once all of it is in the store for good.
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
from metrics.store.database import is_busy, write_transaction
from metrics.store.rollup import mark_abandoned
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from msgspec import Struct
    from sqlite_utils import Database

#: Where lines go that are not events, below the spool.
DAMAGED_FOLDER = "damaged"

#: Microseconds after which a start without an end counts as abandoned.
ABANDONED_AFTER_US = 3_600_000_000

#: Microseconds after which the last line of a file that has not grown is not waited for, if its writer has gone.
TRUNCATED_AFTER_US = 3_600_000_000

#: Lines taken in one transaction, of one file or of many: what bounds memory, and how long others wait to write.
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class CollectResult:
    """What one pass took in. `unfinished` are files whose last line has no end yet; `retired` counts the removed."""

    files: int
    events: int
    new: int
    unfinished: tuple[str, ...]
    retired: int = 0


@dataclass(slots=True)
class _PassState:
    """What one pass has come to so far; `waiting` are the files not read to their end, the next one last."""

    waiting: list[Path]
    now_us: int
    events: int = 0
    new: int = 0
    unfinished: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def collect(spool: Path, db: Database, now_us: int) -> CollectResult:
    """Take in everything that the spool holds and the store has not, and remove the files that are done with.

    Raises:
        SpoolDamaged: some lines are not events; they were set aside, and everything else was collected.
        TryLater: another program holds the store locked.
        StoreDamaged: the store cannot be written.
    """
    try:
        known = _offsets(db)
        paths = sorted(spool.glob("*.jsonl"))
        done = _PassState(
            [path for path in reversed(paths) if _size_bytes(path) not in {known.get(path.name), None}], now_us
        )
        while done.waiting:
            with write_transaction(db):
                done.new += insert_events(db, _read_batch(done, spool / DAMAGED_FOLDER, db))
        with write_transaction(db):
            mark_abandoned(db, now_us - ABANDONED_AFTER_US)
        retired = _remove_finished(paths, known.keys() - {path.name for path in paths}, db)
    except sqlite3.DatabaseError as error:
        if is_busy(error):
            raise TryLater(f"{spool}: {error}; what was not taken in is still there, try again later") from error
        raise StoreDamaged(f"the metrics database: {error}; what was not taken in is still below {spool}") from error
    if done.damaged:
        raise SpoolDamaged(
            f"{len(done.damaged)} line(s) that are not events were set aside below {spool / DAMAGED_FOLDER}: "
            f"{', '.join(done.damaged[:3])}; the other {done.events} events were collected"
        )
    return CollectResult(len(paths), done.events, done.new, tuple(done.unfinished), retired)


def _offsets(db: Database) -> dict[str, int]:
    return dict(db.execute("SELECT name, offset_bytes FROM spool_file").fetchall())


def _size_bytes(path: Path) -> int | None:
    """Bytes of a file; None when another collector has just removed it."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _read_batch(done: _PassState, aside: Path, db: Database) -> Iterator[tuple[str, Struct]]:
    """The next `BATCH` lines of the waiting files, read in the caller's transaction."""
    left = BATCH
    while done.waiting and left:
        path = done.waiting[-1]
        read = yield from _read_file(path, left, aside, done, db)
        if read < left:
            done.waiting.pop()
        left -= read


def _read_file(
    path: Path, most: int, aside: Path, done: _PassState, db: Database
) -> Generator[tuple[str, Struct], None, int]:  # fmt: skip
    """Read on in one file, `most` lines at most; returns how many were whole."""
    kept = db.execute("SELECT offset_bytes FROM spool_file WHERE name = ?", (path.name,)).fetchone()
    place = int(kept[0]) if kept else 0
    try:
        file = path.open("rb")
    except FileNotFoundError:  # another collector was done with it
        return 0
    lines = bad = 0
    with file:
        file.seek(place)
        for line in islice(file, most):
            if not line.endswith(b"\n") and not _is_truncated(path, place + len(line), done.now_us):
                done.unfinished.append(path.name)
                break
            try:
                yield parse_line(line)
            except ValueError:
                _save_damaged_line(aside, f"{path.stem}-at-{place}.line", line)
                done.damaged.append(f"{path.name} at byte {place}")
                bad += 1
            place += len(line)
            lines += 1
    done.events += lines - bad
    db.execute(
        "INSERT INTO spool_file VALUES (?, ?) ON CONFLICT DO UPDATE SET offset_bytes = excluded.offset_bytes",
        (path.name, place),
    )
    return lines


def _save_damaged_line(aside: Path, name: str, line: bytes) -> None:
    aside.mkdir(exist_ok=True)
    with (aside / name).open("wb") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())  # the spool file goes once everything of it is safe


def _remove_finished(paths: list[Path], gone: set[str], db: Database) -> int:
    """Remove the files that are closed and wholly taken in; returns how many. `gone` are names without a file.

    A file goes only after what it told is on disk in the store: a checkpoint waits for that, a commit does not.
    """
    known = _offsets(db)
    taken = [
        (path, known[path.name]) for path in paths if known.get(path.name) and _size_bytes(path) == known[path.name]
    ]
    closed = [(path, size) for path, size in taken if _remove(path, size, really=False)]
    if not closed and not gone:
        return 0
    busy, pages, safe = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if busy or pages != safe:  # somebody is reading or writing; the next pass will do
        return 0
    with write_transaction(db):
        removed = [path.name for path, size in closed if _remove(path, size, really=True)]
        db.conn.executemany("DELETE FROM spool_file WHERE name = ?", ((name,) for name in (*removed, *gone)))
    return len(removed)


def _is_truncated(path: Path, size: int, now_us: int) -> bool:
    """Whether what a file of this size lacks will not come: its writer has gone, and it has not grown for an hour."""
    try:
        old = path.stat().st_mtime_ns // 1000 < now_us - TRUNCATED_AFTER_US
    except FileNotFoundError:
        return False
    return old and _remove(path, size, really=False)


def _remove(path: Path, size: int, *, really: bool) -> bool:
    """Whether a file is closed, still there, and no longer than what was taken of it; with `really` it is removed."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file.fileno()).st_size != size:
                return False
            if really:
                path.unlink()
    except OSError:  # its writer holds it, it is gone, or it is not ours to remove
        return False
    return True
