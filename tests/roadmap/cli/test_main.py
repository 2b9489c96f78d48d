"""`milepost roadmap`, as people and scripts use it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import pytest
from click.testing import CliRunner

from metrics.store.database import open_store
from roadmap.cli.main import roadmap
from roadmap.errors import PlanError


def run(front, *words):
    """Run a command of this room."""
    return CliRunner().invoke(roadmap, list(words), obj=front)


@pytest.fixture
def measured(front, replay):
    """The workspace with twelve good weeks."""
    db = open_store(front.store, "replay")
    replay(db, range(12))
    db.close()
    return front


def test_nothing_measured_is_said_and_nothing_is_made(front):
    """Without a database the plan is shown, and no database appears."""
    done = run(front, "status")
    assert done.exit_code == 0
    assert done.output.startswith("Nothing has been measured yet; `milepost demo` or `milepost metrics measure` does.")
    assert "M1 Receive           not enough evidence" in done.output
    assert not front.store.exists()


def test_status_says_number_range_and_target(measured):
    """A proven milestone in words."""
    assert run(measured, "status").output.splitlines() == [
        "Replay, judged as of 31 Mar 2013, its last day.",
        "",
        "M1 Receive           proven",
        "  why        every target reached on 31 Mar 2013",
        (
            "  metric     Processing time saved: 59.5% less time, likely 59.1% to 59.9%; target at least 30%: met "
            "(grade B, 12 weeks, 24 runs, 100% of the work covered)"
        ),
        "  guardrail  Records lost: 0 of 1,200 records due; target none: held (grade B, 12 weeks)",
    ]


def test_json_has_the_documented_keys(measured):
    """The list for programs: shares 0 to 1, days as ISO dates."""
    (found,) = json.loads(run(measured, "status", "--json").output)
    assert (found["code"], found["title"], found["status"]) == ("M1", "Receive", "proven")
    assert found["reasons"] == ["every target reached on 31 Mar 2013"]
    metric = found["metrics"][0]
    assert {
        name: metric[name] for name in ("name", "role", "target", "direction", "verdict", "blocks", "n", "grade")
    } == {
        "name": "busy_time_saved",
        "role": "metric",
        "target": 0.3,
        "direction": "at_least",
        "verdict": "met",
        "blocks": 12,
        "n": 24,
        "grade": "B",
    }
    assert 0.3 < metric["low"] < metric["estimate"] < metric["high"] < 1


def test_gate_passes_what_is_proven(measured):
    """Exit code 0, and the verdict in words."""
    done = run(measured, "gate", "M1")
    assert (done.exit_code, "M1 Receive           proven" in done.output) == (0, True)


def test_gate_holds_what_has_not_enough_evidence(front):
    """Exit code 6, in JSON too."""
    assert run(front, "gate", "M1").exit_code == 6
    done = run(front, "gate", "M1", "--json")
    assert (done.exit_code, json.loads(done.output)["status"]) == (6, "insufficient")


def test_gate_fails_what_is_not_met(front, replay):
    """Exit code 5 for a service that is slower."""
    db = open_store(front.store, "replay")
    replay(db, range(12), cost=1.1)
    db.close()
    done = run(front, "gate", "M1")
    assert done.exit_code == 5
    assert "more time, likely" in done.output


def test_gate_names_the_codes_there_are(front):
    """An unknown code is an error of exit code 2, also before anything is measured."""
    done = run(front, "gate", "M7")
    assert isinstance(done.exception, PlanError)
    assert (str(done.exception), done.exception.exit_code) == ("unknown milestone 'M7'; choose one of M1", 2)


def test_judging_from_the_command_line_is_kept(measured):
    """Evaluations are stored once a replayed week, however often one looks."""
    run(measured, "status")
    run(measured, "gate", "M1")
    db = open_store(measured.store, "replay")
    assert db.table("evaluation").count == 12
    db.close()


def test_a_live_workspace_is_judged_by_the_wall_clock(front):
    """A live store's today is the day it is asked; the replay's calendar is not used."""
    front.clock = "live"
    (found,) = json.loads(run(front, "status", "--json").output)
    assert date.fromisoformat(found["as_of"]) > date(2025, 1, 1)
    assert found["status"] == "missed"


def test_importing_the_commands_is_cheap():
    """`milepost --help` does not pay for numbers, models or databases."""
    heavy = "('numpy', 'pydantic', 'sqlite_utils', 'sqlite3')"
    code = f"import sys, roadmap.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
