"""Open the ledger to read it: nothing in it is created, upgraded or changed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import sqlalchemy as sa

from poc.errors import LedgerDamaged
from poc.ledger.schema import VERSION
from poc.ledger.sqlite.connection import translate_database_errors
from poc.ledger.sqlite.presence import is_empty, refuse_lost_ledger
from poc.ledger.sqlite.store import SqliteLedger
from poc.ledger.statements import Statements
from poc.ledger.workspace_id import check_place, load_ids

if TYPE_CHECKING:
    from poc.ledger.ledger import Ledger
    from poc.ledger_address import LedgerAddress

#: Seconds to wait for another program that has the ledger locked: a monitor waits ten seconds at most.
LOCK_TIMEOUT_S = 3.0


def open_ledger_read_only(address: LedgerAddress) -> Ledger | None:
    """Open the ledger at `address` for reading, while others write to it; None where nothing was exchanged yet.

    Raises:
        LedgerDamaged: it cannot be read, is lost, is from another release, or is a copy of another workspace's.
        TryLater: another program has it locked.
    """
    if not isinstance(address, Path):
        from poc.ledger.postgres.opening import open_postgres_read_only

        return open_postgres_read_only(address, LOCK_TIMEOUT_S)
    path = address
    refuse_lost_ledger(path)
    if is_empty(path):
        return None
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"}),
        connect_args={"timeout": LOCK_TIMEOUT_S, "check_same_thread": False},
        poolclass=sa.NullPool,
    )
    with translate_database_errors(str(path)), engine.connect() as connection:
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        connection.exec_driver_sql("SELECT COUNT(*) FROM sqlite_master").scalar_one()
    if version > VERSION:
        raise LedgerDamaged(f"{path}: version {version}, made by a newer release (this one knows {VERSION})")
    if version < VERSION:
        raise LedgerDamaged(f"{path}: version {version}, made by an older release; `milepost run` upgrades it")
    with translate_database_errors(str(path)):
        with engine.connect() as connection:
            ids = load_ids(connection)
            check_place(connection, path)
        return SqliteLedger(engine, path, ids, threading.Lock(), Statements(engine.dialect))
