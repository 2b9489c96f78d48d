"""The tables of a ledger in PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from poc.errors import LedgerDamaged
from poc.ledger.postgres.migrate import migrate_ledger
from poc.ledger.postgres.opening import REVISION
from poc.ledger.tables.metadata import METADATA
from poc.ledger_address import PostgresAddress


@pytest.fixture
def address(postgres, tmp_path):
    """The address of an empty database."""
    return PostgresAddress(postgres.new_database(), tmp_path, tmp_path)


def query(address, text):
    """The rows of a query."""
    with psycopg.connect(address.url.replace("+psycopg", "")) as connection:
        return connection.execute(text).fetchall()


def test_the_tables_are_those_of_sqlite_with_integers_of_64_bits(address):
    """Microseconds since 1970 need more than 32 bits."""
    assert migrate_ledger(address) == (None, REVISION)
    columns = query(address, "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE "
                    "table_schema = 'public' AND table_name != 'ledger_version'")  # fmt: skip
    expected = {(table.name, column.name) for table in METADATA.sorted_tables for column in table.columns}
    assert {row[:2] for row in columns} == expected | {("parcel", "rowid"), ("notification", "rowid")}
    assert not {row for row in columns if row[2] in {"integer", "smallint"}}


def test_two_that_migrate_at_once_make_the_tables_once(address):
    """The second waits for the first, and finds nothing to do."""
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(migrate_ledger, [address, address]))
    assert sorted(made, key=str) == [(REVISION, REVISION), (None, REVISION)]


def test_tables_of_a_newer_release_stay_as_they_are(address):
    """An older release neither migrates nor opens them."""
    migrate_ledger(address)
    query(address, "UPDATE ledger_version SET version_num = '9999' RETURNING 1")
    with pytest.raises(LedgerDamaged, match="9999"):
        migrate_ledger(address)
    assert query(address, "SELECT version_num FROM ledger_version") == [("9999",)]
