"""`milepost parity status | show | accept` in a workspace."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from milepost.cli import main
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.parity.feed_parity import FilePair, compare_file
from poc.parity.records import SentRecords


@pytest.fixture
def compared(tmp_path: Path) -> Path:
    """Return a workspace in which one file was compared: a rounded distance, and a record more."""
    root = tmp_path / "workspace"
    assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
    workspace = load_workspace(root)
    left = [{"tail": f"N{n}", "from": "JFK", "distance_km": "10.1"} for n in range(3)]
    right = [*left[:2], {**left[2], "distance_km": "10.2"}, {"tail": "N9", "from": "LGA", "distance_km": "7"}]
    sides = [SentRecords(name, lambda rows=rows: rows, 1) for name, rows in (("monolith", left), ("service", right))]
    pair = FilePair(partner="AA", feed="flights", file="a.csv", sha256="ab", left=sides[0], right=sides[1])
    ledger = open_ledger(workspace.ledger)
    compare_file(workspace, ledger, pair, datetime.now(UTC))
    ledger.close()
    return root


def run(root: Path, *arguments: str) -> str:
    """Return what a command prints, if it ends well."""
    result = CliRunner().invoke(main, ["-w", str(root), "parity", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_status_counts_what_is_unexplained(compared: Path):
    """One line for each feed, with the causes."""
    assert "AA/flights: 1 files, 4 records; 2 unexplained (rounding 1, row-extra 1), 0 accepted, 0 to fix" in run(
        compared, "status"
    )
    (row,) = json.loads(run(compared, "status", "--json"))
    assert (row["unexplained"], row["by_cause"]) == (2, {"rounding": 1, "row-extra": 1})


def test_accepting_a_cause_explains_it_in_status_and_show(compared: Path):
    """The entry is in the partner's file, and the feed's report names it."""
    accept = ("accept", "AA/flights", "--cause", "rounding", "--field", "distance_km", "--reason", "agreed")
    output = run(compared, *accept, "--owner", "ann", "--until", "2199-12-31")
    assert (
        "parity/AA.toml: accept of rounding in distance_km; it explains 1 differences, and 1 stay unexplained" in output
    )
    shown = run(compared, "show", "AA/flights")
    assert "rounding in distance_km: 1, accept until 2199-12-31 (ann: agreed)\n" in shown
    assert "'99.9' / '99.9'" in shown
    of_sides = "a.csv: record 3 of the monolith and record 3 of the service: '10.1' / '10.2'"
    assert of_sides in run(compared, "show", "AA/flights", "--values")
    report = json.loads(run(compared, "show", "AA/flights", "--json"))
    assert (report["accepted"], report["unexplained"], report["files"][0]["file"]) == (1, 1, "a.csv")
    assert list((compared / "var" / "spool" / "live").glob("*.jsonl"))


def test_accepting_without_a_last_day_is_refused(compared: Path):
    """The error names the option, and nothing is written."""
    arguments = ["accept", "AA/flights", "--cause", "rounding", "--reason", "-", "--owner", "ann"]
    result = CliRunner().invoke(main, ["-w", str(compared), "parity", *arguments])
    assert (result.exit_code, "needs a last day" in result.output) == (2, True)
    assert not (compared / "parity").exists()


def test_a_workspace_without_comparisons_says_how_to_begin(tmp_path: Path):
    """Nothing compared is no error."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "w")]).exit_code == 0
    assert "No file was compared yet" in run(tmp_path / "w", "status")
