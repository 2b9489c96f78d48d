"""Files are written whole or not at all, and standard output reports what it cannot take."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from metrics.errors import BadInput
from metrics.file_output import write_atomically
from metrics.store.database import open_store
from milepost.cli import main


def write(path, content=b"new"):
    """Write a file with `write_atomically`."""
    with write_atomically(path) as sink:
        sink.write(content)


def test_a_file_is_replaced_whole(tmp_path):
    """The new content is there, with the mode of any new file, and no temporary file is left."""
    path, other = tmp_path / "a.txt", tmp_path / "other"
    path.write_text("before")
    other.touch()
    write(path)
    assert path.read_text() == "new"
    assert path.stat().st_mode == other.stat().st_mode
    assert {file.name for file in tmp_path.iterdir()} == {"a.txt", "other"}


def test_a_failure_midway_leaves_the_old_file(tmp_path):
    """An interrupted write changes nothing and leaves no temporary file."""
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), write_atomically(path) as sink:  # noqa: PT012 (both happen in the block)
        sink.write(b"half")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_missing_folder_is_refused(tmp_path):
    """The message names the file and the reason."""
    with pytest.raises(BadInput, match=r"a\.txt: cannot be written: No such file or directory"):
        write(tmp_path / "nowhere" / "a.txt")


def test_only_a_file_is_replaced_by_a_file(tmp_path):
    """A pipe, which stands for devices here, is kept, also behind a link; a linked file stays linked."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to-pipe").symlink_to("pipe")
    for name in ("pipe", "to-pipe", "."):
        with pytest.raises(BadInput, match="cannot be written: it is not a file"):
            write(tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "file").write_text("before")
    (tmp_path / "to-file").symlink_to("file")
    write(tmp_path / "to-file")
    assert (tmp_path / "to-file").is_symlink()
    assert (tmp_path / "file").read_text() == "new"


@pytest.fixture
def workspace(tmp_path):
    """A workspace with an empty store; its columns alone are more than a page of CSV."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "w")]).exit_code == 0
    open_store(tmp_path / "w/var/metrics-live.db", "live").close()
    return tmp_path / "w"


@pytest.mark.parametrize("command", [("export", "--table", "run_block"), ("metadata",)])
def test_a_full_disk_is_reported_and_a_closed_pipe_is_not(workspace, command):
    """A full disk is one line with exit code 2; a reader that stops early, as `head` does, gets no message."""
    arguments = [sys.executable, "-m", "milepost", "-w", str(workspace), "metrics", *command]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, env=environment, check=False)
    assert (done.returncode, done.stderr) == (2, b"milepost: stdout: cannot be written: No space left on device\n")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(arguments, stdout=writing, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
