"""The ledger keeps what it was told, and says so when it cannot."""

import sqlite3

import pytest

from poc.batch import Account, Settled
from poc.errors import LedgerDamaged, TryLater
from poc.ledger import open_ledger

FILE = ("UA", "flights", "a.csv", "ab" * 32, 10, 1)


@pytest.fixture
def path(tmp_path):
    """Where the ledger of a test lies."""
    return tmp_path / "ledger.db"


def test_an_exchange_that_is_done_is_found_again(path):
    """After a restart, the same bytes are known by the name they first came as."""
    ledger = open_ledger(path)
    entry = ledger.open(*FILE)
    ledger.close_entry(entry, "done", "", Account.close(2, [Settled("delivered", 2)]), 2)
    ledger.close()
    ledger = open_ledger(path)
    again = ledger.open("UA", "flights", "b.csv", "ab" * 32, 10, 3)
    assert (again.exchange_id, again.attempt, again.received_before) == (entry.exchange_id, 1, "a.csv")
    ledger.close()


def test_an_entry_left_open_is_taken_up_as_the_next_attempt(path):
    """A run that died leaves an open entry; the next run of the file is its second attempt."""
    ledger = open_ledger(path)
    assert ledger.open(*FILE).attempt == 1
    ledger.close()
    ledger = open_ledger(path)
    assert ledger.open(*FILE).attempt == 2
    ledger.close()


def test_the_same_bytes_for_another_feed_are_another_exchange(path):
    """A file is known within its feed."""
    ledger = open_ledger(path)
    one, other = ledger.open(*FILE), ledger.open("AA", *FILE[1:])
    assert one.exchange_id != other.exchange_id
    ledger.close()


def test_every_commit_is_on_the_disk(path):
    """The ledger writes ahead and waits for the disk, so that a power cut takes back nothing that was told."""
    ledger = open_ledger(path)
    with ledger._connection.begin():
        read = [
            ledger._connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        ]
    assert read == ["wal", 2]
    ledger.close()


def test_a_file_that_is_no_database_is_left_alone(path):
    """Something else in the ledger's place is named, and not written over."""
    path.write_bytes(b"this is a letter" * 100)
    with pytest.raises(LedgerDamaged, match=r"ledger\.db: file is not a database"):
        open_ledger(path)
    assert path.read_bytes() == b"this is a letter" * 100


def test_another_programs_database_is_left_alone(path):
    """A SQLite file with other tables is named and not added to."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE letters (text)")
    connection.close()
    with pytest.raises(LedgerDamaged, match=r"another program's database \(it has letters\)"):
        open_ledger(path)


def test_a_ledger_of_a_newer_release_is_left_alone(path):
    """A higher version is refused with both versions named."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LedgerDamaged, match="version 99, made by a newer release"):
        open_ledger(path)


def test_a_locked_ledger_is_for_later(path, monkeypatch):
    """While another program writes, the caller is told to come again."""
    monkeypatch.setattr("poc.ledger.WAIT_S", 0.05)
    ledger = open_ledger(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TryLater, match="locked"):
        ledger.open(*FILE)
    other.execute("ROLLBACK")
    other.close()
    assert ledger.open(*FILE).attempt == 1
    ledger.close()
