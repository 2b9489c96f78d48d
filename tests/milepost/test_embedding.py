"""The interface for programs that embed Milepost."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import milepost
from milepost.cli import main
from poc.errors import BadInput


@pytest.fixture
def workspace(tmp_path, start_partner):
    """A workspace with a running partner, whose sample lies outside of it, and the partner."""
    partner = start_partner()
    root = tmp_path / "w"
    assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
    path = root / "partners" / "AA.toml"
    path.write_text(path.read_text().replace("http://127.0.0.1:8766", partner.url))
    (root / "var/inbox/AA/flights/sample.csv").rename(tmp_path / "today.csv")
    return root, partner


def test_a_file_is_exchanged_once_and_stays_where_it_is(workspace, tmp_path):
    """The result has the receipt's counts; a second call sends nothing; the ledger and archive are those of `run`."""
    root, partner = workspace
    file = tmp_path / "today.csv"
    content = file.read_bytes()
    result = milepost.exchange_file(root, "AA", "flights", str(file))
    assert (result.outcome, result.attempt, result.requests, result.error) == ("done", 1, 1, "")
    assert (result.rows["in"], result.rows["delivered"]) == (12, 12)
    assert (file.read_bytes(), result.path) == (content, root / "var/archive/AA/flights/today.csv")
    assert len(partner.held("live", "AA")) == 12
    again = milepost.exchange_file(root, "AA", "flights", file)
    assert (again.outcome, again.exchange_id, again.requests) == ("already_received", result.exchange_id, 0)
    assert len(partner.held("live", "AA")) == 12
    assert list((root / "var/inbox/AA/flights").iterdir()) == []
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.outcome = "failed"


def test_a_file_in_the_inbox_is_exchanged_there(workspace, tmp_path):
    """It is not copied, so that no run finds it a second time."""
    root, partner = workspace
    file = (tmp_path / "today.csv").rename(root / "var/inbox/AA/flights/today.csv")
    result = milepost.exchange_file(root, "AA", "flights", file)
    assert (result.outcome, len(partner.held("live", "AA"))) == ("done", 12)
    assert not file.exists()


def test_a_refused_file_is_a_result_and_a_mistake_an_error(workspace, tmp_path):
    """What the caller has to correct is named: the file's contents in the result, all else in an error."""
    root, _ = workspace
    (tmp_path / "wrong.csv").write_text("wrong,header\n1,2\n")
    result = milepost.exchange_file(root, "AA", "flights", tmp_path / "wrong.csv")
    assert (result.outcome, result.error_type, result.rows["refused"]) == ("refused", "missing-label", 1)
    (tmp_path / "today.txt").write_text("")
    for arguments, message in (
        (
            (root, "AA", "flights", tmp_path / "today.txt"),
            "not a file of AA/flights, which takes files whose names match",
        ),
        ((root, "AA", "flights", tmp_path / "none.csv"), "cannot be read"),
        ((root, "BB", "flights", tmp_path / "today.csv"), "unknown partner 'BB'"),
        ((tmp_path, "AA", "flights", tmp_path / "today.csv"), "not a workspace"),
    ):
        with pytest.raises(BadInput, match=message):
            milepost.exchange_file(*arguments)
    assert list((root / "var/inbox/AA/flights").iterdir()) == []


def test_importing_the_interface_imports_no_large_library():
    """`import milepost` and `milepost --help` answer at once: they import neither polars nor what takes as long."""
    heavy = ("polars", "pandas", "numpy", "pyarrow", "sqlalchemy", "flask", "pydantic")
    show_help = (
        "from click.testing import CliRunner; from milepost.cli import main; CliRunner().invoke(main, ['--help'])"
    )
    for start in ("import milepost", show_help):
        code = f"{start}; import sys; print([name for name in {heavy} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n", start


def test_the_packages_say_that_they_are_typed():
    """Type checkers use the annotations of an installed package only where it has a `py.typed`."""
    root = Path(milepost.__file__).parents[1]
    for room in ("milepost", "poc", "metrics", "roadmap", "dashboard"):
        assert (root / room / "py.typed").is_file(), room
