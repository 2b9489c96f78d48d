"""Ledgers and folders that cannot be used: reported in one line with the exit code; nothing is lost or sent twice."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from poc.config.workspace import load_workspace
from poc.errors import TryLater
from poc.ledger.schema import VERSION
from poc.service.inbox_run import run_inbox
from tests.acceptance.conftest import NOW, ActOnce

#: A process that works on a feed until it is killed.
HOLDS_LEASE = """
import sys, time
from pathlib import Path
from poc.ledger.lease import exclusive_feed
from poc.ledger.opening import open_ledger
with exclusive_feed(open_ledger(Path(sys.argv[1]) / "var/ledger.db"), "UA", "flights"):
    print("held", flush=True)
    time.sleep(600)
"""

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="dropping root's capabilities works on Linux only")


def test_a_locked_ledger_is_for_later(one_partner, csv, monkeypatch):
    """Another program that locks the ledger costs exit 75; after it, the file is delivered."""
    one_partner.milepost("run")
    one_partner.put("a.csv", csv(3))
    with closing(sqlite3.connect(one_partner.root / "var/ledger.db")) as other, monkeypatch.context() as patch:
        patch.setattr("poc.ledger.sqlite.store.LOCK_TIMEOUT_S", 0.1)
        other.execute("BEGIN IMMEDIATE")
        done = one_partner.milepost("run")
    assert (done.exit_code, done.stdout) == (75, "")
    assert (
        done.stderr == f"milepost: UA/flights: {one_partner.root}/var/ledger.db: database is locked; try again later\n"
    )
    assert one_partner.delivered() == []
    assert one_partner.milepost("run").exit_code == 0
    assert one_partner.delivered() == [1, 2, 3]


def newer(path):
    """Make a ledger one of a newer release."""
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute(f"PRAGMA user_version = {VERSION + 1}")


def overwritten(path):
    """Overwrite the pages of a ledger."""
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


@pytest.mark.parametrize(
    ("spoil", "said"), [(newer, f"version {VERSION + 1}, made by a newer release"), (overwritten, "malformed")]
)
@pytest.mark.parametrize(
    "command",
    [["run"], ["status"], ["quarantine", "ls"], ["outbox", "ls"], ["quarantine", "discard", "1", "--why", "x"]],
)
def test_a_ledger_that_cannot_be_used_is_left_unchanged(one_partner, csv, spoil, said, command):
    """A ledger of a newer release, or a damaged one, costs exit 2 and one line; nothing is sent."""
    ledger = one_partner.root / "var/ledger.db"
    one_partner.put("a.csv", csv(3))
    assert one_partner.milepost("run").exit_code == 0
    spoil(ledger)
    before = ledger.read_bytes()
    one_partner.put("b.csv", csv(3, first=10))
    done = one_partner.milepost(*command)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1), done.output
    assert said in done.stderr
    assert str(ledger) in done.stderr
    assert ledger.read_bytes() == before
    assert (one_partner.inbox / "b.csv").exists()
    assert one_partner.delivered() == [1, 2, 3]


@pytest.fixture
def read_only():
    """A function that makes a folder and all below it read-only, and one that restores the permissions."""
    modes = []

    def protect(folder):
        for path in (folder, *folder.rglob("*")):
            modes.append((path, path.stat().st_mode))
            path.chmod(modes[-1][1] & ~0o222)

    def restore():
        while modes:
            path, mode = modes.pop()
            path.chmod(mode)

    yield protect, restore
    restore()


@on_linux
@pytest.mark.parametrize("command", [["run"], ["quarantine", "discard", "1", "--why", "x"]])
@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "used"])
def test_a_read_only_workspace_is_an_error_that_names_the_path(one_partner, csv, read_only, command, fresh):
    """Without write permission nothing is sent, and the exit code is 2; with it, the file is delivered."""
    protect, restore = read_only
    if not fresh:
        one_partner.milepost("run")
    one_partner.put("a.csv", csv(3))
    protect(one_partner.root)
    code, out, err = one_partner.without_capabilities(*command)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert err.startswith(f"milepost: {one_partner.root}/var")
    assert "ermission denied" in err or "see who may write there" in err
    restore()
    assert one_partner.milepost("run").exit_code == 0
    assert one_partner.delivered() == [1, 2, 3]


@on_linux
def test_a_read_only_ledger_is_not_reported_as_damaged(one_partner, read_only):
    """The message does not ask to move the ledger away."""
    protect, restore = read_only
    one_partner.milepost("run")
    protect(one_partner.root)
    code, out, err = one_partner.without_capabilities("quarantine", "ls")
    restore()
    assert (code, out, len(err.splitlines())) == (2, "", 1), out + err
    assert err.startswith(f"milepost: {one_partner.root}/var/ledger.db: cannot be used: ")
    assert "move it away" not in err


@on_linux
def test_a_read_only_archive_blocks_no_later_file(one_partner, csv, read_only):
    """A delivered file that cannot be archived is reported and not sent again; later files are delivered."""
    protect, restore = read_only
    archive = one_partner.root / "var/archive/UA/flights"
    archive.mkdir(parents=True)
    one_partner.put("a.csv", csv(3))
    one_partner.put("b.csv", csv(3, first=10))
    protect(archive)
    for _ in range(2):
        code, out, err = one_partner.without_capabilities("run")
        assert (code, len(err.splitlines())) == (2, 2), out + err
        assert one_partner.delivered() == [1, 2, 3, 10, 11, 12]
    restore()
    assert one_partner.milepost("run").exit_code == 0
    assert list(one_partner.inbox.iterdir()) == []
    assert len(one_partner.delivered()) == 6


def test_a_feed_that_another_process_works_on_is_left_to_it(one_partner, csv, monkeypatch):
    """A run says once which process it waits for, and exchanges nothing; a killed process keeps no feed."""
    said = []
    one_partner.put("a.csv", csv(3))
    command = [sys.executable, "-c", HOLDS_LEASE, str(one_partner.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        monkeypatch.setattr("poc.service.feed_work.BUSY_NOTICE_S", 0)
        options = {"busy_wait_s": 1.0, "notify": said.append}
        (result,) = run_inbox(load_workspace(one_partner.root), None, 4, lambda: NOW, ActOnce(), "0", **options)
        assert (type(result.error), result.error.exit_code) == (TryLater, 75)
        assert f"process {other.pid} on " in str(result.error)
        assert [line.partition(" on ")[0] for line in said] == [f"UA/flights: waits for process {other.pid}"]
        other.send_signal(signal.SIGKILL)
    assert one_partner.milepost("run").exit_code == 0
    assert one_partner.delivered() == [1, 2, 3]
