"""Connections to a ledger in SQLite, and its errors, translated to errors that name it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from poc.errors import LedgerDamaged, TryLater
from poc.ledger.schema import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


#: Size of the write-ahead log, in pages of 4 KiB, at which it is copied into the database and begins anew. A page that
#: was written before costs a commit half of one that makes the file longer.
CHECKPOINT_PAGES = 1_000


#: SQLite's `synchronous`: with a write-ahead log, NORMAL waits for the disk at checkpoints only.
SYNC_FULL, SYNC_NORMAL = "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"


#: Name of a function that the connections of this release have. A release before version 4 that works on, while the
#: ledger is upgraded, has no such function: it can take no lease any more, and so sends no compressed body.
RELEASE_FUNCTION = "newer_release_of_milepost"


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
