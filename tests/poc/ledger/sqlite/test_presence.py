"""A ledger that is lost is never replaced without a word, and nothing is sent while it is gone."""

import shutil
import sqlite3
import stat
from contextlib import closing

import pytest

from poc.errors import LedgerDamaged
from poc.ledger.opening import create_ledger, open_ledger

FILE = ("UA", "flights", "a.csv", "ab" * 32)


@pytest.fixture
def path(tmp_path):
    """The path of a ledger that was used and closed."""
    path = tmp_path / "w" / "var" / "ledger.db"
    ledger = open_ledger(path)
    ledger.record_attempt(ledger.find(*FILE), 10, 1)
    ledger.commit()
    ledger.close()
    return path


@pytest.mark.parametrize("change", ["unlink", "truncate"])
def test_a_lost_ledger_is_refused_with_what_to_do(path, change):
    """Missing or empty, it is not made anew; the message names the trace and the step, and nothing is changed."""
    if change == "unlink":
        path.unlink()
    else:
        path.write_bytes(b"")
    before = sorted(path.parent.iterdir())
    with pytest.raises(
        LedgerDamaged, match=r"has-ledger\.txt shows .* Restore it .* `milepost init --new-ledger /.*/w`"
    ):
        open_ledger(path)
    assert sorted(path.parent.iterdir()) == before


@pytest.mark.parametrize(
    "trace", ["archive/UA/flights/a.csv", "refused/UA/flights/a.csv", "outbox/ab", "ledger.db-wal"]
)
def test_what_an_exchange_left_shows_that_there_was_a_ledger(tmp_path, trace):
    """A workspace of an older release has no marker; its archive, refused files or outbox show it as well."""
    (tmp_path / trace).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / trace).write_text("x")
    with pytest.raises(LedgerDamaged, match="the ledger is missing"):
        open_ledger(tmp_path / "ledger.db")
    assert not (tmp_path / "ledger.db").exists()


def test_a_new_workspace_gets_a_ledger(tmp_path):
    """Empty folders, an inbox and measurements are no trace of an exchange."""
    for name in ("archive/UA/flights", "outbox", "inbox/UA/flights", "spool/live"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "inbox/UA/flights/a.csv").write_text("x")
    (tmp_path / "metrics-live.db").write_text("x")
    open_ledger(tmp_path / "ledger.db").close()


def test_a_person_can_start_anew(path):
    """The remains are kept beside the new ledger, and it is opened from then on."""
    path.unlink()
    path.with_name("ledger.db-wal").write_bytes(b"remains")
    create_ledger(path)
    ledger = open_ledger(path)
    assert ledger.find(*FILE).outcome == ""
    ledger.close()
    assert path.with_name("ledger.db-wal.lost-1").read_bytes() == b"remains"


def test_a_ledger_that_is_there_is_not_replaced(path):
    """To start anew is refused while there is a ledger."""
    with pytest.raises(LedgerDamaged, match="is not empty; nothing was changed"):
        create_ledger(path)


@pytest.mark.parametrize("change", ["delete", "replace"])
def test_a_commit_into_a_lost_ledger_is_an_error(path, change):
    """A ledger that is deleted or replaced while it is open ends the exchange at its next commit."""
    ledger = open_ledger(path)
    ledger.record_attempt(ledger.find(*FILE), 10, 1)
    copy = shutil.copy(path, path.with_name("copy.db"))
    path.unlink()
    if change == "replace":
        shutil.move(copy, path)
    with pytest.raises(LedgerDamaged, match="deleted or replaced while it was in use"):
        ledger.commit()
    with pytest.raises(LedgerDamaged, match="deleted or replaced while it was in use"):
        ledger.check_in_place()
    ledger.close()


@pytest.mark.parametrize("change", ["delete", "replace"])
def test_a_commit_into_a_lost_log_is_an_error(path, change):
    """The write-ahead log is a part of the ledger: what is committed after its deletion would be lost, too."""
    ledger, log = open_ledger(path), path.with_name("ledger.db-wal")
    for number in range(3):
        ledger.record_attempt(ledger.find(*FILE[:3], f"{number}" * 64), 10, 1)
        ledger.commit()
    log.unlink()
    if change == "replace":
        log.write_bytes(b"")
    ledger.record_attempt(ledger.find(*FILE[:3], "a" * 64), 10, 1)
    with pytest.raises(LedgerDamaged, match=r"ledger\.db-wal: a part of the ledger, it was deleted or replaced"):
        ledger.commit()
    ledger.close()


def test_a_reader_beside_it_and_a_checkpoint_disturb_no_commit(path):
    """Other connections that come and go, and a log that is emptied, leave the ledger in place."""
    first = open_ledger(path)
    ledger = open_ledger(path)
    first.close()
    for number in range(6):
        open_ledger(path).close()
        if number == 3:
            with closing(sqlite3.connect(path)) as other:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ledger.record_attempt(ledger.find(*FILE[:3], f"{number}" * 64), 10, 1)
        ledger.commit()
        ledger.check_in_place()
    ledger.close()


def test_only_the_owner_reads_the_ledger(path):
    """The database, its log and its marker are private under any umask."""
    ledger = open_ledger(path)
    ledger.record_attempt(ledger.find(*FILE), 10, 1)
    ledger.commit()
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    ledger.close()
    assert modes == dict.fromkeys(["ledger.db", "ledger.db-wal", "ledger.db-shm", "has-ledger.txt"], 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
