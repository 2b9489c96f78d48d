"""Open the metrics store for writing or reading, and refuse databases that are not a store of this release."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from metrics.errors import StoreDamaged, StoreMissing, TryLater
from metrics.private_files import create_private
from metrics.store.cells import CellIds, resort_older_runs
from metrics.store.migrations import STEPS, migrations
from metrics.store.rollup import roll_up
from metrics.store.run_counts import rebuild_counts
from metrics.store.writer import WRITER_PRAGMAS

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator


#: The two calendars that a store can be on; verdicts never mix them.
CLOCKS = ("live", "replay")


def open_store(path: Path, clock: str) -> Database:
    """Open the database for writing; create and migrate it as needed.

    Raises:
        StoreDamaged: it is not a database, is on the other clock, or was made by a newer release; nothing was changed.
        TryLater: another program holds it locked.
    """
    try:
        if str(path) != ":memory:":
            create_private(path)
        db = Database(sqlite3.connect(path, timeout=30))
    except (OSError, sqlite3.OperationalError) as error:
        raise StoreDamaged(f"{path}: cannot be opened: {error}") from error
    try:
        _reject_foreign(db, path)
        _reject_newer(db, path)
        db.enable_wal()
        for setting in WRITER_PRAGMAS:
            db.execute(f"PRAGMA {setting}")
        with write_transaction(db):  # a reader sees a new database complete, or not at all
            applied = {step.name for step in migrations.applied(db)}
            migrations.apply(db)
            if "create_runs" in applied and "add_cells" not in applied and clock == "live":
                resort_older_runs(db, CellIds(db))
                roll_up(db, (cell for (cell,) in db.execute("SELECT id FROM cell").fetchall()))  # they count more now
            if "create_runs" in applied and "add_tallies" not in applied:
                rebuild_counts(db)
            db.table("meta").insert({"key": "clock", "value": clock}, ignore=True)
        _reject_other_clock(db, path, clock)
    except sqlite3.DatabaseError as error:
        db.close()
        if is_busy(error):
            raise TryLater(f"{path}: {error}; another program is using it, try again later") from error
        hint = NO_ACCESS_HINT if is_access_error(error) else "move it away or restore a copy"
        raise StoreDamaged(f"{path}: {error}; {hint}, nothing was changed") from error
    except StoreDamaged:
        db.close()
        raise
    return db


def open_reader(path: Path, *, check_same_thread: bool = True) -> Database:
    """Open the database for reading only; a page or a verdict changes nothing.

    Args:
        path: the database file.
        check_same_thread: refuse the use in another thread; False where threads take turns.

    Raises:
        StoreMissing: there is no database yet.
        StoreDamaged: the file is not a metrics database of this release.
    """
    none_yet = f"{path}: no metrics yet; `milepost metrics measure` or `milepost run` creates them"
    if not path.is_file():
        raise StoreMissing(none_yet)
    uri = f"{path.resolve().as_uri()}?mode=ro"
    db = Database(sqlite3.connect(uri, uri=True, timeout=10, check_same_thread=check_same_thread))
    try:
        if not _tables(db):
            raise StoreMissing(none_yet)
        _reject_foreign(db, path)
        _reject_newer(db, path)
    except sqlite3.DatabaseError as error:
        db.close()
        hint = NO_ACCESS_HINT if is_access_error(error) else "not a metrics database of Milepost"
        raise StoreDamaged(f"{path}: {error}; {hint}") from error
    except (StoreMissing, StoreDamaged):
        db.close()
        raise
    return db


class Snapshot(Database):
    """A reader that sees the store as of one moment, that of its first query or of the last `begin`.

    What is computed from a snapshot holds until the store changes, so expensive values are kept in `computed`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.computed: dict[Hashable, Any] = {}
        self.execute("BEGIN")

    def begin(self) -> None:
        """Begin the snapshot anew, as of now; the caller makes sure that the store has not changed since `end`."""
        self.execute("BEGIN")
        self.execute("SELECT 1 FROM meta").fetchone()

    def end(self) -> None:
        """End the snapshot; what was computed from it stays."""
        self.conn.rollback()


def open_snapshot(path: Path, *, check_same_thread: bool = True) -> Snapshot:
    """Open a snapshot of the database. Raises as `open_reader` does."""
    return Snapshot(open_reader(path, check_same_thread=check_same_thread).conn)


def empty_store(clock: str) -> Database:
    """Return an empty store in memory, for questions before anything was measured."""
    return open_store(Path(":memory:"), clock)


def is_busy(error: sqlite3.DatabaseError) -> bool:
    """Tell whether another program holds the database locked, so that a later try may succeed."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


#: Hint for a database that is intact but not accessible to this user.
NO_ACCESS_HINT = "allow this user to read and write the file and its folder; reading needs both"


def is_access_error(error: sqlite3.DatabaseError) -> bool:
    """Tell whether the cause is the file system and not the content of the database."""
    codes = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_FULL}
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in codes


def _tables(db: Database) -> set[str]:
    return {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _reject_foreign(db: Database, path: Path) -> None:
    tables = _tables(db)
    if tables and "run_block" not in tables:
        raise StoreDamaged(f"{path}: another program's database (it has {', '.join(sorted(tables)[:3])}); move it away")


def _reject_newer(db: Database, path: Path) -> None:
    unknown = {step.name for step in migrations.applied(db)} - STEPS
    if unknown:
        raise StoreDamaged(f"{path}: made by a newer release ({', '.join(sorted(unknown))}); use that release")


def _reject_other_clock(db: Database, path: Path, clock: str) -> None:
    own = clock_of(db)
    if own != clock:
        raise StoreDamaged(f"{path}: holds {own} runs, not {clock} ones; the two are never mixed")


def clock_of(db: Database) -> str:
    """Return the clock of a store: `live` or `replay`."""
    return str(db.execute("SELECT value FROM meta WHERE key = 'clock'").fetchone()[0])


@contextmanager
def write_transaction(db: Database) -> Iterator[None]:
    """Run the block in a transaction that excludes other writers from the start, and commit it."""
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.conn.rollback()
        raise
    db.conn.commit()
