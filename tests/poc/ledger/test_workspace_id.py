"""Each workspace has ids and keys of its own; it keeps them when it moves, and a copy does not use them unasked."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from poc.errors import BadInput, LedgerDamaged
from poc.ledger.opening import create_ledger, open_ledger
from poc.ledger.workspace_id import FIXED_ID

FILE = ("UA", "flights", "a.csv", "ab" * 32)


def found(root, **decision):
    """Return the entry of FILE in a workspace, and record an attempt at it."""
    with closing(open_ledger(root / "var" / "ledger.db", **decision)) as ledger:
        entry = ledger.find(*FILE)
        ledger.record_attempt(entry, 10, 1, outcome="done")
        ledger.commit()
        return entry


def key_of(root, **decision):
    """Return the exchange id of FILE in a workspace."""
    return found(root, **decision).exchange_id


def test_the_same_file_is_another_exchange_in_another_workspace(tmp_path):
    """A trial in a second workspace makes no delivery of the first one a repeat; runs of a replay have equal ids."""
    assert key_of(tmp_path / "a") != key_of(tmp_path / "b")
    assert key_of(tmp_path / "c", fixed_id=FIXED_ID) == key_of(tmp_path / "d", fixed_id=FIXED_ID)


def test_what_an_older_release_exchanged_keeps_its_id(tmp_path):
    """A workspace of a release without ids knows its files, and the next file gets an id with the workspace in it."""
    old = key_of(tmp_path / "w", fixed_id=FIXED_ID)
    with closing(sqlite3.connect(tmp_path / "w/var/ledger.db")) as connection:
        connection.execute("DROP TABLE workspace")
        connection.execute("PRAGMA user_version = 4")
    entry = found(tmp_path / "w")
    assert (entry.exchange_id, entry.outcome) == (old, "done")
    with (
        closing(open_ledger(tmp_path / "w/var/ledger.db")) as ledger,
        closing(open_ledger(tmp_path / "x/var/ledger.db", fixed_id=FIXED_ID)) as other,
    ):
        new = (*FILE[:3], "cd" * 32)
        assert ledger.find(*new).exchange_id != other.find(*new).exchange_id


def test_a_copy_beside_its_original_is_refused_until_it_gets_an_id_of_its_own(tmp_path):
    """The message says what to do; with its own id, the copy knows what was exchanged, and its next file is new."""
    old, copy = key_of(tmp_path / "w"), tmp_path / "copy"
    shutil.copytree(tmp_path / "w", copy)
    with pytest.raises(LedgerDamaged, match=rf"is a copy of the workspace .*/w, .*`milepost init --new-id {copy}`"):
        open_ledger(copy / "var/ledger.db")
    with pytest.raises(BadInput, match=r"/w: is still there, so that .*/copy is a copy of it"):
        open_ledger(copy / "var/ledger.db", decision="moved")
    assert key_of(copy, decision="new-id") == old
    with (
        closing(open_ledger(tmp_path / "w/var/ledger.db")) as original,
        closing(open_ledger(copy / "var/ledger.db")) as ledger,
    ):
        new = (*FILE[:3], "cd" * 32)
        assert original.find(*new).exchange_id != ledger.find(*new).exchange_id


def test_a_renamed_workspace_goes_on(tmp_path):
    """It is the same file under another path, and nothing is asked."""
    old = key_of(tmp_path / "w")
    (tmp_path / "w").rename(tmp_path / "renamed")
    assert key_of(tmp_path / "renamed") == old


@pytest.mark.parametrize("runs_between", [True, False])
def test_a_renamed_workspace_and_a_copy_in_its_old_place_do_not_share_the_id(tmp_path, runs_between):
    """As when a folder is put aside and copied back: only one of the two goes on, until the copy gets its own id."""
    old = key_of(tmp_path / "w")
    (tmp_path / "w").rename(tmp_path / "aside")
    if runs_between:
        assert key_of(tmp_path / "aside") == old
    shutil.copytree(tmp_path / "aside", tmp_path / "w")
    refused, other = ("w", "aside") if runs_between else ("aside", "w")
    assert key_of(tmp_path / other) == old
    with pytest.raises(LedgerDamaged, match=rf"a copy of .*`milepost init --new-id {tmp_path / 'w'}`"):
        open_ledger(tmp_path / refused / "var/ledger.db")
    found(tmp_path / "w", decision="new-id")
    assert key_of(tmp_path / "aside") == old


def test_a_copy_of_a_renamed_workspace_is_refused(tmp_path):
    """The place follows the rename; else the copy would be said to be the original, moved from a place that is gone."""
    key_of(tmp_path / "w")
    (tmp_path / "w").rename(tmp_path / "renamed")
    key_of(tmp_path / "renamed")
    shutil.copytree(tmp_path / "renamed", tmp_path / "copy")
    with pytest.raises(LedgerDamaged, match=r"is a copy of the workspace .*/renamed,"):
        open_ledger(tmp_path / "copy/var/ledger.db")


def test_a_file_that_an_older_release_is_about_to_record_during_the_upgrade_keeps_its_id(tmp_path):
    """Its process has taken the feed's lease, and has recorded nothing yet."""
    old = key_of(tmp_path / "other", fixed_id=FIXED_ID)
    open_ledger(tmp_path / "w/var/ledger.db", fixed_id=FIXED_ID).close()
    with closing(sqlite3.connect(tmp_path / "w/var/ledger.db")) as connection, connection:
        connection.execute("DROP TRIGGER feed_of_release")
        connection.execute("INSERT INTO feed (partner, feed, owner, epoch) VALUES ('UA', 'flights', 'old', 1)")
        connection.execute("DROP TABLE workspace")
        connection.execute("PRAGMA user_version = 4")
    with closing(open_ledger(tmp_path / "w/var/ledger.db")) as ledger:
        assert old in ledger.ids.exchange_ids(*FILE[:2], FILE[3])


def test_a_workspace_that_was_copied_to_another_place_and_deleted_goes_on_when_a_person_says_so(tmp_path):
    """It may have been moved, or be a copy from another host; `moved` keeps its id."""
    key_of(tmp_path / "w")
    shutil.copytree(tmp_path / "w", tmp_path / "x")
    shutil.rmtree(tmp_path / "w")
    with pytest.raises(
        LedgerDamaged, match=r"was .*/w on .* before.*`milepost init --moved .*/x`.*`milepost init --new-id"
    ):
        open_ledger(tmp_path / "x/var/ledger.db")
    with closing(open_ledger(tmp_path / "x/var/ledger.db", decision="moved")) as ledger:
        assert ledger.ids.earlier == ()
    open_ledger(tmp_path / "x/var/ledger.db").close()


def test_a_ledger_that_is_restored_in_its_place_goes_on(tmp_path):
    """Another file at the same path of the same host has replaced the original."""
    old, path = key_of(tmp_path / "w"), tmp_path / "w/var/ledger.db"
    shutil.copy(path, tmp_path / "copy.db")
    path.unlink()
    shutil.copy(tmp_path / "copy.db", path)
    assert key_of(tmp_path / "w") == old


def test_a_new_ledger_in_the_place_of_a_lost_one_keeps_the_id(tmp_path):
    """A file that is handed in again has its old key, so that a partner that honours keys takes it for a repeat."""
    old, path = key_of(tmp_path / "w"), tmp_path / "w/var/ledger.db"
    path.unlink()
    create_ledger(path)
    entry = found(tmp_path / "w")
    assert (entry.exchange_id, entry.outcome) == (old, "")
