"""Only the owner of a workspace can read what its exchanges leave below `var`."""

import errno
import os
import stat
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from poc.errors import BadInput
from poc.service.private_files import make_private


def mode(path):
    """The permissions of a path, as text."""
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


@contextmanager
def umask(value):
    """Run a block under a umask."""
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def test_an_older_workspace_is_tightened_once(tmp_path):
    """All below `var` becomes private, and it is said; the inbox and what is outside, behind a link, stay."""
    var, outside = tmp_path / "var", tmp_path / "outside.csv"
    for place in ("ledger.db", "archive/UA/flights/a.csv", "spool/live/1.jsonl", "inbox/UA/flights/b.csv"):
        (var / place).parent.mkdir(parents=True, exist_ok=True)
        (var / place).write_text("x")
        (var / place).chmod(0o664)
    var.chmod(0o755)
    outside.write_text("x")
    outside.chmod(0o644)
    (var / "archive" / "link.csv").symlink_to(outside)
    assert make_private(var) == f"{var}: its permissions were 755; it is now for its owner only (700)"
    assert [mode(var), mode(var / "ledger.db"), mode(var / "spool/live/1.jsonl")] == ["700", "600", "600"]
    assert [mode(var / "archive/UA/flights/a.csv"), mode(var / "archive")] == ["600", "700"]
    assert [mode(var / "inbox/UA/flights/b.csv"), mode(outside)] == ["664", "644"]
    assert make_private(var) == ""


def test_a_new_file_in_a_private_folder_is_tightened(tmp_path):
    """A database that a person restored is private after the next run, without a word."""
    var = tmp_path / "var"
    assert make_private(var) == ""
    (var / "ledger.db").write_text("x")
    (var / "ledger.db").chmod(0o644)
    assert make_private(var) == ""
    assert [mode(var), mode(var / "ledger.db")] == ["700", "600"]


def test_a_folder_that_cannot_be_made_private_is_a_note(tmp_path):
    """The run goes on, and says what its owner can do; a file in its place is an error."""
    var = tmp_path / "var"
    var.mkdir(mode=0o755)
    refused = PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    with patch("pathlib.Path.chmod", side_effect=refused):
        assert make_private(var).endswith(f"not permitted; run `chmod -R go= {var}` as its owner")
    (tmp_path / "file").write_text("a file")
    with pytest.raises(BadInput, match="file: cannot be created or written: File exists"):
        make_private(tmp_path / "file")


@pytest.mark.parametrize("value", [0o022, 0o000])
def test_an_exchange_leaves_only_private_files(tmp_path, good_csv, value):
    """Ledger, archive, spool and metrics are private under any umask, of which a delivered file has the permissions."""
    from click.testing import CliRunner

    from milepost.cli import main

    root, folder = tmp_path / "w", tmp_path / "partner"
    folder.mkdir()
    with umask(value):
        assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
        path = root / "partners" / "AA.toml"
        head, _, tail = path.read_text().partition("[endpoint]\n")
        path.write_text(f'{head}[endpoint]\nfolder = "{folder}"\n{tail[tail.index("[feed") :]}')
        os.utime(root / "var/inbox/AA/flights/sample.csv", (0, 0))
        for command in (["run"], ["metrics", "collect"], ["roadmap", "status"]):
            done = CliRunner().invoke(main, ["-w", str(root), *command])
            assert done.exit_code == 0, done.output
    files = [path for path in (root / "var").rglob("*") if path.is_file()]
    assert {"ledger.db", "sample.csv", "metrics-live.db"} <= {path.name for path in files}
    assert {mode(path) for path in files} == {"600"}
    assert mode(root / "var") == "700"
    assert {mode(path) for path in (folder / "flights").iterdir()} == {f"{0o666 & ~value:o}"}
