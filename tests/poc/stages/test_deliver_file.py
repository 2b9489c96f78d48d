"""Delivery into a folder: whole files, each once."""

import errno
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from poc.delivery.outbox_actions import settle
from poc.errors import DeliveryFailed, LeaseLost
from poc.exchanges.exchange import exchange, resume
from poc.ledger.lookup import find_by_prefix, resumable_exchanges
from poc.transports import folder as folders

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)


@pytest.fixture
def place(tmp_path):
    """The partner's folder."""
    (tmp_path / "partner").mkdir()
    return tmp_path / "partner" / "flights"


def names(place):
    """The names of the files in the folder."""
    return sorted(path.name for path in place.iterdir())


class Dies(BaseException):
    """A death of the service, simulated in one process."""


def die_before(monkeypatch, rename):
    """Let the service die when a part is renamed: before the rename, or after it."""
    publish = folders.publish

    def dying(folder, name):
        if not rename:
            publish(folder, name)
        raise Dies

    monkeypatch.setattr("poc.transports.folder.publish", dying)


@pytest.mark.parametrize("before", [True, False], ids=["before the rename", "after the rename"])
def test_a_complete_part_is_only_renamed(make_prepared, ledger, good_csv, tmp_path, place, monkeypatch, before):
    """Whatever the contract is by then, the next run only renames a complete part, or sees that it was taken."""
    prepared, path = make_prepared(folder=place, out="csv"), good_csv(tmp_path / "a.csv", 5)
    die_before(monkeypatch, before)
    with pytest.raises(Dies):
        exchange(prepared, path, NOW, ledger)
    monkeypatch.undo()
    if not before:
        (taken,) = place.iterdir()
        taken.unlink()
    path.unlink()
    (entry,) = resumable_exchanges(ledger, 0, failed=False)
    done = resume(prepared, entry, NOW, ledger)
    assert (done.outcome, done.account.rows_by_outcome["delivered"]) == ("done", 5)
    assert len(names(place)) == (1 if before else 0)


def test_another_file_of_that_name_is_not_replaced(make_prepared, ledger, good_csv, tmp_path, place):
    """The part waits until a person moves the other file away and has it sent again."""
    place.mkdir()
    prepared, path = make_prepared(folder=place), good_csv(tmp_path / "a.csv", 5)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    key = ledger.find("UA", "flights", "a.csv", digest).exchange_id
    other = place / f"a.{key[:8]}.jsonl"
    other.write_text("mine")
    first = exchange(prepared, path, NOW, ledger)
    assert (first.outcome, first.error_type, other.read_text()) == ("failed", "file-exists", "mine")
    other.unlink()
    assert settle(ledger, find_by_prefix(ledger, key), int(NOW.timestamp() * 1e6), arrived=False) == 5
    assert resume(prepared, find_by_prefix(ledger, key), NOW, ledger).outcome == "done"
    assert names(place) == [other.name]
    assert len(other.read_text().splitlines()) == 5


def test_a_missing_folder_is_retried(make_prepared, ledger, good_csv, tmp_path):
    """With a missing mount the file is due, and is delivered when the mount is back."""
    prepared, path = make_prepared(folder=tmp_path / "mount" / "flights"), good_csv(tmp_path / "a.csv", 5)
    first = exchange(prepared, path, NOW, ledger)
    assert (first.outcome, first.whole) == ("due", False)
    assert "no such folder; create it, or check why it is not mounted" in first.error
    assert exchange(prepared, path, NOW, ledger).outcome == "due"
    (tmp_path / "mount").mkdir()
    later = datetime(2013, 1, 9, tzinfo=UTC)
    assert exchange(prepared, path, later, ledger).outcome == "done"
    assert len(names(tmp_path / "mount" / "flights")) == 1


def unusable(kind, tmp_path):
    """A path that cannot be a partner's folder, or a folder in it."""
    path = tmp_path / "partner"
    if kind == "a file":
        path.write_text("mine")
    elif kind == "a dangling link":
        path.symlink_to(tmp_path / "gone")
    elif kind == "a loop of links":
        path.symlink_to(path)
    elif kind == "a feed's folder that is a file":
        path.mkdir()
        (path / "flights").write_text("mine")
    elif kind == "a feed's folder that is a dangling link":
        path.mkdir()
        (path / "flights").symlink_to(tmp_path / "gone")
    elif kind == "a long name":
        path = tmp_path / ("a" * 300)
    else:
        path = Path(kind)
    return path / "flights"


UNUSABLE = (
    "a file", "a dangling link", "a loop of links", "a feed's folder that is a file",
    "a feed's folder that is a dangling link", "a long name", "/proc/self", "/proc/nothing", "/dev/null", "/sys",
)  # fmt: skip


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_folder_that_cannot_be_used_ends_only_its_exchange(make_prepared, ledger, good_csv, tmp_path, kind, level):
    """Every row fails, or is due where the service retries, with a reason that names the folder."""
    folder = unusable(kind, tmp_path)
    receipt = exchange(make_prepared(folder=folder, level=level), good_csv(tmp_path / "a.csv", 5), NOW, ledger)
    outcome = "due" if level == 4 else "failed"
    assert (receipt.outcome, receipt.account.rows_by_outcome[outcome]) == (outcome, 5)
    assert str(folder) in receipt.error


@pytest.mark.parametrize("call", ["mkdir", "open", "write", "fsync", "close", "rename"])
def test_any_error_of_the_system_is_a_failed_delivery(monkeypatch, tmp_path, call):
    """Whatever error number the system gives for the partner's folder, the delivery has failed, and nothing else."""
    for number in sorted(errno.errorcode):
        original = getattr(os, call)

        def refuse(*arguments, number=number, original=original, **options):
            if call == "close":  # a file system may report a failed write here, and has closed the file
                original(*arguments)
            raise OSError(number, os.strerror(number))

        with pytest.raises(DeliveryFailed), monkeypatch.context() as patch:  # noqa: PT012
            patch.setattr(folders.os, call, refuse)
            with folders.open_part(tmp_path / "flights" / str(number), "a") as part:
                part.write(b"x")
                part.publish()


def test_a_replaced_process_leaves_the_part_of_the_other_one_alone(make_prepared, good_csv, tmp_path, ledger):
    """Without its lease, an attempt neither deletes nor renames a part in the partner's folder."""
    folder = tmp_path / "partner"
    folder.mkdir()
    prepared = make_prepared(folder=folder / "flights")
    path = good_csv(tmp_path / "a.csv", 3)
    key = ledger.find("UA", "flights", "a.csv", hashlib.sha256(path.read_bytes()).hexdigest()).exchange_id
    part = folder / "flights" / f"a.{key[:8]}.jsonl.part"
    part.parent.mkdir()
    part.write_text("of the other process")

    def lost():
        raise LeaseLost("UA/flights: taken over")

    ledger.guard = lost
    with pytest.raises(LeaseLost):
        exchange(prepared, path, NOW, ledger)
    assert part.read_text() == "of the other process"
