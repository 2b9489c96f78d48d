"""A company compares its own monolith with the service in production: from its log and live runs to a verdict."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest
from click.testing import CliRunner

from metrics.events import RunEvent, RunKey, SpoolRecorder
from milepost.cli import main

MAPPING = """
[import]
started_at = { column = "start", format = "%d.%m.%Y %H:%M", zone = "Europe/Berlin" }
duration = { column = "seconds", unit = "s" }
partner = { value = "AA" }
feed = { value = "flights" }
outcome = { column = "status", done = ["OK"], failed = ["ERROR"] }
records = { column = "rows" }
"""

MILESTONES = """
schema = 1

[[milestone]]
code = "M1"
title = "Receive"
objective = "Same answers, in less time"
subject = "service@4"
start = {start}
due = {due}
evidence = {{ min_blocks = 12, min_grade = "{grade}" }}

[[milestone.metric]]
name = "busy_time_saved"
at_least = 0.30
"""

TODAY = datetime.now(UTC).date()
START = TODAY - timedelta(days=20)


def milepost(folder, *words, code=0):
    """Run the program on a workspace, and check its exit code."""
    result = CliRunner().invoke(main, ["-w", str(folder), *words])
    assert result.exit_code == code, result.output
    return result


def run_of(day, number, seconds):
    """Return a live run of the service that delivered 200 records."""
    at = round(datetime(day.year, day.month, day.day, 6, number, tzinfo=UTC).timestamp() * 1_000_000)
    return RunEvent(
        key=RunKey(
            system="service", level=4, mode="live", faults="real", series="", round=0, exchange_id=f"{day}-{number}",
            attempt=1,
        ),
        release="0.1.0", partner="AA", feed="flights", file=f"{number}.csv", block=str(day), block_end=str(day),
        due_at_us=at, started_at_us=at, duration_ns=round(seconds * 1e9), outcome="done", records=200,
        rows={"in": 200, "delivered": 200}, input_sha256=f"{day}{number}",
    )  # fmt: skip


@pytest.fixture
def company(tmp_path):
    """A function that makes a workspace with a month of the monolith's log and three weeks of service runs."""

    def make(grade):
        folder = tmp_path / grade
        assert CliRunner().invoke(main, ["init", str(folder)]).exit_code == 0
        with (folder / "milepost.toml").open("a") as file:
            file.write(MAPPING)
        plan = MILESTONES.format(start=START, due=TODAY + timedelta(days=30), grade=grade)
        (folder / "milestones.toml").write_text(plan)
        log = ["start,seconds,status,rows"]
        for n in range(30):  # before the service started: two runs per day, a little over ten seconds each
            day = START - timedelta(days=31 - n)
            log += [f"{day:%d.%m.%Y} 06:0{i},{10 + (n * 7 + i) % 5 / 10},OK,200" for i in range(2)]
        (folder / "monolith.csv").write_text("\n".join(log) + "\n")
        with closing(SpoolRecorder(folder / "var" / "spool" / "live")) as recorder:
            for n in range(20):
                for i in range(2):
                    recorder.record(run_of(START + timedelta(days=n), i, 4 + (n * 3 + i) % 4 / 10))
        return folder

    return make


def test_the_service_is_proven_against_an_imported_log(company):
    """The verdict has grade D: about 59% less time, unpaired, and the gate opens."""
    folder = company("D")
    milepost(folder, "metrics", "import", str(folder / "monolith.csv"))
    milepost(folder, "metrics", "collect")
    (verdict,) = json.loads(milepost(folder, "roadmap", "status", "--json").output)
    (metric,) = verdict["metrics"]
    assert metric["estimate"] == pytest.approx(1 - 4.15 / 10.2, abs=0.01)
    assert (metric["grade"], metric["paired"], metric["verdict"], metric["faults"]) == ("D", False, "met", "real")
    assert verdict["status"] == "proven"
    assert date.fromisoformat(verdict["proven_on"]) == START + timedelta(days=11)
    milepost(folder, "roadmap", "gate", "M1")


def test_an_imported_log_is_not_enough_for_grade_c(company):
    """Under a plan that requires both sides on the same days, the numbers are not valid, and the gate stays closed."""
    folder = company("C")
    milepost(folder, "metrics", "import", str(folder / "monolith.csv"))
    milepost(folder, "metrics", "collect")
    (verdict,) = json.loads(milepost(folder, "roadmap", "status", "--json").output)
    assert (verdict["status"], verdict["metrics"][0]["verdict"]) == ("insufficient", "invalid")
    assert "grade D" in verdict["metrics"][0]["why"]
    milepost(folder, "roadmap", "gate", "M1", code=6)


def test_a_recorded_command_is_stored_for_comparison(company):
    """After collecting, the command that `record` ran is in the store with its time and records."""
    folder = company("D")
    who = ("--partner", "AA", "--feed", "flights", "--records", "200")
    milepost(folder, "metrics", "record", *who, "--", "sleep", "0.05")
    milepost(folder, "metrics", "collect")
    table = csv.DictReader(milepost(folder, "metrics", "export", "--table", "run_block").output.splitlines())
    (row,) = [row for row in table if row["system"] == "monolith"]
    assert row["block"] in {str(TODAY), str(datetime.now(UTC).date())}  # the day may have changed meanwhile
    assert row["held"] == "200"
    assert int(row["busy_ns"]) >= 50_000_000
