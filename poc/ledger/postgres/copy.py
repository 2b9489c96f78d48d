"""Move a ledger from SQLite to PostgreSQL, or back: all of it, compared by digests, and never in use at both.

The source is put out of use before the copy becomes valid: whatever interrupts a move, no file is delivered from both.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from poc.errors import BadInput, LedgerDamaged, TryLater
from poc.ledger.ledger import LOCK_TIMEOUT_S
from poc.ledger.postgres import connection as postgres_connection
from poc.ledger.postgres.dialect import ORDERED
from poc.ledger.postgres.migrate import migrate_ledger
from poc.ledger.postgres.opening import MOVED, VERSION_TABLE, open_postgres_ledger
from poc.ledger.process_identity import is_dead
from poc.ledger.schema import FEED, WORKSPACE
from poc.ledger.sqlite import connection as sqlite_connection
from poc.ledger.sqlite.presence import create_file, is_empty
from poc.ledger.sqlite.store import open_sqlite_ledger
from poc.ledger.sqlite.upgrade import create_or_upgrade
from poc.ledger.tables.metadata import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from poc.ledger_address import LedgerAddress, PostgresAddress

#: Rows that are written at once.
BATCH_ROWS = 1_000

#: While the copy in SQLite is written and compared, nothing happens in the transaction of PostgreSQL.
ALLOW_IDLE = "SET idle_in_transaction_session_timeout = 0"

#: Attempts to lock a ledger while its write-ahead log is empty.
LOCK_ATTEMPTS = 20

#: Columns that say where the file of a ledger in SQLite is; a move leaves them empty.
PLACE_COLUMNS = {"host": "", "path": "", "device": 0, "inode": 0}

#: Tables without which no process works on: these are renamed where the ledger was moved away from.
PUT_OUT_OF_USE = ("exchange", "feed")


def copy_ledger(source: LedgerAddress, target: LedgerAddress) -> dict[str, int]:
    """Move a ledger into an empty database; return the number of rows of each table that has any.

    Raises:
        BadInput: the target is not empty, or both are of the same kind.
        TryLater: a process works with the ledger, or a database cannot be used for the moment.
        LedgerDamaged: a ledger cannot be used, or the copy differs; nothing was changed.
    """
    if isinstance(source, Path) == isinstance(target, Path):
        raise BadInput(f"{source} and {target}: a ledger is moved from SQLite to PostgreSQL, or back")
    if isinstance(source, Path):
        open_sqlite_ledger(source).close()  # it is one, and of this release
        assert not isinstance(target, Path)  # noqa: S101 (the other kind)
        return _to_postgres(source, target)
    open_postgres_ledger(source).close()
    assert isinstance(target, Path)  # noqa: S101 (the other kind)
    return _to_sqlite(source, target)


def _to_postgres(source: Path, target: PostgresAddress) -> dict[str, int]:
    migrate_ledger(target)
    with ExitStack() as stack:
        stack.enter_context(sqlite_connection.translate_database_errors(str(source)))
        stack.enter_context(postgres_connection.translate_database_errors(str(target)))
        reading = stack.enter_context(sqlite_connection.new_engine(source, LOCK_TIMEOUT_S).connect())
        writing = stack.enter_context(postgres_connection.new_engine(target, LOCK_TIMEOUT_S).connect())
        lock_whole_file(reading, source)  # until the end: what is written after the copy would be in no valid ledger
        refuse_used(reading)
        writing.exec_driver_sql(ALLOW_IDLE)
        writing.exec_driver_sql("BEGIN")
        writing.exec_driver_sql(f"LOCK TABLE {', '.join(map(_quoted, METADATA.tables))} IN EXCLUSIVE MODE")
        refuse_filled(writing, str(target))
        counts = copy_rows(reading, writing)
        for table in METADATA.sorted_tables:
            if (column := table.autoincrement_column) is not None and table.name in counts:
                number = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
                query = f"SELECT setval({number}, MAX({column.name})) FROM {_quoted(table.name)}"  # noqa: S608
                writing.exec_driver_sql(query)
        moved = _free_name(source)
        source.rename(moved)
        try:
            writing.exec_driver_sql("COMMIT")
        except sa.exc.DBAPIError as error:
            if not is_outcome_unknown(error):
                moved.rename(source)
            raise
    for name in (f"{source}-wal", f"{source}-shm"):
        Path(name).unlink(missing_ok=True)
    return counts


def _to_sqlite(source: PostgresAddress, target: Path) -> dict[str, int]:
    if not is_empty(target):
        raise BadInput(f"{target}: is not empty; move it away, if it is of no use any more")
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    create_file(part)
    is_ending = False
    try:
        with ExitStack() as stack:
            stack.enter_context(postgres_connection.translate_database_errors(str(source)))
            stack.enter_context(sqlite_connection.translate_database_errors(str(part)))
            reading = stack.enter_context(postgres_connection.new_engine(source, LOCK_TIMEOUT_S).connect())
            writing = stack.enter_context(sqlite_connection.new_engine(part, LOCK_TIMEOUT_S).connect())
            reading.exec_driver_sql(ALLOW_IDLE)
            reading.exec_driver_sql("BEGIN")
            reading.exec_driver_sql(f"LOCK TABLE {', '.join(map(_quoted, METADATA.tables))} IN EXCLUSIVE MODE")
            refuse_used(reading)
            create_or_upgrade(writing, str(part))
            writing.exec_driver_sql("BEGIN IMMEDIATE")
            counts = copy_rows(reading, writing)
            writing.commit()
            for name in PUT_OUT_OF_USE:
                reading.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {name}_{MOVED}")
            reading.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '{MOVED}'")  # noqa: S608 (constants)
            is_ending = True  # if the connection is lost now, the copy may be the only valid ledger
            reading.exec_driver_sql("COMMIT")
        part.rename(target)
    except BaseException:
        if not is_ending:
            part.unlink(missing_ok=True)
        raise
    return counts


def lock_whole_file(connection: sa.Connection, path: Path) -> None:
    """Lock a ledger in SQLite while none of its changes is in the write-ahead log: the file alone is the ledger.

    Raises TryLater: others read or write it all the time.
    """
    log = Path(f"{path}-wal")
    for _ in range(LOCK_ATTEMPTS):
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        if not log.exists() or log.stat().st_size == 0:
            return
        connection.rollback()
    raise TryLater(f"{path}: other processes use it; stop them, and try again")


def is_outcome_unknown(error: sa.exc.DBAPIError) -> bool:
    """Return whether a server may have done a commit that failed: the connection was lost, or the server stopped."""
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(("08", "57P"))


def copy_rows(reading: sa.Connection, writing: sa.Connection) -> dict[str, int]:
    """Copy the rows of all tables, and compare what was written; return how many there are of each.

    Raises LedgerDamaged: a table differs.
    """
    counts = {}
    for table in METADATA.sorted_tables:
        digest, count = sha256(), 0
        for rows in _batches(reading, table):
            digest.update(_bytes_of(rows))
            writing.execute(sa.insert(table), [dict(zip(table.columns.keys(), row, strict=True)) for row in rows])
            count += len(rows)
        written = sha256()
        for rows in _batches(writing, table):
            written.update(_bytes_of(rows))
        if digest.digest() != written.digest():
            raise LedgerDamaged(f"{table.name}: the copy differs; nothing was changed")
        if count:
            counts[table.name] = count
    return counts


def refuse_used(connection: sa.Connection) -> None:
    """Refuse to move a ledger that a process works with. Raises TryLater."""
    now_us = time.time_ns() // 1000
    query = sa.select(FEED.c.owner).where(FEED.c.owner != "", FEED.c.until_us > now_us).distinct()
    for owner in connection.execute(query).scalars():
        if not is_dead(owner):
            host, *_, number, _ = owner.split("/") if owner.count("/") == 4 else ("another host", "", "")
            raise TryLater(f"process {number} on {host} works with the ledger; stop it, and try again")


def refuse_filled(connection: sa.Connection, name: str) -> None:
    """Refuse a target with rows. Raises BadInput."""
    for table in METADATA.sorted_tables:
        if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
            raise BadInput(f"{name}: is not empty, it has rows in {table.name}; name an empty database")


def _batches(connection: sa.Connection, table: sa.Table) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a table in an order that both databases have."""
    query = sa.select(table)
    if table.name in ORDERED:
        query = query.order_by(sa.literal_column("rowid"))
    else:
        query = query.order_by(*table.primary_key.columns)
    result = connection.execute(query, execution_options={"yield_per": BATCH_ROWS})
    for rows in result.partitions(BATCH_ROWS):
        yield [_portable(table, row) for row in rows]


def _portable(table: sa.Table, row: Sequence[Any]) -> tuple[Any, ...]:
    if table is not WORKSPACE:
        return tuple(row)
    values = dict(zip(table.columns.keys(), row, strict=True)) | PLACE_COLUMNS
    return tuple(values.values())


def _bytes_of(rows: Sequence[Sequence[Any]]) -> bytes:
    texts = [[value.hex() if isinstance(value, bytes) else value for value in row] for row in rows]
    return "".join(f"{json.dumps(row)}\n" for row in texts).encode()


def _quoted(name: str) -> str:
    return f'"{name}"'


def _free_name(path: Path) -> Path:
    """Return the first name for a ledger that was moved away that is not taken."""
    number = 1
    while (moved := path.with_name(f"{path.name}.moved-{number}")).exists():
        number += 1
    return moved
