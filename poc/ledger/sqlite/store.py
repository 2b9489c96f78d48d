"""The ledger in SQLite, with a write-ahead log: one file of the workspace, and one writer at a time."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from poc.errors import BadInput, LedgerDamaged, TryLater
from poc.ledger.ledger import LOCK_TIMEOUT_S, Ledger
from poc.ledger.sqlite.connection import (
    SYNC_FULL,
    SYNC_NORMAL,
    new_engine,
    translate_database_errors,
    use_write_ahead_log,
)
from poc.ledger.sqlite.presence import OpenedFile, create_file, refuse_lost_ledger
from poc.ledger.sqlite.upgrade import create_or_upgrade
from poc.ledger.statements import Statements
from poc.ledger.workspace_id import identify_workspace, write_marker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Self

    import sqlalchemy as sa

    from poc.ledger.workspace_id import PlaceDecision, WorkspaceIds


class SqliteLedger(Ledger):
    """One connection to a ledger in SQLite.

    The connections of a process share `writer`: threads wait for one another in turn, where SQLite would let them poll.
    """

    driver_error = sqlite3.DatabaseError
    has_numbered_parameters = True

    def __init__(
        self, engine: sa.Engine, path: Path, ids: WorkspaceIds, writer: threading.Lock, statements: Statements
    ) -> None:
        super().__init__(engine, path, path.parent, ids, statements)
        self.path = path
        self._writer = writer
        self._driver.execute("PRAGMA user_version").fetchall()  # opens the write-ahead log, if it is not open yet
        self._file = OpenedFile(path)

    def sibling(self) -> Self:
        """Return a connection for another thread, which its caller closes. Raises TryLater, LedgerDamaged."""
        with self._translate_errors():
            return type(self)(self._engine, self.path, self.ids, self._writer, self._statements)

    def _execute_rows(self, text: str, rows: Sequence[Sequence[object]]) -> tuple[list[Any], int]:
        cursor = self._driver.execute(text, rows[0]) if len(rows) == 1 else self._driver.executemany(text, rows)
        return cursor.fetchall(), cursor.rowcount

    def begin(self, scope: str = "") -> None:  # noqa: ARG002 (there is one writer at a time)
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

    def check_in_place(self) -> None:
        """Raise LedgerDamaged where the ledger's file was deleted or replaced: a commit into it would be lost."""
        self._file.check()

    def _set_waiting(self, wait: bool) -> None:
        self._driver.execute(SYNC_FULL if wait else SYNC_NORMAL)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        with translate_database_errors(str(self.path)):
            yield

    def matches_glob(self, column: sa.ColumnElement[str], pattern: str) -> sa.ColumnElement[bool]:
        """Return the condition that a text matches a pattern with `*`, `?` and `[...]`, as those of a shell."""
        return column.op("GLOB", is_comparison=True)(pattern.replace("[!", "[^"))


def open_sqlite_ledger(
    path: Path, *, replace_lost: bool = False, fixed_id: str | None = None, decision: PlaceDecision = "check"
) -> SqliteLedger:
    """Open the ledger at `path`, as `open_ledger` does; create or upgrade it. Raises as `open_ledger`."""
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
    return SqliteLedger(engine, path, ids, threading.Lock(), Statements(engine.dialect))
