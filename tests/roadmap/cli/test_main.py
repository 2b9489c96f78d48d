"""The commands of `milepost roadmap`: JSON, exit codes, files and refusals. `test_outputs` has their text."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import pytest
from click.testing import CliRunner

from metrics.store.database import open_store
from roadmap.cli.main import roadmap
from roadmap.errors import PlanError, Refused


def test_json_has_the_documented_keys(measured, data):
    """The list for programs: shares 0 to 1, days as ISO dates."""
    (verdict,) = data("status")
    assert (verdict["code"], verdict["title"], verdict["status"]) == ("M1", "Receive", "proven")
    assert verdict["reasons"] == ["every target reached on 31 Mar 2013"]
    metric = verdict["metrics"][0]
    keys = ("name", "role", "target", "direction", "verdict", "blocks", "n", "grade")
    assert [metric[key] for key in keys] == ["busy_time_saved", "metric", 0.3, "at_least", "met", 12, 24, "B"]
    assert 0.3 < metric["low"] < metric["estimate"] < metric["high"] < 1


@pytest.mark.parametrize(
    ("weeks", "settings", "code", "lenient"),
    [
        (12, {}, 0, 0),
        (12, {"cost": 1.1}, 5, 5),
        (4, {}, 6, 0),
        (4, {"lost": 1}, 5, 5),
        (0, {}, 6, 0),
    ],
    ids=["proven", "slower", "too little evidence", "a record lost", "nothing measured"],
)
def test_the_exit_code_of_a_gate(front, replay, run, weeks, settings, code, lenient):
    """0 proven, 5 failed, 6 the rest; `--allow-insufficient` lets a milestone pass that only lacks evidence."""
    if weeks:
        db = open_store(front.store, "replay")
        replay(db, range(weeks), **settings)
        db.close()
    assert (run("gate", "M1").exit_code, run("gate", "M1", "--json").exit_code) == (code, code)
    assert run("gate", "M1", "--allow-insufficient").exit_code == lenient


def test_judging_from_the_command_line_is_recorded(measured, run):
    """One evaluation for each replayed week, however many commands run."""
    run("status")
    run("gate", "M1")
    db = open_store(measured.store, "replay")
    assert db.table("evaluation").count == 12
    db.close()


def test_a_live_workspace_is_judged_by_the_wall_clock(front, data):
    """A live store's today is the day of the command; the replay's calendar is not used."""
    front.clock = "live"
    (verdict,) = data("status")
    assert date.fromisoformat(verdict["as_of"]) > date(2025, 1, 1)
    assert verdict["status"] == "missed"


def test_plan_has_the_requirements_of_each_target(front, data):
    """Without a database too, and none is created."""
    found = data("plan", "M1")
    assert (found["code"], found["min_blocks"], found["block_days"], found["last_start"]) == ("M1", 12, 7, "2013-01-07")
    assert [(need["name"], need["role"], need["target"]) for need in found["needs"]] == [
        ("busy_time_saved", "metric", 0.3),
        ("lost_records", "guardrail", 0.0),
    ]
    assert not front.store.exists()


def test_a_live_workspace_plans_in_days(front, data, refused):
    """Twelve blocks are twelve days in production, so that a due date two weeks ahead is late enough."""
    text = front.milestones.read_text().replace("due = 2013-03-31", "due = 2013-01-18")
    front.milestones.write_text(text)
    assert "too early for its own evidence" in refused("plan", "M1")[1]
    front.clock = "live"
    found = data("plan", "M1")
    assert (found["block_days"], found["last_start"]) == (1, "2013-01-07")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["decide", "M1", "abandon", "--why", "x", "--owner", "y"], "'abandon' is not one of 'continue', 'change'"),
        (["decide", "M1", "stop", "--owner", "y"], "Missing option '--why'"),
        (["decide", "M1", "stop", "--why", "x"], "Missing option '--owner'"),
        (["decide", "M1", "pause", "--why", "x", "--owner", "y", "--until", "soon"], "'soon' does not match"),
        (["spend", "M1", "much", "--note", "x"], "'much' is not a valid float"),
        (["spend", "M1", "1"], "Missing option '--note'"),
        (["status", "--as-of", "2013-02-30"], "'2013-02-30' does not match the format '%Y-%m-%d'"),
        (["report", "--markdown", "--html"], "--markdown, --html, --pdf and --json exclude each other; choose one"),
        (["report", "--html", ""], "--html '' names no file"),
        (["report", "--html", "."], "--html '.' names no file"),
        (["report", "--html", "/"], "--html '/' names no file"),
    ],
)
def test_a_usage_error_names_the_value_and_the_choices(run, words, message):
    """Exit code 2, and nothing is printed in another form instead."""
    done = run(*words)
    assert (done.exit_code, message in done.output) == (2, True), done.output


@pytest.mark.parametrize(
    "words",
    [
        ["show", "M7"],
        ["plan", "M7"],
        ["gate", "M7"],
        ["decide", "M7", "stop", "--why", "x", "--owner", "y"],
        ["spend", "M7", "1", "--note", "x"],
    ],
)
def test_an_unknown_code_names_the_codes_of_the_file(refused, words):
    """With every command, also before anything is measured."""
    assert refused(*words) == (PlanError, "unknown milestone 'M7'; choose one of M1")


def test_a_report_that_cannot_be_written_is_refused(measured, refused, tmp_path):
    """A missing folder, or a folder in place of the file: one line, exit code 2, and nothing is left behind."""
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.iterdir())
    for place in (tmp_path / "none" / "a.html", tmp_path / "folder"):
        kind, message = refused("report", "--html", str(place))
        assert (kind, message.startswith(f"--html {place}: ")) == (Refused, True)
    left = {path.name for path in tmp_path.iterdir()} - {path.name for path in before}
    assert {name for name in left if not name.startswith("metrics.db")} == set()


def test_a_report_is_written_whole(measured, run, tmp_path):
    """The file is what `--html` prints, replaces an older one, and has nothing beside it."""
    page = tmp_path / "out" / "a.html"
    page.parent.mkdir()
    page.write_text("old")
    assert run("report", "--html", str(page)).output == f"The report is in {page}.\n"
    assert page.read_text("utf-8") == run("report", "--html").output
    assert list(page.parent.iterdir()) == [page]


def test_each_command_has_one_line_in_the_list():
    """The list of commands cuts none of them short."""
    output = CliRunner().invoke(roadmap, ["--help"], terminal_width=90).output
    commands = output.split("Commands:")[1]
    assert "..." not in commands
    assert [line.split()[0] for line in commands.strip().splitlines()] == [
        "checkin", "decide", "gate", "plan", "replan", "report", "show", "spend", "status",
    ]  # fmt: skip


def test_importing_the_commands_is_cheap():
    """`milepost --help` imports no numbers, models or databases."""
    heavy = "('numpy', 'pydantic', 'sqlite_utils', 'sqlite3')"
    code = f"import json, sys, roadmap.cli.main; print(json.dumps([name for name in {heavy} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
