"""The archive: files leave the inbox under free names, whole, also to another file system."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from poc.errors import BadInput
from poc.transports.archive import archive_file


def names(paths):
    """Names of paths, in their order."""
    return [path.name for path in paths]


def test_an_announcement_is_archived_with_its_file(workspace):
    """Both go to the same folder, neither overwrites a file, and a failed file stays with its announcement."""
    made, _, inbox = workspace('done_file = "{name}.done"')
    for _ in range(2):
        for name in ("a.csv", "a.csv.done"):
            (inbox / name).write_text("x")
        assert archive_file(made, "UA", "flights", inbox / "a.csv", "failed", "5" * 64) == inbox / "a.csv"
        assert names(sorted(inbox.iterdir())) == ["a.csv", "a.csv.done"]
        archive_file(made, "UA", "flights", inbox / "a.csv", "done", "5" * 64)
    archive = made.processed_folder("UA", "flights", "archive")
    assert list(inbox.iterdir()) == []
    assert names(sorted(archive.iterdir())) == [
        "a.55555555.2.csv",
        "a.csv",
        "a.csv.55555555.2.done",
        "a.csv.done",
    ]


def test_a_broken_link_in_the_archive_is_not_overwritten(workspace):
    """A name that a link has, even a broken one, is taken."""
    made, _, inbox = workspace()
    archive = made.processed_folder("UA", "flights", "archive")
    archive.mkdir(parents=True)
    (archive / "a.csv").symlink_to("nowhere")
    (inbox / "a.csv").write_text("x")
    assert archive_file(made, "UA", "flights", inbox / "a.csv", "done", "5" * 64).name == "a.55555555.2.csv"
    assert (archive / "a.csv").is_symlink()


@pytest.fixture
def other_disk(tmp_path):
    """A folder on another file system than the workspace."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    if folder.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system at /dev/shm")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def linked(workspace, other_disk):
    """A workspace whose inbox is a link to another file system, with that folder."""
    made, _, inbox = workspace('done_file = "{name}.done"')
    inbox.rmdir()
    inbox.symlink_to(other_disk)
    return made, inbox


def test_an_inbox_on_another_file_system_is_archived(linked):
    """File and announcement are copied, with their date, and deleted there; a second file of that name is kept, too."""
    made, inbox = linked
    archive = made.processed_folder("UA", "flights", "archive")
    for text in ("first", "second"):
        (inbox / "a.csv").write_text(text)
        (inbox / "a.csv.done").write_text("")
        os.utime(inbox / "a.csv", (5, 7))
        path = archive_file(made, "UA", "flights", inbox / "a.csv", "done", "5" * 64)
        assert (path.read_text(), path.stat().st_mtime, names(inbox.iterdir())) == (text, 7, [])
    assert names(sorted(archive.iterdir())) == ["a.55555555.2.csv", "a.csv", "a.csv.55555555.2.done", "a.csv.done"]


def test_a_failed_copy_leaves_the_file_in_the_inbox(linked, monkeypatch):
    """Where the copy cannot be completed, the archive gets nothing, and the reason is said."""
    made, inbox = linked
    (inbox / "a.csv").write_text("x")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("poc.transports.archive.os.fsync", full)
    with pytest.raises(BadInput, match=r"a\.csv: done, but cannot be moved to .*archive/UA/flights: No space left"):
        archive_file(made, "UA", "flights", inbox / "a.csv", "done", "5" * 64)
    assert (names(inbox.iterdir()), names(made.processed_folder("UA", "flights", "archive").iterdir())) == (
        ["a.csv"],
        [],
    )


def test_a_file_replaced_while_it_is_copied_is_not_deleted(linked, monkeypatch):
    """The version that came meanwhile stays for the next run."""
    made, inbox = linked
    (inbox / "a.csv").write_text("old")
    real = shutil.copyfileobj

    def replaced(*arguments):
        real(*arguments)
        (inbox / "b").write_text("new")
        (inbox / "b").rename(inbox / "a.csv")

    monkeypatch.setattr("poc.transports.archive.shutil.copyfileobj", replaced)
    with pytest.raises(BadInput, match="changed while it was moved"):
        archive_file(made, "UA", "flights", inbox / "a.csv", "done", "5" * 64)
    assert (inbox / "a.csv").read_text() == "new"


@pytest.mark.parametrize(
    "name", ["a" * 251 + ".csv", "é" * 125 + ".csv", "a" * 255, "a." + "b" * 253, "." * 250 + ".csv", "日" * 85]
)
def test_the_longest_names_are_archived_any_number_of_times(workspace, name):
    """A name that is taken gets a shorter one, unique, with its suffix; the first keeps its own."""
    made, _, inbox = workspace()
    archived = []
    for number in range(12):
        (inbox / name).write_text(str(number))
        archived.append(archive_file(made, "UA", "flights", inbox / name, "done", "5" * 64))
    assert archived[0].name == name
    assert [path.read_text() for path in archived] == [str(number) for number in range(12)]
    assert max(len(os.fsencode(path.name)) for path in archived) <= 255
    if name.endswith(".csv"):
        assert {path.suffix for path in archived} == {".csv"}


def test_an_archived_file_is_readable_by_its_owner_only(workspace):
    """Whatever permissions it came with."""
    made, _, inbox = workspace()
    (inbox / "a.csv").write_text("x")
    (inbox / "a.csv").chmod(0o666)
    path = archive_file(made, "UA", "flights", inbox / "a.csv", "refused", "5" * 64)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
