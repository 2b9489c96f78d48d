"""The ledger: which files were received, how each exchange ended, and what is still to be done.

SQLite in WAL mode. Tables and statements are SQLAlchemy Core; those that every exchange needs are compiled once and
run on the driver's own connection, which takes a tenth of the time. A file is identified by its sha256, not its name.
An attempt is committed before any row of the file is sent, and again when it ends; a run that dies between the two
leaves an open entry, which the next run resumes.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from poc.errors import BadInput, LedgerDamaged, TryLater
from poc.ledger.database import (
    SYNC_FULL,
    SYNC_NORMAL,
    Statements,
    WaitingChanges,
    new_engine,
    translate_database_errors,
    use_write_ahead_log,
)  # fmt: skip
from poc.ledger.exchange_record import INSERT_EXCHANGE, SELECT_EXCHANGE, UPDATE_EXCHANGE, ExchangeRecord, record_of
from poc.ledger.presence import OpenedFile, create_file, move_lost_ledger, refuse_lost_ledger, write_marker
from poc.ledger.schema import create_or_upgrade
from poc.ledger.workspace_id import identify_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from poc.ledger.workspace_id import PlaceDecision, WorkspaceIds

#: Seconds to wait for another program's write before TryLater is raised.
LOCK_TIMEOUT_S = 10.0


class Ledger:
    """One connection to the ledger database, for one thread.

    The connections of a process share `writer`: threads wait for one another in turn, where SQLite would let them poll.
    A connection may be guarded: nothing is committed, and nothing is to be sent, when its guard raises an error.
    """

    def __init__(
        self, engine: sa.Engine, path: Path, ids: WorkspaceIds, writer: threading.Lock, statements: Statements
    ) -> None:
        self.path, self.ids = path, ids
        self.connection = engine.connect()
        self.guard: Callable[[], None] | None = None
        self._engine = engine
        driver = self.connection.connection.dbapi_connection
        assert driver is not None  # noqa: S101 (open until `close`; tells the type checker)
        self._driver = driver
        self._statements, self._writer = statements, writer
        self._writing = False
        self._joined = False  # commits are joined to one
        self._waiting = WaitingChanges()
        self._waits_for_disk: bool | None = None  # as set while commits are joined
        driver.execute("PRAGMA user_version").fetchall()  # opens the write-ahead log, if it is not open yet
        self._file = OpenedFile(path)

    def sibling(self) -> Ledger:
        """Return a connection for another thread, which its caller closes. Raises TryLater, LedgerDamaged."""
        with translate_database_errors(str(self.path)):
            return Ledger(self._engine, self.path, self.ids, self._writer, self._statements)

    def execute(self, statement: sa.ClauseElement, *values: Mapping[str, object]) -> list[Any]:
        """Execute a statement once for each of `values`, and return the rows of a query.

        The statement must be the same object each time, so that it is compiled once; all `values` must have the same
        keys.

        Raises:
            TryLater, LedgerDamaged.
        """
        if self._joined:
            self._write_waiting()
        return self._run(statement, values)

    def change(self, statement: sa.UpdateBase, *values: Mapping[str, object]) -> None:
        """Execute a change of rows that no other change concerns; in `one_commit`, with others of its statement."""
        if self._joined:
            self._waiting.add(statement, values)
        else:
            self._run(statement, values)

    def _run(self, statement: sa.ClauseElement, values: Sequence[Mapping[str, object]]) -> list[Any]:
        text, rows = self._statements.bind(statement, values)
        if isinstance(statement, sa.UpdateBase):
            self._begin_writing()
        try:
            cursor = self._driver.execute(text, rows[0]) if len(rows) == 1 else self._driver.executemany(text, rows)
            result: list[Any] = cursor.fetchall()
        except sqlite3.DatabaseError:
            with self.reporting_errors():
                raise
        if statement is INSERT_EXCHANGE and cursor.rowcount < len(rows):  # its new holder entered one meanwhile
            self.check_guard()
            files = values[0]["file"] if len(values) == 1 else f"one of {len(values)} files"
            raise TryLater(f"{files}: another process exchanges it; try again later")
        return result

    def _write_waiting(self) -> None:
        for statement, values in self._waiting.take():
            self._run(statement, values)

    def begin(self) -> None:
        """Begin a transaction of changes; from now on no other connection changes anything. Raises as `execute`."""
        self._begin_writing()
        with self.reporting_errors():
            self._driver.execute("BEGIN IMMEDIATE")

    def _begin_writing(self) -> None:
        if not self._writing and not self._writer.acquire(timeout=LOCK_TIMEOUT_S):
            raise TryLater(f"{self.path}: another thread of this process writes to it; try again later")
        self._writing = True

    def _end_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._writer.release()

    def execute_text(self, text: str, values: Sequence[object]) -> None:
        """Execute the SQL text of a change that is made of many rows. Raises TryLater, LedgerDamaged."""
        self._begin_writing()
        with self.reporting_errors():
            self._driver.execute(text, values)

    def find(self, partner: str, feed: str, file: str, digest: str) -> ExchangeRecord:
        """Return the entry of a file, identified by its digest; a new one for a new file.

        Raises TryLater, LedgerDamaged.
        """
        keys = list(self.ids.exchange_ids(partner, feed, digest))
        entry = next((entry for key in keys if (entry := self.get(key)) is not None), None)
        return entry or ExchangeRecord(keys[0], partner, feed, file, digest)

    def get(self, key: str) -> ExchangeRecord | None:
        """Return the entry of an exchange by its id, or None. Raises TryLater, LedgerDamaged."""
        result = self.execute(SELECT_EXCHANGE, {"key": key})
        if not result:
            return None
        return record_of(result[0])

    def record_attempt(self, entry: ExchangeRecord, size_bytes: int, now_us: int, **values: object) -> None:
        """Insert the exchange of an attempt, or update it; `commit` makes it permanent.

        Raises:
            TryLater: among others, another process entered the exchange after it was looked up, as its new holder.
            LedgerDamaged: the ledger cannot be used.
        """
        if entry.outcome:
            self.update(
                entry, **{"attempt": entry.attempt, "outcome": "open", "reason": "", "file": entry.file, **values}
            )
            return
        first = {
            "id": entry.exchange_id, "partner": entry.partner, "feed": entry.feed, "sha256": entry.sha256,
            "file": entry.file, "size_bytes": size_bytes, "attempt": entry.attempt, "outcome": "open",
            "opened_at_us": now_us, **values,
        }  # fmt: skip
        self.change(INSERT_EXCHANGE, first)

    def update(self, entry: ExchangeRecord, **values: object) -> None:
        """Update columns of an exchange; `commit` makes it permanent. Raises TryLater, LedgerDamaged."""
        self.change(UPDATE_EXCHANGE, {**values, "key": entry.exchange_id})

    @property
    def is_changing(self) -> bool:
        """Whether this connection has changes that are not committed; no other connection can change anything."""
        return self._writing

    @contextmanager
    def one_commit(self) -> Iterator[None]:
        """Join all commits to one, at the end; it is rolled back where an error ends it. Raises as `commit` does."""
        self._joined = True
        try:
            yield
            self._write_waiting()
        except BaseException:
            self._joined, self._waits_for_disk = False, None
            self._waiting.take()
            self.roll_back()
            raise
        self._joined = False
        waits, self._waits_for_disk = self._waits_for_disk, None
        self.commit()
        if waits is not None:
            self.wait_for_disk(waits)

    def commit(self) -> None:
        """Commit; the change is on disk when this returns. Raises TryLater, LedgerDamaged, LeaseLost."""
        if self._joined:
            return
        try:
            self.check_guard()
            self._driver.commit()
        except sqlite3.DatabaseError:
            with self.reporting_errors():
                raise
        except BaseException:
            self._driver.rollback()
            raise
        finally:
            self._end_writing()
        self.check_in_place()

    def check_guard(self) -> None:
        """Raise what the guard raises, if there is one."""
        if self.guard is not None:
            self.guard()

    def check_in_place(self) -> None:
        """Raise LedgerDamaged where the ledger's file was deleted or replaced: a commit into it would be lost."""
        self._file.check()

    def check_before_send(self) -> None:
        """Check that what is sent now will be recorded: the ledger is in place, and the guard allows it."""
        self.check_in_place()
        self.check_guard()

    def wait_for_disk(self, wait: bool) -> None:
        """Set whether commits from now on are on disk when they return, or only survive the death of this process.

        Call it between transactions. The commit of a reservation always waits. The confirmation by a partner that
        honours keys need not: if a power cut loses it, the ledger still has the requests, and sends them again by key.
        """
        if self._joined:
            self._waits_for_disk = wait
            return
        self._driver.execute(SYNC_FULL if wait else SYNC_NORMAL)

    def roll_back(self) -> None:
        """Roll back what was not committed, and make commits wait for the disk again."""
        try:
            self._driver.rollback()
        finally:
            self._end_writing()
        self._driver.execute(SYNC_FULL)

    @contextmanager
    def reporting_errors(self) -> Iterator[None]:
        """Translate database errors to errors that name the ledger, and roll back what was not committed."""
        try:
            with translate_database_errors(str(self.path)):
                yield
        except (TryLater, LedgerDamaged):
            try:
                self._driver.rollback()
            finally:
                self._end_writing()
            self.check_in_place()  # SQLite calls a deleted database a failure of the disk
            raise

    def close(self) -> None:
        """Close the connection; what was not committed is rolled back."""
        self.connection.close()
        self._end_writing()


