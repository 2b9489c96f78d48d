"""The ledger keeps what it was told, and says so when it cannot."""

import sqlite3

import pytest

from poc.errors import LedgerDamaged, TryLater
from poc.ledger.ledger import find_by_prefix, open_ledger
from poc.ledger.queries import exchange_totals
from poc.ledger.schema import VERSION

FILE = ("UA", "flights", "a.csv", "ab" * 32)


@pytest.fixture
def path(tmp_path):
    """Where the ledger of a test lies."""
    return tmp_path / "ledger.db"


def test_an_exchange_is_found_again_by_its_bytes(path):
    """After a restart, the same bytes are known by the name they first came as, and by how they ended."""
    ledger = open_ledger(path)
    entry = ledger.find(*FILE)
    assert (entry.attempt, entry.outcome) == (1, "")
    ledger.record_attempt(entry, 10, 1, outcome="done", rows_in=2, rows_delivered=2)
    ledger.commit()
    ledger.close()
    ledger = open_ledger(path)
    again = ledger.find("UA", "flights", "b.csv", "ab" * 32)
    assert (again.exchange_id, again.file, again.outcome, again.attempt) == (entry.exchange_id, "a.csv", "done", 2)
    assert again.rows["delivered"] == 2
    ledger.close()


def test_what_was_not_sealed_is_not_there(path):
    """An entry that was made and not committed is gone with its process."""
    ledger = open_ledger(path)
    ledger.record_attempt(ledger.find(*FILE), 10, 1)
    ledger.close()
    ledger = open_ledger(path)
    assert ledger.find(*FILE).outcome == ""
    ledger.close()


def test_the_same_bytes_for_another_feed_are_another_exchange(path):
    """A file is known within its feed."""
    ledger = open_ledger(path)
    one, other = ledger.find(*FILE), ledger.find("AA", *FILE[1:])
    assert one.exchange_id != other.exchange_id
    ledger.close()


def test_every_commit_is_on_the_disk(path):
    """The ledger writes ahead and waits for the disk, so that a power cut takes back nothing that was told."""
    ledger = open_ledger(path)
    read = [ledger.connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
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
    monkeypatch.setattr("poc.ledger.ledger.LOCK_TIMEOUT_S", 0.05)
    ledger = open_ledger(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TryLater, match="locked"):
        ledger.record_attempt(ledger.find(*FILE), 10, 1)
    other.execute("ROLLBACK")
    other.close()
    ledger.record_attempt(ledger.find(*FILE), 10, 1)
    ledger.commit()
    assert ledger.find(*FILE).attempt == 2
    ledger.close()


def test_a_ledger_of_the_first_release_is_brought_up_to_date(path):
    """What version 1 wrote is there after an update, and nothing of it is asked for again."""
    outcomes = ("in", "delivered", "quarantined", "filtered", "duplicate", "refused", "failed", "due", "ambiguous")
    counts = "".join(f", rows_{name} INTEGER DEFAULT 0 NOT NULL" for name in outcomes)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE exchange (id TEXT NOT NULL, partner TEXT NOT NULL, feed TEXT NOT NULL, sha256 TEXT NOT NULL,"
            " file TEXT NOT NULL, size_bytes INTEGER NOT NULL, attempt INTEGER NOT NULL, outcome TEXT NOT NULL,"
            f" reason TEXT DEFAULT '' NOT NULL, opened_at_us INTEGER NOT NULL, closed_at_us INTEGER{counts},"
            " PRIMARY KEY (id), UNIQUE (partner, feed, sha256)) WITHOUT ROWID"
        )
        connection.execute(
            "INSERT INTO exchange (id, partner, feed, sha256, file, size_bytes, attempt, outcome, opened_at_us,"
            " closed_at_us, rows_in, rows_delivered)"
            " VALUES ('abc', 'UA', 'flights', 'x', 'a.csv', 9, 1, 'done', 1, 2, 3, 3)"
        )
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    ledger = open_ledger(path)
    entry = find_by_prefix(ledger, "abc")
    assert (entry.outcome, entry.whole, entry.reserved_to, entry.rows["delivered"]) == ("done", False, -1, 3)
    assert [row["delivered"] for row in exchange_totals(ledger)] == [3]
    assert ledger.connection.exec_driver_sql("PRAGMA user_version").scalar() == VERSION
    ledger.close()
