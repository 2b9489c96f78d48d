"""Open a ledger in PostgreSQL: it has the tables of this release, and the id of the workspace that opens it."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.errors import LedgerDamaged
from poc.ledger.ledger import LOCK_TIMEOUT_S
from poc.ledger.postgres.connection import new_engine, translate_database_errors
from poc.ledger.postgres.store import LOCK_SCOPE, PostgresLedger
from poc.ledger.schema import WORKSPACE
from poc.ledger.statements import Statements
from poc.ledger.workspace_id import find_ids, load_ids, marked_id, write_marker
from poc.ledger_address import marker_path

if TYPE_CHECKING:
    from poc.ledger.workspace_id import PlaceDecision, WorkspaceIds
    from poc.ledger_address import PostgresAddress

#: The newest revision of the tables; `poc.ledger.postgres.revisions` has a module for each.
REVISION = "0001"

#: The table in which the revision of a database is recorded, and what stands there after the ledger was moved.
VERSION_TABLE = "ledger_version"
MOVED = "moved"


def open_postgres_ledger(
    address: PostgresAddress, *, fixed_id: str | None = None, decision: PlaceDecision = "check"
) -> PostgresLedger:
    """Open a ledger in PostgreSQL, as `open_ledger` does; its tables are made by `milepost migrate`.

    Raises:
        BadInput: the address cannot be used.
        LedgerDamaged: it has no tables of this release, or it is not the ledger of this workspace.
        TryLater: the server cannot be reached, or has no room.
    """
    engine = new_engine(address, LOCK_TIMEOUT_S)
    with translate_database_errors(str(address)), engine.connect() as connection:
        check_revision(connection, str(address))
        ids = _identify(connection, address, fixed_id, decision)
    write_marker(marker_path(address), ids.current)
    return PostgresLedger(engine, address, ids, Statements(engine.dialect))


def open_postgres_read_only(address: PostgresAddress, lock_timeout_s: float) -> PostgresLedger | None:
    """Open a ledger in PostgreSQL for reading; None where nothing was exchanged yet. Raises as the other."""
    engine = new_engine(address, lock_timeout_s, read_only=True)
    with translate_database_errors(str(address)), engine.connect() as connection:
        check_revision(connection, str(address))
        ids = find_ids(connection)
        if ids is None:
            refuse_lost(address)
            return None
        refuse_foreign(address, ids)
        return PostgresLedger(engine, address, ids, Statements(engine.dialect))


def check_revision(connection: sa.Connection, name: str) -> None:
    """Check that a database has the tables of this release. Raises LedgerDamaged."""
    revision = read_revision(connection)
    if revision == REVISION:
        return
    if revision is None:
        raise LedgerDamaged(f"{name}: has no tables of a ledger; make them with `milepost migrate`")
    if revision == MOVED:
        raise LedgerDamaged(f"{name}: the ledger was moved away from here by `milepost ledger copy`; nothing was done")
    if revision > REVISION:
        raise LedgerDamaged(f"{name}: revision {revision}, made by a newer release (this one knows {REVISION})")
    raise LedgerDamaged(f"{name}: revision {revision}, made by an older release; `milepost migrate` upgrades it")


def read_revision(connection: sa.Connection) -> str | None:
    """Return the revision of a database's tables; None where it has none."""
    if connection.exec_driver_sql(f"SELECT to_regclass('{VERSION_TABLE}')").scalar_one() is None:
        return None
    revision = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()  # noqa: S608 (a constant)
    return None if revision is None else str(revision)


def _identify(
    connection: sa.Connection, address: PostgresAddress, fixed_id: str | None, decision: PlaceDecision
) -> WorkspaceIds:
    """Return the ids of a ledger's workspace; make its id if it has none, or a new one as a person decided."""
    ids = find_ids(connection)
    if ids is None or decision == "new-id":
        connection.exec_driver_sql("BEGIN")
        try:
            connection.exec_driver_sql(LOCK_SCOPE, ("workspace",))
            ids = find_ids(connection)  # another process may have made it
            if ids is None:
                refuse_lost(address)
            if ids is None or decision == "new-id":
                current = fixed_id if fixed_id is not None and ids is None else token_hex(16)
                connection.execute(sa.update(WORKSPACE).values(is_current=0))
                connection.execute(sa.insert(WORKSPACE).values(id=current, is_current=1))
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
        return load_ids(connection)
    refuse_foreign(address, ids)
    return ids


def refuse_lost(address: PostgresAddress) -> None:
    """Refuse an empty ledger in a workspace that had one. Raises LedgerDamaged."""
    if marked_id(marker_path(address)):
        raise LedgerDamaged(
            f"{address}: the ledger is empty, and {address.folder} had one before; nothing was done. Move it here with "
            "`milepost ledger copy`, or restore the database from a copy. A file that was delivered before would "
            "be delivered again"
        )


def refuse_foreign(address: PostgresAddress, ids: WorkspaceIds) -> None:
    """Refuse the ledger of another workspace. Raises LedgerDamaged."""
    marked = marked_id(marker_path(address))
    if marked and marked not in (ids.current, *ids.earlier):
        raise LedgerDamaged(
            f"{address}: is the ledger of another workspace than {address.folder.parent}; nothing was done. See "
            "`ledger` in milepost.toml"
        )
