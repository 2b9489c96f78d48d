"""The ledger stores exchanges durably, and reports clearly when it cannot."""

import fcntl
import sqlite3
import subprocess
import sys

import pytest

from poc.errors import LedgerDamaged, TryLater
from poc.ledger.lookup import find_by_prefix
from poc.ledger.opening import open_ledger
from poc.ledger.queries import circuit_breakers, exchange_totals
from poc.ledger.schema import VERSION

FILE = ("UA", "flights", "a.csv", "ab" * 32)


@pytest.fixture
def path(tmp_path):
    """The path of the ledger."""
    return tmp_path / "ledger.db"


def test_an_exchange_is_found_by_its_digest(path):
    """After a restart the same bytes have the entry of their first name, with its outcome."""
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


def test_uncommitted_changes_are_lost_on_close(path):
    """An entry that was written and not committed is gone with its process."""
    ledger = open_ledger(path)
    ledger.record_attempt(ledger.find(*FILE), 10, 1)
    ledger.close()
    ledger = open_ledger(path)
    assert ledger.find(*FILE).outcome == ""
    ledger.close()


def test_the_same_bytes_for_another_feed_are_another_exchange(path):
    """A file is identified within its feed."""
    ledger = open_ledger(path)
    one, other = ledger.find(*FILE), ledger.find("AA", *FILE[1:])
    assert one.exchange_id != other.exchange_id
    ledger.close()


def test_every_commit_waits_for_the_disk(path):
    """The ledger uses a write-ahead log and waits for the disk, so that a power cut loses no commit."""
    ledger = open_ledger(path)
    read = [ledger.connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert read == ["wal", 2]
    ledger.close()


def test_a_file_that_is_no_database_is_not_changed(path):
    """Another file at the ledger's path is an error, and stays as it is."""
    path.write_bytes(b"this is a letter" * 100)
    with pytest.raises(LedgerDamaged, match=r"ledger\.db: file is not a database"):
        open_ledger(path)
    assert path.read_bytes() == b"this is a letter" * 100


def test_another_programs_database_is_not_changed(path):
    """A SQLite file with other tables is an error, and stays as it is."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE letters (text)")
    connection.close()
    with pytest.raises(LedgerDamaged, match=r"another program's database \(it has letters\)"):
        open_ledger(path)


def test_a_ledger_of_a_newer_release_is_refused(path):
    """A higher version is an error that names both versions."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LedgerDamaged, match="version 99, made by a newer release"):
        open_ledger(path)


def test_a_locked_ledger_is_tried_later(path, monkeypatch):
    """While another program writes, the error says to try again later."""
    monkeypatch.setattr("poc.ledger.sqlite.store.LOCK_TIMEOUT_S", 0.05)
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


def test_a_ledger_of_version_1_is_upgraded(path):
    """The entries of version 1 are there after the upgrade, and none of them is due."""
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


def test_a_ledger_of_version_2_is_upgraded(path):
    """Exchanges, requests and circuit breakers of version 2 are there after the upgrade; no partner is paused."""
    open_ledger(path).close()
    added = {"breaker": ("failed_at_us", "why", "paused_at_us", "probe_until_us"), "parcel": ("code", "file", "joint")}
    with sqlite3.connect(path) as connection:
        connection.execute("DROP INDEX parcel_joint")
        for table, columns in added.items():
            for column in columns:
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("INSERT INTO breaker VALUES ('UA', 5, 10, 20, 1)")
        connection.execute("INSERT INTO parcel VALUES ('abc', '0', 3, 'ambiguous', 'lost', NULL, NULL, 9)")
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    ledger = open_ledger(path)
    (breaker,) = circuit_breakers(ledger)
    assert (breaker["partner"], breaker["failures"], breaker["until_us"], breaker["paused_at_us"]) == (
        "UA",
        5,
        20,
        None,
    )
    assert ledger.connection.exec_driver_sql("SELECT name, state, note, code FROM parcel").fetchall() == [
        ("0", "ambiguous", "lost", "")
    ]
    assert ledger.connection.exec_driver_sql("PRAGMA user_version").scalar() == VERSION
    ledger.close()


def test_an_upgraded_ledger_leaves_its_old_copy(path, caplog):
    """It is made once, before anything is changed, with what only the write-ahead log has; the log says so."""
    open_ledger(path).close()
    older = sqlite3.connect(path)
    older.execute("INSERT INTO breaker (partner, failures, trips) VALUES ('UA', 5, 1)")
    older.execute("DROP TABLE workspace")
    older.execute("PRAGMA user_version = 4")
    older.commit()
    assert path.with_name("ledger.db-wal").stat().st_size
    open_ledger(path).close()
    older.close()
    open_ledger(path).close()
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: is upgraded from version 4; its old copy stays as ledger.db.v4"
    ]
    copy = sqlite3.connect(f"file:{path}.v4?mode=ro", uri=True)
    assert copy.execute("PRAGMA user_version").fetchone() == (4,)
    assert copy.execute("SELECT partner, failures FROM breaker").fetchall() == [("UA", 5)]
    copy.close()


def test_a_ledger_is_not_upgraded_while_an_older_release_works_with_it(path):
    """It takes no lease, so that both would send the same file; it refuses the ledger when that is upgraded."""
    open_ledger(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with path.with_name("run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(TryLater, match="an older release of Milepost is working with it; stop that and try again"):
            open_ledger(path)
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        connection.close()
    ledger = open_ledger(path)
    assert ledger.connection.exec_driver_sql("PRAGMA user_version").scalar() == VERSION
    ledger.close()


def test_an_older_release_that_works_on_takes_no_lease_of_a_ledger_that_is_upgraded(path):
    """It would send the compressed bodies of others as they are stored; this release takes the lease as before."""
    ledger = open_ledger(path)
    take = "UPDATE feed SET owner = 'host/boot/pid/1/1', epoch = epoch + 1 WHERE owner = ''"
    ledger.connection.exec_driver_sql("INSERT INTO feed (partner, feed) VALUES ('UA', 'flights')")
    ledger.connection.commit()
    with sqlite3.connect(path) as older:
        with pytest.raises(sqlite3.OperationalError, match="no such function: newer_release_of_milepost"):
            older.execute(take)
        older.create_function("newer_release_of_milepost", 0, lambda: 4)
        with pytest.raises(sqlite3.IntegrityError, match="was upgraded by a newer release of Milepost"):
            older.execute(take)
        older.execute("UPDATE feed SET until_us = 1")
    older.close()
    assert ledger.connection.exec_driver_sql(take).rowcount == 1
    ledger.close()


def test_a_ledger_in_sqlite_loads_nothing_of_another_database(path):
    """The packages of the extra are imported where the settings ask for them."""
    code = (
        "import sys; from pathlib import Path; from poc.ledger.opening import open_ledger\n"
        "from poc.alerts.read_ledger import open_ledger_read_only\n"
        "open_ledger(Path(sys.argv[1])).close(); open_ledger_read_only(Path(sys.argv[1])).close()\n"
        "other = {'psycopg', 'alembic', 'sqlalchemy.dialects.postgresql', 'poc.ledger.postgres'}\n"
        "print(sorted(other & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
