"""`milepost demo connect`: three partners send files as they have them, and get a signed receipt for each."""

import json
import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from milepost.cli import main
from milepost.connect_demo import command
from poc.config.scaffold import create_workspace


def test_each_partner_gets_a_receipt_for_each_file_and_an_interrupt_ends_all(tmp_path):
    """Outcomes are those that each file must have, with the ledger's counts; after Ctrl-C no process is left."""
    arguments = ["demo", "connect", "--dir", str(tmp_path / "demo"), "--port", "0", "--json"]
    demo = subprocess.Popen(
        [sys.executable, "-m", "milepost", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        for line in demo.stderr:
            if line.startswith("Dashboard: "):
                break
        os.killpg(demo.pid, signal.SIGINT)
        output, errors = demo.communicate(timeout=120)
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
            demo.communicate()
    assert demo.returncode == 130, errors
    with pytest.raises(ProcessLookupError):  # of the group of the demo
        os.killpg(demo.pid, 0)
    result = json.loads(output)
    assert [result[name] for name in ("files", "signed", "as_expected", "equal_to_ledger")] == [9] * 4
    assert result["delivered_rows"] == result["held_records"] == 3 * (200 + 197)
    rows = {file["file"]: file["rows"] for partner in result["partners"] for file in partner["files"]}
    assert rows["three-bad-rows.xlsx"] == {"in": 200, "delivered": 197, "quarantined": 3}
    assert rows["other-columns.json"] == {"in": 200, "refused": 200}
    server = tmp_path / "demo" / "north-server" / "out"
    assert sorted(path.name for path in (server / "done").iterdir()) == [
        "clean.csv", "other-columns.csv", "three-bad-rows.csv",
    ]  # fmt: skip


def test_missing_extras_are_named_together(tmp_path, monkeypatch):
    """Nothing is made where a package is missing; the message names what to install."""
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    done = CliRunner().invoke(main, ["demo", "connect", "--dir", str(tmp_path / "demo")])
    assert done.exit_code == 2
    assert "pip install 'milepost[sftp,excel]'" in done.stderr
    assert not (tmp_path / "demo").exists()


def test_it_begins_with_a_new_folder_only(tmp_path):
    """A workspace of somebody is refused, and stays as it was."""
    create_workspace(tmp_path / "mine", "mine", "live", {}, "")
    before = sorted((tmp_path / "mine").rglob("*"))
    done = CliRunner().invoke(main, ["demo", "connect", "--no-serve", "--dir", str(tmp_path / "mine")])
    assert (done.exit_code, "name one with --dir" in done.stderr) == (2, True)
    assert sorted((tmp_path / "mine").rglob("*")) == before
