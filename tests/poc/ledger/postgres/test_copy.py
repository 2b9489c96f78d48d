"""A ledger is moved as a whole, and is in use in one place only."""

import os
import sqlite3
from contextlib import closing

import psycopg
import pytest
import sqlalchemy as sa

from poc.errors import BadInput, LedgerDamaged, TryLater
from poc.ledger.lease import LeaseHolder
from poc.ledger.opening import open_ledger
from poc.ledger.postgres import copy
from poc.ledger.postgres.copy import copy_ledger
from poc.ledger.process_identity import process_id
from poc.ledger.schema import DECISION, FEED, WORKSPACE
from poc.ledger.tables.metadata import METADATA

ROWS = 3


@pytest.fixture
def source(tmp_path):
    """A ledger in SQLite with rows in every table."""
    with closing(open_ledger(tmp_path / "ledger.db")) as ledger:
        for table in METADATA.sorted_tables:
            if table is not WORKSPACE:
                rows = [{column.name: value_of(column, number) for column in table.columns} for number in range(ROWS)]
                ledger.execute(sa.insert(table), *reversed(rows))
        ledger.execute(sa.update(FEED), {"owner": "", "until_us": 0})
        ledger.commit()
    return tmp_path / "ledger.db"


def value_of(column, number):
    """A value of a column: numbers beyond 32 bits, texts beyond ASCII, and bytes."""
    if isinstance(column.type, sa.Text):
        return f"{number} é \t🛫"
    if isinstance(column.type, sa.LargeBinary):
        return bytes([0, 255, number])
    return number / 3 if isinstance(column.type, sa.Float) else number + 1 if column.primary_key else 2**40 + number


def contents(address):
    """The rows of all tables, with those that have an order in theirs; without the place of the file."""
    with closing(open_ledger(address)) as ledger:
        return {
            table.name: [
                tuple(row)[:2] if table is WORKSPACE else tuple(row)
                for row in ledger.connection.execute(
                    sa.select(table).order_by(
                        sa.literal_column("rowid") if table.name in {"parcel", "notification"} else table.c[0]
                    )
                )
            ]
            for table in METADATA.sorted_tables
        }


def test_a_ledger_goes_there_and_back_with_every_row(source, postgres, tmp_path):
    """After each move the rows are the same, and the ledger it was moved from is not opened any more."""
    before = contents(source)
    target = postgres.new_ledger(tmp_path)
    counts = copy_ledger(source, target)
    assert counts == {table.name: 1 if table is WORKSPACE else ROWS for table in METADATA.sorted_tables}
    assert contents(target) == before
    with pytest.raises(LedgerDamaged, match=r"moved-1 shows .* correct `ledger` in milepost\.toml"):
        open_ledger(source)
    assert copy_ledger(target, source) == counts
    assert contents(source) == before
    with pytest.raises(LedgerDamaged, match="was moved away from here"):
        open_ledger(target)
    with pytest.raises(LedgerDamaged, match=r"was moved away from here .* empty the database"):
        copy_ledger(source, target)


def test_rows_that_are_numbered_go_on_after_those_that_were_copied(source, postgres, tmp_path):
    """The next decision has the next number."""
    target = postgres.new_ledger(tmp_path)
    copy_ledger(source, target)
    decision = {"at_us": 1, "who": "a", "action": "redeliver", "exchange_id": "x", "why": "y"}
    with closing(open_ledger(target)) as ledger:
        assert ledger.execute(sa.insert(DECISION).returning(DECISION.c.id), decision) == [(ROWS + 1,)]


def test_a_target_with_rows_is_refused(source, postgres, tmp_path):
    """Neither ledger is changed."""
    target = postgres.new_ledger(tmp_path)
    (tmp_path / "has-ledger.txt").rename(tmp_path / "kept")
    open_ledger(target).close()
    (tmp_path / "kept").replace(tmp_path / "has-ledger.txt")
    with pytest.raises(BadInput, match="is not empty"):
        copy_ledger(source, target)
    open_ledger(source).close()
    with pytest.raises(BadInput, match="from SQLite to PostgreSQL"):
        copy_ledger(source, source)


def test_a_ledger_that_a_process_works_with_is_refused(source, postgres, tmp_path):
    """It is tried again when that has given its leases back."""
    with closing(open_ledger(source)) as ledger:
        lease = LeaseHolder(ledger)
        taken = lease.take("AA", "flights", cap=1)
        with pytest.raises(TryLater, match=f"process {os.getpid()} on {process_id().partition('/')[0]}"):
            copy_ledger(source, postgres.new_ledger(tmp_path))
        lease.give_back(taken)
    assert copy_ledger(source, postgres.new_ledger(tmp_path))["feed"] == ROWS + 1


def at_the_last_step(monkeypatch, act):
    """Let something happen when all rows are copied, before the ledger is put out of use."""
    free_name = copy._free_name
    monkeypatch.setattr(copy, "_free_name", lambda path: (act(), free_name(path))[1])


def test_nothing_is_written_to_a_ledger_after_its_rows_were_copied(source, postgres, tmp_path, monkeypatch):
    """A worker that waited for its lock meanwhile gets it when the ledger is out of use."""
    attempts = []

    def write():
        with closing(sqlite3.connect(source, timeout=0)) as connection:
            connection.create_function("newer_release_of_milepost", 0, lambda: 0)
            try:
                connection.execute("UPDATE feed SET owner = 'a worker'")
                connection.commit()
            except sqlite3.OperationalError as error:
                attempts.append(str(error))

    at_the_last_step(monkeypatch, write)
    copy_ledger(source, postgres.new_ledger(tmp_path))
    assert attempts == ["database is locked"]


def test_a_connection_that_is_lost_at_the_last_step_leaves_no_two_ledgers(source, postgres, tmp_path, monkeypatch):
    """The server may have done the commit, so the file stays out of use; renamed, it is the ledger as before."""
    target, before = postgres.new_ledger(tmp_path), contents(source)

    def end_connections():
        with psycopg.connect(target.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid != pg_backend_pid()"
            )

    at_the_last_step(monkeypatch, end_connections)
    with pytest.raises(TryLater):
        copy_ledger(source, target)
    with pytest.raises(LedgerDamaged, match="is missing"):
        open_ledger(source)
    with pytest.raises(LedgerDamaged, match="had one before"):
        open_ledger(target)
    (tmp_path / "ledger.db.moved-1").rename(source)
    assert contents(source) == before
