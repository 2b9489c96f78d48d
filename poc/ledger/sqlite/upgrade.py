"""The tables of a new ledger in SQLite, and the upgrade of an older one."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from poc.errors import LedgerDamaged
from poc.ledger.schema import EXCHANGE, JOINT_PARTS, UNSETTLED, VERSION
from poc.ledger.sqlite.presence import keep_old_version, older_release_locked_out
from poc.ledger.tables.metadata import METADATA

#: Refuses leases to releases without that function, or with a lower version: from version 5, ids are made otherwise.
LEASES_OF_RELEASE = f"""
CREATE TRIGGER feed_of_release BEFORE UPDATE OF owner ON feed WHEN newer_release_of_milepost() < {VERSION}
BEGIN SELECT RAISE(ABORT, 'the ledger was upgraded by a newer release of Milepost'); END
"""


def create_or_upgrade(connection: sa.Connection, path: str) -> None:
    """Create the tables of a new ledger, or upgrade those of an older one, of which a copy is kept, and commit.

    Raises:
        LedgerDamaged: it is another program's database, or from a newer release; nothing was changed.
        TryLater: an older release still works with it; nothing was changed.
    """
    if connection.exec_driver_sql("PRAGMA user_version").scalar_one() == VERSION:
        return
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver does not begin a transaction for DDL by itself
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version == VERSION:
        return
    if version > VERSION:
        raise LedgerDamaged(f"{path}: version {version}, made by a newer release (this one knows {VERSION})")
    tables = sa.inspect(connection).get_table_names()
    if tables and EXCHANGE.name not in tables:
        raise LedgerDamaged(f"{path}: another program's database (it has {', '.join(tables[:3])}); move it away")
    with older_release_locked_out(Path(path)):
        if tables:
            keep_old_version(Path(path), version)
        for table in METADATA.sorted_tables:
            if table.name in tables:
                _add_missing_columns(connection, table)
        if tables:
            UNSETTLED.create(connection, checkfirst=True)
        METADATA.create_all(connection)
        JOINT_PARTS.create(connection, checkfirst=True)
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS feed_of_release")
        connection.exec_driver_sql(LEASES_OF_RELEASE)
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
        connection.commit()


def _add_missing_columns(connection: sa.Connection, table: sa.Table) -> None:
    existing = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in existing:
            text = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {text}")
