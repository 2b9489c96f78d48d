"""Database errors of the ledger, translated to errors that name it."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.errors import LedgerDamaged, TryLater

if TYPE_CHECKING:
    from collections.abc import Iterator


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
