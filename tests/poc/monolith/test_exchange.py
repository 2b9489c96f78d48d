"""The baseline is fair: nothing slows it down, and it gives the partner what the service gives."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from poc.monolith import exchange as monolith
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


def test_a_checking_pass_names_every_bad_row_and_sends_nothing(good_csv, tmp_path):
    """All of them, also behind a quote that nothing ends; a blank line is no row."""
    path = good_csv(tmp_path / "a.csv", 12)
    lines = path.read_text().splitlines()
    lines[3] = lines[3].replace(",UA,", ",ZZ,")
    lines[5] = lines[5].replace(",UA,", ',"UA,')
    lines[8] += ",more"
    lines[10] = lines[9]
    path.write_text("\n".join([*lines[:7], "", *lines[7:]]) + "\n")
    assert monolith.check(path) == [3, 5, 8, 10]
    before = path.read_bytes()
    with requests.Session() as session:
        assert monolith.exchange(path, "http://127.0.0.1:9/n/UA/flights", 1.0, session)["outcome"] == "refused"
    assert path.read_bytes() == before


def test_a_row_of_several_lines_is_one_row_to_a_checking_pass(good_csv, tmp_path):
    """A cell with a line end in quotes is well written: good or bad, its row has one number."""
    path = good_csv(tmp_path / "a.csv", 6)
    lines = path.read_text().splitlines()
    cells = lines[2].split(",")
    cells[12] = '"E\nWR"'
    lines[2] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    assert monolith.check(path) == []
    cells[15] = "far"
    lines[2] = ",".join(cells)
    lines[5] = lines[5].replace(",UA,", ",ZZ,")
    path.write_text("\n".join(lines) + "\n")
    assert monolith.check(path) == [2, 5]


def test_a_checking_pass_agrees_with_the_exchange(good_csv, tmp_path):
    """It takes for good what the exchange takes: no row of a file that is sent, and one of each that is refused."""
    path = good_csv(tmp_path / "a.csv", 5)
    good = path.read_bytes()
    assert monolith.check(path) == []
    for was, now in ((b",UA,3,", b",\xff,3,"), (b"year,", b"jahr,"), (b",UA,5,", b',UA",5,')):
        path.write_bytes(good.replace(was, now))
        with requests.Session() as session:
            refused = monolith.exchange(path, "http://127.0.0.1:9/n/UA/flights", 0.2, session)["outcome"] == "refused"
        assert refused
        assert monolith.check(path) == ([1, 2, 3, 4, 5] if was == b"year," else [int(was[4:5])])


def test_it_answers_a_check_over_the_line_protocol(good_csv, tmp_path):
    """`{"check": path}` is answered with the rows, and no entry is made in its log."""
    path = good_csv(tmp_path / "a.csv", 3)
    path.write_text(path.read_text().replace(",UA,2,", ",ZZ,2,"))
    request = json.dumps({"check": str(path), "partner": "UA", "feed": "flights"}) + "\n"
    command = [sys.executable, "-m", "poc.monolith", "--workspace", tmp_path, "--state", tmp_path, "--endpoint", "x"]
    done = subprocess.run(command, input=request, capture_output=True, text=True, timeout=300, check=True)
    assert json.loads(done.stdout.splitlines()[1]) == {"bad": [2]}
    assert (tmp_path / "exchange.log").read_text() == ""


@pytest.mark.parametrize("text", ["", "year,month\n1,2\n", "\xff", 'a"b'])
def test_a_file_it_cannot_read_is_refused(text, tmp_path):
    """Whatever the bytes, the baseline answers and its account balances."""
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("latin-1"))
    with requests.Session() as session:
        result = monolith.exchange(path, "http://127.0.0.1:9/n/UA/flights", 1.0, session)
    assert result["outcome"] == "refused"
    assert result["rows"]["in"] == result["rows"]["refused"]