def create_ledger(path: Path) -> None:
    """Create an empty ledger in the place of one that is lost, as a person decided. Raises as `open_ledger` does."""
    move_lost_ledger(path)
    open_ledger(path, replace_lost=True).close()


def open_ledger(
    path: Path, *, replace_lost: bool = False, fixed_id: str | None = None, decision: PlaceDecision = "check"
) -> Ledger:
    """Open the ledger at `path`; create it for a new workspace, or with `replace_lost` in the place of a lost one.

    `fixed_id` and `decision` are those of `identify_workspace`.

    Raises:
        LedgerDamaged: the file is not a ledger, or is from a newer release, or it is lost: missing or empty although
            there was one before; or it is in another place, and may be a copy; nothing was changed.
        BadInput: it was not moved, as `decision` says: the original is still there.
        TryLater: another program has it locked.
    """
    if not replace_lost:
        refuse_lost_ledger(path)
    create_file(path)
    engine = new_engine(path, LOCK_TIMEOUT_S)
    try:
        with translate_database_errors(str(path)), engine.connect() as connection:
            create_or_upgrade(connection, str(path))
        with translate_database_errors(str(path)), engine.connect() as connection:
            use_write_ahead_log(connection, LOCK_TIMEOUT_S)
            ids = identify_workspace(connection, path, fixed_id, decision)
        write_marker(path, ids.current)
    except (LedgerDamaged, TryLater, BadInput):
        engine.dispose()
        raise
    return Ledger(engine, path, ids, threading.Lock(), Statements(engine.dialect))
