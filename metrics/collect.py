"""Spool files to the store: each event once, however often and by however many collectors it is read.

How far a file has been read stands in the store and moves in the same transaction as its events. A line that is not
an event is set aside whole; a last line without its end is left for the next time, since it may still be written.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.errors import SpoolDamaged, StoreDamaged, TryLater
from metrics.lines import from_line
from metrics.rollup import abandon_stale
from metrics.store import insert_events, is_busy

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_utils import Database

#: Where lines go that are not events, below the spool.
DAMAGED = "damaged"

#: Microseconds after which a start without an end counts as abandoned.
ABANDONED_AFTER_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Collected:
    """What one pass took in. `unfinished` names files whose last line has no end yet."""

    files: int
    events: int
    new: int
    unfinished: tuple[str, ...]


def collect(spool: Path, db: Database, now_us: int) -> Collected:
    """Take in everything that the spool holds and the store has not.

    Raises:
        SpoolDamaged: some lines are not events; they were set aside, and everything else was collected.
        TryLater: another program holds the store locked.
        StoreDamaged: the store cannot be written.
    """
    files = events = new = 0
    unfinished: list[str] = []
    damaged: list[str] = []
    known = dict(db.execute("SELECT name, offset_bytes FROM spool_file").fetchall())
    for path in sorted(spool.glob("*.jsonl")):
        files += 1
        if path.stat().st_size == known.get(path.name):
            continue
        try:
            with db.atomic():
                read, added, cut_short, bad = _collect_file(path, spool / DAMAGED, db)
        except sqlite3.DatabaseError as error:
            if is_busy(error):
                raise TryLater(f"{path}: {error}; nothing of it was taken in, try again later") from error
            raise StoreDamaged(f"the metrics database: {error}; nothing of {path} was taken in") from error
        events += read
        new += added
        damaged += bad
        if cut_short:
            unfinished.append(path.name)
    with db.atomic():
        abandon_stale(db, now_us - ABANDONED_AFTER_US)
    if damaged:
        raise SpoolDamaged(
            f"{len(damaged)} line(s) that are not events were set aside below {spool / DAMAGED}: "
            f"{', '.join(damaged[:3])}; the other {events} events were collected"
        )
    return Collected(files, events, new, tuple(unfinished))


def _collect_file(path: Path, aside: Path, db: Database) -> tuple[int, int, bool, list[str]]:
    db.execute("INSERT INTO spool_file VALUES (?, 0) ON CONFLICT DO NOTHING", (path.name,))
    offset = int(db.execute("SELECT offset_bytes FROM spool_file WHERE name = ?", (path.name,)).fetchone()[0])
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    events: list[tuple[str, Event]] = []
    bad: list[str] = []
    place = offset
    for line in whole.splitlines(keepends=True):
        try:
            events.append(from_line(line))
        except ValueError:
            aside.mkdir(exist_ok=True)
            (aside / f"{path.stem}-at-{place}.line").write_bytes(line)
            bad.append(f"{path.name} at byte {place}")
        place += len(line)
    new = insert_events(db, events)
    db.execute("UPDATE spool_file SET offset_bytes = ? WHERE name = ?", (offset + len(whole), path.name))
    return len(events), new, len(whole) < len(data), bad
