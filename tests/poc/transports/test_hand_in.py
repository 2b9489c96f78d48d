"""Files are handed in complete: a run sees none, or all of it, with its announcement where the feed has one."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.errors import BadInput
from poc.transports.hand_in import copy_into_inbox, move_into_inbox
from poc.transports.inbox import complete_files

DIGEST = "ab" * 32


@pytest.fixture
def announced(tmp_path):
    """A workspace whose feed takes announced files, and a file elsewhere."""
    create_workspace(tmp_path / "w", "test", "live", {"AA": AIRLINES["AA"]}, "")
    partner = tmp_path / "w/partners/AA.toml"
    partner.write_text(partner.read_text().replace('format = "csv"', 'format = "csv"\ndone_file = "{name}.done"'))
    file = tmp_path / "a.csv"
    file.write_text("content")
    return load_workspace(tmp_path / "w"), file


def waiting(workspace, now=None):
    """The names of the files that a run would take."""
    feed = workspace.get_feed("AA", "flights")[1]
    files = complete_files(workspace.inbox("AA", "flights"), feed, now or datetime.now(UTC) + timedelta(minutes=1))
    return [path.name for path in files]


def test_a_copy_is_complete_for_the_next_run(announced):
    """It is announced, readable by its owner only, and does not replace a file of its name; the original stays."""
    workspace, file = announced
    first = copy_into_inbox(workspace, "AA", "flights", file)
    file.write_text("other content")
    second = copy_into_inbox(workspace, "AA", "flights", file)
    assert (first.read_text(), second.read_text(), file.read_text()) == ("content", "other content", "other content")
    assert waiting(workspace) == sorted([first.name, second.name])
    assert first.stat().st_mode & 0o777 == 0o600
    names = {path.name for path in first.parent.iterdir()}
    assert names == {first.name, f"{first.name}.done", second.name, f"{second.name}.done"}


def test_a_file_of_the_archive_comes_back_as_one_of_now(announced):
    """Its age says how long it waits, so that a file of last year is not a year late."""
    workspace, file = announced
    os.utime(file, (0, 0))
    moved = move_into_inbox(workspace, "AA", "flights", file, "b.csv", DIGEST)
    assert (moved.name, moved.read_text(), file.exists()) == ("b.csv", "content", False)
    assert moved.stat().st_mtime > time.time() - 600
    assert waiting(workspace) == ["b.csv"]


@pytest.mark.parametrize("name", ["a.txt", ".a.csv", "a.csv.part"])
def test_a_name_that_no_run_would_take_is_refused(announced, name):
    """The file would wait in the inbox for ever."""
    workspace, file = announced
    other = file.rename(file.with_name(name))
    with pytest.raises(BadInput, match="which takes files whose names match"):
        copy_into_inbox(workspace, "AA", "flights", other)
    with pytest.raises(BadInput, match="which takes files whose names match"):
        move_into_inbox(workspace, "AA", "flights", other, name, DIGEST)
    assert other.exists()
