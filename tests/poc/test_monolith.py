"""The baseline is fair: nothing slows it down, and it gives the partner what the service gives."""

import ast
from pathlib import Path

import pytest
import requests

import poc.monolith.exchange as monolith
from poc.monolith.flights import COLUMNS

SOURCES = sorted(Path(monolith.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_baseline_never_waits_on_purpose(path):
    """No sleep and no idle loop stands in the baseline: `time` serves for the clock alone."""
    used = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time"
    }
    assert used <= {"monotonic_ns"}
    assert "sleep" not in path.read_text()


def test_the_baseline_imports_only_what_it_was_written_with():
    """The standard library, requests, and the names of outcomes: so it was, and so it stays."""
    imported = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module)
    assert {name for name in imported if not name.startswith("poc.monolith")} == {
        "argparse", "csv", "datetime", "hashlib", "io", "json", "metrics.events", "pathlib", "re", "requests", "sys",
        "time", "tomllib", "typing", "urllib.parse",
    }  # fmt: skip


def test_it_checks_the_columns_of_the_contract(flights):
    """The columns written into the code are the contract's."""
    assert flights.names == COLUMNS


def test_its_account_balances_and_a_rerun_sends_all_again(start_partner, good_csv, tmp_path):
    """The first failure ends the run; running the file again sends it from its start."""
    partner = start_partner({"faults": {"UA/flights/a.csv": {"1": {"1": "unavailable"}}}})
    path, url = good_csv(tmp_path / "a.csv", 1200), f"{partner.url}/n/UA/flights"
    with requests.Session() as session:
        failed = monolith.exchange(path, url, 2.0, session)
        done = monolith.exchange(path, url, 2.0, session)
    assert (failed["outcome"], failed["error_type"]) == ("failed", "http-503")
    for result in (failed, done):
        assert result["rows"]["in"] == sum(count for name, count in result["rows"].items() if name != "in") == 1200
    assert len(partner.held("n")) == 1700


def test_the_first_bad_row_sets_the_file_aside(start_partner, good_csv, tmp_path):
    """Nothing is sent of a file with a bad row."""
    partner = start_partner()
    path = good_csv(tmp_path / "a.csv", 10)
    path.write_text(path.read_text().replace(",UA,7,", ",ZZ,7,"))
    with requests.Session() as session:
        result = monolith.exchange(path, f"{partner.url}/n/UA/flights", 2.0, session)
    assert (result["outcome"], result["error_type"], result["rows"]["refused"]) == ("refused", "constraint-error", 10)
    assert "row 7" in result["error"]
    assert partner.held("n") == []


@pytest.mark.parametrize("text", ["", "year,month\n1,2\n", "\xff", 'a"b'])
def test_a_file_it_cannot_read_is_refused(text, tmp_path):
    """Whatever the bytes, the baseline answers and its account balances."""
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("latin-1"))
    with requests.Session() as session:
        result = monolith.exchange(path, "http://127.0.0.1:9/n/UA/flights", 1.0, session)
    assert result["outcome"] == "refused"
    assert result["rows"]["in"] == result["rows"]["refused"]
