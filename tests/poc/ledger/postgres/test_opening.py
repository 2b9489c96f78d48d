"""A ledger in PostgreSQL is opened only where it is that of the workspace, with the tables of this release."""

from contextlib import closing
from dataclasses import replace

import psycopg
import pytest

from poc.alerts.read_ledger import open_ledger_read_only
from poc.errors import LedgerDamaged, TryLater
from poc.ledger.opening import open_ledger
from poc.ledger_address import PostgresAddress


def test_a_database_without_tables_says_what_makes_them(postgres, tmp_path):
    """Opening a ledger never makes tables in a database by itself."""
    address = PostgresAddress(postgres.new_database(), tmp_path, tmp_path)
    for opening in (open_ledger, open_ledger_read_only):
        with pytest.raises(LedgerDamaged, match="make them with `milepost migrate`"):
            opening(address)


@pytest.mark.parametrize(("revision", "match"), [("0000", "milepost migrate"), ("9999", "newer release")])
def test_tables_of_another_release_are_refused(postgres, tmp_path, revision, match):
    """The message says which of the two is to be upgraded."""
    address = postgres.new_ledger(tmp_path)
    with psycopg.connect(address.url.replace("+psycopg", "")) as connection:
        connection.execute("UPDATE ledger_version SET version_num = %s", [revision])
    with pytest.raises(LedgerDamaged, match=match):
        open_ledger(address)


def test_another_ledger_than_that_of_the_workspace_is_refused(postgres, tmp_path):
    """Files that were delivered before would be delivered again from an empty one, or from another one."""
    address = postgres.new_ledger(tmp_path)
    assert open_ledger_read_only(address) is None
    with closing(open_ledger(address)) as ledger, closing(open_ledger(address)) as again:
        assert again.ids == ledger.ids
    with pytest.raises(LedgerDamaged, match=r"is empty, and .* had one before"):
        open_ledger(postgres.new_ledger(tmp_path))
    (tmp_path / "other").mkdir()
    other = replace(postgres.new_ledger(tmp_path), folder=tmp_path / "other")
    open_ledger(other).close()
    with pytest.raises(LedgerDamaged, match="is the ledger of another workspace"):
        open_ledger(replace(other, folder=tmp_path))


def test_a_ledger_that_is_read_only_is_not_changed(postgres, tmp_path):
    """A monitor's connection can write nothing."""
    address = postgres.new_ledger(tmp_path)
    open_ledger(address).close()
    with closing(open_ledger_read_only(address)) as ledger, pytest.raises(TryLater, match="read-only"):
        ledger.record_attempt(ledger.find("UA", "flights", "a.csv", "ab" * 32), 10, 1)


def test_a_database_that_is_read_only_stays_so(postgres, tmp_path):
    """A change is tried again later, when its administrator allows it."""
    address = postgres.new_ledger(tmp_path)
    open_ledger(address).close()
    with psycopg.connect(address.url.replace("+psycopg", "")) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET default_transaction_read_only = on")
    with closing(open_ledger(address)) as ledger, pytest.raises(TryLater, match="read-only"):
        ledger.record_attempt(ledger.find("UA", "flights", "a.csv", "ab" * 32), 10, 1)
