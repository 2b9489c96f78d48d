"""A backup is complete or not there, holds what its ledger needs, and is restored as it was made."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.delivery.outbound_request import OutboundRequest
from poc.delivery.outbox import INLINE_BYTES, Outbox
from poc.errors import BadInput
from poc.ledger.opening import open_ledger
from poc.maintenance import backup
from poc.maintenance.backup import check_backup, make_backup
from poc.maintenance.restore import restore
from poc.maintenance.tree_copy import TreeCopy

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)

KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from poc.maintenance import backup
from poc.maintenance.tree_copy import TreeCopy

def die(copy, name):
    os.kill(os.getpid(), signal.SIGKILL)

TreeCopy.copy_database = die
backup.make_backup(Path(sys.argv[1]), Path(sys.argv[2]), "0", lambda: datetime.now(UTC), archive=True)
"""


@pytest.fixture
def root(tmp_path):
    """A workspace with one request in the outbox, whose body is in a file, and a file that waits in the inbox."""
    root = tmp_path / "w"
    create_workspace(root, "w", "live", {"AA": AIRLINES["AA"]}, "")
    (root / "var/inbox/AA/flights/next.csv").write_text("waits\n")
    with closing(open_ledger(root / "var/ledger.db")) as ledger:
        reserve(ledger, "a.csv")
    return root


def reserve(ledger, file):
    """Reserve a large request in the outbox."""
    entry = ledger.find("AA", "flights", file, file)
    ledger.record_attempt(entry, 10, 1, outcome="due", whole=1, rows_in=1, rows_due=1)
    outbox = Outbox(ledger, entry)
    outbox.add(OutboundRequest("0", 1, file.encode() * INLINE_BYTES))
    outbox.reserve("keyed")
    ledger.commit()
    return entry


def made(root, folder):
    """Make a backup."""
    return make_backup(root, folder, "1.2.3", lambda: NOW, archive=True)


def pending(root):
    """The bodies in the outbox of a workspace, by the file of their exchange."""
    with closing(open_ledger(root / "var/ledger.db", decision="restored")) as ledger:
        files = [file for (file,) in ledger.connection.exec_driver_sql("SELECT file FROM exchange ORDER BY file")]
        return {
            file: [r.body for r in Outbox(ledger, ledger.find("AA", "flights", file, file)).pending()] for file in files
        }


def test_a_restored_workspace_has_everything(root, tmp_path):
    """Settings, waiting files, the ledger and the bodies in the outbox; var is for its owner only."""
    manifest = made(root, tmp_path / "b").manifest
    assert (manifest.release, manifest.made_at, manifest.workspace) == ("1.2.3", NOW.isoformat(), str(root))
    restored = restore(tmp_path / "b", tmp_path / "r")
    assert (restored.waiting_files, restored.repeats, restored.ambiguous, restored.held_files) == (1, 1, 0, ())
    assert "is still there" in restored.copy_of
    assert load_workspace(tmp_path / "r").partners == load_workspace(root).partners
    assert (tmp_path / "r/var/inbox/AA/flights/next.csv").read_text() == "waits\n"
    assert pending(tmp_path / "r") == {"a.csv": [b"a.csv" * INLINE_BYTES]}
    assert (tmp_path / "r/var").stat().st_mode & 0o77 == 0


def test_a_backup_that_is_killed_is_not_there_and_the_next_one_is_complete(root, tmp_path):
    """Its folder has another name until all of it is on the disk, and cannot be restored."""
    command = [sys.executable, "-c", KILLED, str(root), str(tmp_path / "b")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "b").exists()
    with pytest.raises(BadInput, match="not a complete backup"):
        restore(tmp_path / "b.part", tmp_path / "r")
    made(root, tmp_path / "b")
    assert not (tmp_path / "b.part").exists()
    check_backup(tmp_path / "b")


def test_a_request_that_is_sent_while_the_backup_is_made_is_not_missing_in_it(root, tmp_path, monkeypatch):
    """Its body is removed after the ledger was copied; the ledger is copied again, and does not need it any more."""
    copy_database, copies = TreeCopy.copy_database, []

    def copy_and_send(copy, name):
        if not copies:
            with closing(open_ledger(root / "var/ledger.db")) as ledger:
                entry = reserve(ledger, "b.csv")
                copy_database(copy, name)
                Outbox(ledger, entry).confirm(["0"])
                ledger.update(entry, outcome="done", rows_due=0, rows_delivered=1)
                ledger.commit()
                Outbox(ledger, entry).remove_unused_files()
        else:
            copy_database(copy, name)
        copies.append(name)

    monkeypatch.setattr(TreeCopy, "copy_database", copy_and_send)
    made(root, tmp_path / "b")
    assert copies == ["var/ledger.db"] * 2
    restore(tmp_path / "b", tmp_path / "r")
    assert pending(tmp_path / "r") == {"a.csv": [b"a.csv" * INLINE_BYTES], "b.csv": []}


