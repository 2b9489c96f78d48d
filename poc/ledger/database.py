"""Connections to the ledger's database, compiled statements, and its errors, translated to errors that name it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from poc.errors import LedgerDamaged, TryLater
from poc.ledger.schema import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


#: Size of the write-ahead log, in pages of 4 KiB, at which it is copied into the database and begins anew. A page that
#: was written before costs a commit half of one that makes the file longer.
CHECKPOINT_PAGES = 1_000

#: SQLite's `synchronous`: with a write-ahead log, NORMAL waits for the disk at checkpoints only.
SYNC_FULL, SYNC_NORMAL = "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"

#: Name of a function that the connections of this release have. A release before version 4 that works on, while the
#: ledger is upgraded, has no such function: it can take no lease any more, and so sends no compressed body.
RELEASE_FUNCTION = "newer_release_of_milepost"

#: SQL, the names of its parameters in their order, and the values that the statement itself gives to some of them.
CompiledStatement: TypeAlias = "tuple[str, list[str], dict[str, object]]"


def new_engine(path: Path, lock_timeout_s: float) -> sa.Engine:
    """Return an engine without a pool, so that `close` closes a connection; each has one user at a time."""
    arguments = {"timeout": lock_timeout_s, "check_same_thread": False}
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)), connect_args=arguments, poolclass=sa.NullPool
    )
    sa.event.listen(engine, "connect", _configure_connection)
    return engine


def _configure_connection(connection: Any, _: Any) -> None:
    add_release_function(connection)
    connection.execute(SYNC_FULL)
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")


def add_release_function(connection: Any) -> None:
    """Let a connection of the driver take leases."""
    connection.execute("PRAGMA trusted_schema = ON")  # allows functions of a program in a trigger
    connection.create_function(RELEASE_FUNCTION, 0, lambda: VERSION)


def use_write_ahead_log(connection: sa.Connection, timeout_s: float) -> None:
    """Let a ledger have a write-ahead log.

    Two processes that do so for a new ledger at the same time would wait for each other: SQLite refuses one of them at
    once, whatever its timeout, and that one tries again.
    """
    until_s = time.monotonic() + timeout_s
    while connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() != "wal":
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except sa.exc.OperationalError:
            connection.rollback()
            if time.monotonic() >= until_s:
                raise
            time.sleep(0.01)


@contextmanager
def translate_database_errors(path: str) -> Iterator[None]:
    """Translate database errors: TryLater where the ledger is locked or the disk is full, else LedgerDamaged."""
    try:
        yield
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        # the driver's message without the statement, which may contain a partner's rows
        cause = error.orig if isinstance(error, sa.exc.DatabaseError) else error
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise TryLater(f"{path}: {cause}; try again later") from None
        if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
            raise TryLater(f"{path}: cannot be written: {cause}; make room and try again") from None
        if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
            raise LedgerDamaged(
                f"{path}: cannot be used: {cause}; see who may write there, nothing was changed"
            ) from None
        raise LedgerDamaged(f"{path}: {cause}; move it away or restore a copy, nothing was changed") from None


class Statements:
    """Compiled statements, which the connections of a process share."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        self._compiled: dict[object, CompiledStatement] = {}

    def bind(
        self, statement: sa.ClauseElement, values: Sequence[Mapping[str, object]]
    ) -> tuple[str, list[list[object]]]:
        """Return the SQL of a statement, and its parameters for each of `values`, which all have the same keys."""
        key = (statement, *values[0])
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = self._compile(statement, values[0])
        text, names, fixed = compiled
        return text, [[given[name] if name in given else fixed[name] for name in names] for given in values]

    def _compile(self, statement: sa.ClauseElement, values: Mapping[str, object]) -> CompiledStatement:
        # the columns of an INSERT or UPDATE are those that values are given for
        compiled = statement.compile(dialect=self._dialect, column_keys=list(values))
        names: list[str] = compiled.positiontup or []  # type: ignore[attr-defined] # of every compiled SQL statement
        return str(compiled), names, dict(compiled.params)


class WaitingChanges:
    """Changes that wait for the end of a joined commit, by statement. No two of them change the same row.

    The changes of a pass are the same few statements for each of its files: together they take a third of the time.
    """

    def __init__(self) -> None:
        self._values: dict[object, tuple[sa.ClauseElement, list[Mapping[str, object]]]] = {}

    def add(self, statement: sa.ClauseElement, values: Sequence[Mapping[str, object]]) -> None:
        """Add a change for each of `values`, which all have the same keys."""
        self._values.setdefault((statement, *values[0]), (statement, []))[1].extend(values)

    def take(self) -> list[tuple[sa.ClauseElement, list[Mapping[str, object]]]]:
        """Return the statements with the values of their changes; none wait from now on."""
        waiting = list(self._values.values())
        self._values.clear()
        return waiting