@pytest.mark.parametrize("is_known", [True, False])
def test_a_waiting_file_that_is_gone_in_the_end_is_kept_if_it_was_copied_whole(root, tmp_path, monkeypatch, is_known):
    """The ledger knows what was exchanged; a copy with another content was taken while the file was written."""
    file = root / "var/inbox/AA/flights/next.csv"
    copy_ledger = backup.copy_ledger

    def exchange_and_copy(copy):
        copy_ledger(copy)
        file.unlink()
        with closing(open_ledger(root / "var/ledger.db")) as ledger:
            digest = copy.files["var/inbox/AA/flights/next.csv"].sha256 if is_known else "0" * 64
            ledger.record_attempt(ledger.find("AA", "flights", "next.csv", digest), 6, 1, outcome="done")
            ledger.commit()

    monkeypatch.setattr(backup, "copy_ledger", exchange_and_copy)
    assert ("var/inbox/AA/flights/next.csv" in made(root, tmp_path / "b").manifest.files) == is_known


@pytest.mark.parametrize("change", ["edit", "delete"])
def test_a_backup_that_was_changed_is_refused(root, tmp_path, change):
    """Neither `check_backup` nor `restore` takes it, and the target is not there."""
    made(root, tmp_path / "b")
    path = tmp_path / "b/files/partners/AA.toml"
    path.unlink() if change == "delete" else path.write_text(path.read_text().replace("2.0", "9.0"))
    for take in (check_backup, lambda folder: restore(folder, tmp_path / "r")):
        with pytest.raises(BadInput, match=r"AA\.toml: (is not as it was|is missing|cannot be read)"):
            take(tmp_path / "b")
    assert not (tmp_path / "r").exists()


def test_nothing_is_restored_over_something(root, tmp_path):
    """The target must be new or empty, and the place of a backup must be new and outside of the workspace."""
    made(root, tmp_path / "b")
    (tmp_path / "killed.part").mkdir()  # as a restore leaves it that was killed at its end
    for action, message in (
        (lambda: restore(tmp_path / "b", root), "is not empty; restore into a new or empty folder"),
        (lambda: restore(tmp_path / "b", tmp_path / "killed"), r"killed\.part: exists already; remove it, and restore"),
        (lambda: made(root, tmp_path / "b"), "exists already; name a new folder"),
        (lambda: made(root, root / "var" / "b"), "lies in the workspace"),
    ):
        with pytest.raises(BadInput, match=message):
            action()


def test_what_may_have_been_sent_since_is_held_for_a_partner_without_keys(root, tmp_path):
    """Its requests become ambiguous and its files wait in `var/held`; a person may say that nothing was sent."""
    path = root / "partners/AA.toml"
    path.write_text(path.read_text().replace("honours_keys = true", "honours_keys = false"))
    made(root, tmp_path / "b")
    restored = restore(tmp_path / "b", tmp_path / "r")
    assert (restored.waiting_files, restored.repeats, restored.ambiguous) == (0, 0, 1)
    assert restored.held_files == (tmp_path / "r/var/held/AA/flights/next.csv",)
    assert restored.held_files[0].read_text() == "waits\n"
    with closing(sqlite3.connect(tmp_path / "r/var/ledger.db")) as ledger:
        ((state, note),) = ledger.execute("SELECT state, note FROM parcel")
    assert (state, note) == (
        "ambiguous", f"restored from the backup of {NOW.isoformat()}: it may have been sent since"
    )  # fmt: skip
    again = restore(tmp_path / "b", tmp_path / "again", nothing_sent=True)
    assert (again.waiting_files, again.repeats, again.ambiguous, again.held_files) == (1, 0, 0, ())


def test_the_restored_workspace_goes_on_where_the_original_is_gone(root, tmp_path):
    """It has the id of the original, and so its keys."""
    made(root, tmp_path / "b")
    with closing(open_ledger(root / "var/ledger.db")) as ledger:
        ids = ledger.ids
    root.rename(tmp_path / "lost")
    assert restore(tmp_path / "b", tmp_path / "r").copy_of == ""
    with closing(open_ledger(tmp_path / "r/var/ledger.db")) as ledger:
        assert ledger.ids == ids


def test_a_workspace_that_was_not_used_yet_is_restored_with_its_id(tmp_path):
    """What the original delivers after the backup has the keys of the restored one."""
    create_workspace(tmp_path / "w", "w", "live", {"AA": AIRLINES["AA"]}, "")
    made(tmp_path / "w", tmp_path / "b")
    with closing(open_ledger(tmp_path / "w/var/ledger.db")) as ledger:
        ids = ledger.ids
    (tmp_path / "w").rename(tmp_path / "lost")
    restore(tmp_path / "b", tmp_path / "w")
    with closing(open_ledger(tmp_path / "w/var/ledger.db")) as ledger:
        assert ledger.ids == ids
