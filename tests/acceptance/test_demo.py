"""The whole line on real input: replay, verdicts, and a service that runs."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import roadmap
from metrics.collector.collect import collect
from metrics.errors import StoreMissing
from metrics.events import OUTCOMES
from metrics.measures.comparison import busy_time_saved
from metrics.question import Question
from metrics.replay.input_files import FIRST_YEAR, SECOND_YEAR
from metrics.replay.measurement import MeasurementRequest, measurement_lock
from metrics.replayed_years import SECOND_YEAR_NOTE
from metrics.store.database import open_reader, open_store
from milepost.demo import SECOND_YEAR_WEEKS, longest_span, not_built, service_spans
from roadmap.plan.loader import load_plan
from roadmap.plan.template import replay_template

MILEPOST = str(Path(sys.executable).with_name("milepost"))


def milepost(*arguments, expect=0):
    """Run the program as a user does; its standard output."""
    done = subprocess.run([MILEPOST, *map(str, arguments)], capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == expect, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Three weeks of 2013 on both sides, one round, with and without faults: the folder, and what was printed."""
    folder = tmp_path_factory.mktemp("acceptance") / "demo"
    told = milepost("demo", "--weeks", 3, "--rounds", 1, "--no-serve", "--dir", folder, "--json")
    return folder, json.loads(told)


def query(folder, sql):
    """Rows of the demo's metrics database."""
    with closing(open_reader(folder / "var" / "metrics-replay.db")) as db:
        return list(db.query(sql))


def test_it_prints_what_it_measured(demo):
    """The JSON has runs, seconds, an account that balances, and the milestones with their targets."""
    _, told = demo
    assert set(told) == {"runs", "seconds", "rows", "milestones", "dashboard"}
    assert told["dashboard"] is None
    assert told["rows"]["in"] == sum(told["rows"][name] for name in OUTCOMES)
    assert told["rows"]["in"] == told["rows"]["delivered"] > 10_000
    assert [milestone["code"] for milestone in told["milestones"]] == ["M1", "M2", "M3", "M4", "M5", "M6"]
    assert {metric["name"]: metric["target"] for metric in told["milestones"][0]["metrics"]} == {
        "answers_equal": 1.0,
        "busy_time_saved": 0.30,
    }
    assert [milestone["status"] for milestone in told["milestones"][1:]] == ["not_started"] * 5
    assert "starts on 1 Apr 2013" in told["milestones"][1]["reasons"][-1]


def test_broken_rows_are_met_by_both_sides_and_mended_by_one_operator(demo):
    """Each file with a broken row is refused, checked once, mended, and delivered without it, on either side."""
    folder, _ = demo
    found = query(
        folder,
        "SELECT system, SUM(broken) AS broken, SUM(broken_due) AS due, SUM(broken_held) AS held, SUM(good_aside) AS "
        "aside FROM run_block WHERE faults = 'standard' GROUP BY system ORDER BY system",
    )
    assert [row["system"] for row in found] == ["monolith", "monolith#2", "service"]
    for row in found:
        assert row["broken"] > 0
        assert (row["held"], row["aside"]) == (row["due"], 0)
    checks = query(folder, "SELECT system, operator_ns, attempt FROM run WHERE operator_ns > 0")
    refused = query(folder, "SELECT system FROM run WHERE outcome = 'refused'")
    assert len(checks) == len(refused) > 0
    assert query(folder, "SELECT 1 AS one FROM holding WHERE faults = 'none' AND broken > 0") == []


def test_the_demo_replays_the_monolith_against_itself(demo):
    """Under faults the monolith runs a second time in the service's weeks and rounds, and its answers agree."""
    folder, _ = demo
    runs = "SELECT DISTINCT block, round, faults FROM run WHERE system = '{}' ORDER BY 1, 2, 3"
    again = query(folder, runs.format("monolith#2"))
    assert {row["faults"] for row in again} == {"standard"}
    assert again == [row for row in query(folder, runs.format("service")) if row["faults"] == "standard"]
    (same,) = query(folder, "SELECT SUM(compared) = SUM(equal) AS same FROM answer WHERE system = 'monolith#2'")
    assert same["same"] == 1


def test_every_level_is_measured_side_by_side(tmp_path):
    """Two weeks under faults: from level 2 no file waits for a person, from 3 nothing is twice, 4 goes on by itself."""
    folder = tmp_path / "w"
    milepost("init", folder)
    subjects = "monolith,service@1,service@2,service@3,service@4"
    milepost("-w", folder, "metrics", "measure", "--subjects", subjects, "--weeks", 2)
    root = folder / "var" / "replay" / "workspace"
    names = ("due", "held", "twice", "lost", "broken", "broken_due", "broken_held", "good_aside")
    sums = ", ".join(f"SUM({name}) AS {name}" for name in names)
    found = query(root, f"SELECT level, {sums} FROM run_block WHERE faults = 'standard' GROUP BY level ORDER BY level")
    assert [row["level"] for row in found] == [0, 1, 2, 3, 4]
    for row in found:
        assert row["broken"] > 0
        assert (row["lost"], row["good_aside"], row["broken_held"]) == (0, 0, row["broken_due"])
    assert [row["twice"] > 0 for row in found] == [True, True, True, False, False]
    refused = query(root, "SELECT DISTINCT level FROM run WHERE outcome = 'refused' ORDER BY level")
    assert [row["level"] for row in refused] == [0, 1]
    due = query(root, "SELECT level, exchange_id FROM run WHERE outcome = 'due'")
    assert {row["level"] for row in due} == {4}
    touched = "SELECT SUM(operator_touch) AS touches, MAX(outcome = 'done') AS done FROM run WHERE level = 4"
    for row in due:
        (end,) = query(root, f"{touched} AND faults = 'standard' AND exchange_id = '{row['exchange_id']}'")
        assert end == {"touches": 0, "done": 1}


def test_the_year_moves_through_the_milestones():
    """Each service stands from its milestone's start to its due date, as far as it is built and weeks are replayed."""
    plan = load_plan(Path(roadmap.__file__).with_name("milestones.toml"))
    assert service_spans(plan, 4, range(52)) == {
        "service@1": (0, 12),
        "service@2": (13, 25),
        "service@3": (26, 38),
        "service@4": (39, 51),
    }
    assert service_spans(plan, 2, range(52)) == {"service@1": (0, 12), "service@2": (13, 25)}
    assert service_spans(plan, 4, range(20)) == {"service@1": (0, 12), "service@2": (13, 19)}
    assert service_spans(plan, 0, range(52)) == {}
    assert longest_span(service_spans(plan, 4, range(52))) == (39, 51)
    assert longest_span(service_spans(plan, 4, range(20))) == (0, 12)
    assert service_spans(plan, 4, range(52), faults="stress") == {"service@4": (39, 51)}
    assert service_spans(plan, 4, range(20), faults="stress") == {}


def test_the_second_year_moves_to_its_milestone():
    """M5 has the 13 weeks of its quarter, under a level that is built; without it the message names what is missing."""
    plan = load_plan(Path(roadmap.__file__).with_name("milestones.toml"))
    assert service_spans(plan, 5, SECOND_YEAR.blocks[:SECOND_YEAR_WEEKS]) == {"service@5": (52, 64)}
    assert service_spans(plan, 5, FIRST_YEAR.blocks).keys() == {"service@1", "service@2", "service@3", "service@4"}
    assert service_spans(plan, 4, SECOND_YEAR.blocks) == {}
    assert not_built(plan, 4).startswith("M5 Pass needs service level 5, which is not built; M6 Move")


def test_two_years_are_two_series(tmp_path):
    """The second year adds its own series, weeks and milestone; the numbers of the first stay those of its series."""
    folder = tmp_path / "demo"
    options = ("--weeks", 1, "--rounds", 1, "--faults", "none", "--no-serve", "--dir", folder)
    printed = milepost("demo", "--years", 2, *options)
    assert SECOND_YEAR_NOTE in printed
    rows = query(folder, "SELECT series, MIN(block) AS first, MAX(block) AS last FROM run_block GROUP BY 1 ORDER BY 2")
    assert [(row["first"], row["last"]) for row in rows] == [("2013-01-01",) * 2, ("2014-01-01",) * 2]
    levels = query(folder, "SELECT DISTINCT series, level FROM run WHERE system = 'service' ORDER BY level")
    assert [(row["series"], row["level"]) for row in levels] == [(rows[0]["series"], 1), (rows[1]["series"], 5)]
    done = "SELECT COUNT(*) AS n FROM run WHERE block = '2014-01-01' AND outcome = 'done' GROUP BY system"
    assert [row["n"] for row in query(folder, done)] == [87, 87]  # files of six days
    with closing(open_reader(folder / "var" / "metrics-replay.db")) as db:
        for year, subject, row in ((FIRST_YEAR, "service@1", rows[0]), (SECOND_YEAR, "service@5", rows[1])):
            question = Question(subject=subject, start=year.days[0], end=year.days[1], faults="none")
            reading = busy_time_saved(db, question)
            assert (reading.series, reading.blocks) == (row["series"], 1)


def test_a_demo_without_a_service_to_replay_says_so(tmp_path):
    """A plan that starts after the weeks asked for is named, and nothing is replayed."""
    folder = tmp_path / "demo"
    milepost("init", folder)
    (folder / "milepost.toml").write_text((folder / "milepost.toml").read_text().replace('"live"', '"replay"'))
    (folder / "milestones.toml").write_text(replay_template().replace("= 2013-", "= 2014-"))
    command = [MILEPOST, "demo", "--weeks", "2", "--no-serve", "--dir", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert "no milestone whose service is built starts in the first 2 weeks of 2013" in done.stderr


def test_both_sides_give_the_partner_the_same_records(demo):
    """Without faults the partner holds the same from both, record for record and field for field, and each once."""
    folder, _ = demo
    (answer,) = query(folder, "SELECT SUM(compared) AS compared, SUM(equal) AS equal FROM answer WHERE faults = 'none'")
    (truth,) = query(folder, "SELECT SUM(due) AS due FROM holding WHERE faults = 'none' AND system = 'service'")
    assert answer["compared"] == answer["equal"] == truth["due"]
    # a side that waited for longer than the time-out on a slow machine sends a request again
    repeats = query(folder, "SELECT COUNT(*) AS n FROM run WHERE faults = 'none' AND error_type = 'time-out'")[0]["n"]
    for held in query(folder, "SELECT due, held, twice, lost, foreign_held FROM holding WHERE faults = 'none'"):
        assert (held["held"], held["lost"], held["foreign_held"]) == (held["due"], 0, 0)
        assert held["twice"] == 0 or repeats > 0


def test_the_account_balances_on_every_run(demo):
    """Each attempt of each side ends every row that came in, in exactly one outcome."""
    folder, _ = demo
    ended = " + ".join(f"rows_{name}" for name in OUTCOMES)
    assert query(folder, f"SELECT file FROM run WHERE rows_in != {ended}") == []
    assert query(folder, "SELECT COUNT(*) AS n FROM run")[0]["n"] == demo[1]["runs"]


def test_faults_cost_and_nothing_is_lost(demo):
    """Under the standard faults some first attempts fail, the operator runs them again, and every record arrives."""
    folder, _ = demo
    (sums,) = query(
        folder,
        "SELECT SUM(first_failed) AS failed, SUM(operator_touches) AS touches, SUM(due) AS due, SUM(held) AS held, "
        "SUM(lost) AS lost FROM run_block WHERE faults = 'standard'",
    )
    assert sums["failed"] > 0
    assert sums["touches"] >= sums["failed"]
    assert (sums["held"], sums["lost"]) == (sums["due"], 0)


def test_too_little_data_says_so(demo):
    """Three weeks are no verdict: the gate ends with 6 and says how many weeks are missing."""
    folder, told = demo
    saved = next(m for m in told["milestones"][0]["metrics"] if m["name"] == "busy_time_saved")
    assert saved["verdict"] == "insufficient"
    assert saved["low"] is None
    assert "3 of 12" in milepost("-w", folder, "roadmap", "gate", "M1", expect=6)


def test_rounds_without_faults_count_only_where_there_are_none():
    """The demo replays three rounds under its faults, and one without: that is all the comparison of answers needs."""
    request = MeasurementRequest(Path("demo"), Path("demo/metrics.db"), rounds=3, rounds_without_faults=1)
    assert (request.rounds_under("standard"), request.rounds_under("none")) == (3, 1)
    assert replace(request, rounds_without_faults=None).rounds_under("none") == 3


def test_a_second_run_adds_a_round(demo, tmp_path):
    """The same folder again: the rounds that there are stay, one more comes, and nothing else changes."""
    folder = shutil.copytree(demo[0], tmp_path / "demo")
    before = query(folder, "SELECT round, COUNT(*) AS n FROM run GROUP BY round")
    milepost("demo", "--weeks", 1, "--no-serve", "--dir", folder, "--faults", "none")
    after = query(folder, "SELECT round, COUNT(*) AS n FROM run GROUP BY round")
    assert [row["round"] for row in after] == [1, 2]
    assert after[0] == before[0]


def test_the_monolith_against_itself_shows_no_gain(tmp_path):
    """An A/A replay proves no gain, and its answers agree.

    Simulations show how often such a range leaves out zero by chance; here, no gain of a milestone is proven.
    """
    folder = tmp_path / "aa"
    milepost("init", folder)
    asked = ("--subjects", "monolith,monolith", "--weeks", 12, "--faults", "none", "--json")
    told = json.loads(milepost("-w", folder, "metrics", "measure", *asked))
    (saved,) = told["busy_time_saved"]
    assert (saved["subject"], saved["blocks"]) == ("monolith#2", 12)
    assert saved["low"] < 0.30
    assert saved["low"] < saved["estimate"] < saved["high"]
    with closing(open_reader(folder / "var/replay/workspace/var/metrics-replay.db")) as db:
        asked = Question(subject="monolith#2", start=date(2013, 1, 1), end=date(2013, 12, 31), faults="none")
        assert busy_time_saved(db, asked).estimate == pytest.approx(saved["estimate"])
        assert next(db.query("SELECT SUM(compared) = SUM(equal) AS same FROM answer"))["same"] == 1


def test_ctrl_c_ends_a_demo_and_all_it_started(tmp_path):
    """Ctrl-C in the middle of a replay ends every process, without a traceback, and what was measured is kept."""
    folder = tmp_path / "demo"
    command = [MILEPOST, "demo", "--no-serve", "--rounds", "1", "--faults", "none", "--dir", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as program:
        until = time.monotonic() + 300
        spool = folder / "var" / "spool" / "replay"
        while (
            not any(b'"kind":"run"' in path.read_bytes() for path in spool.glob("*.jsonl")) and time.monotonic() < until
        ):
            time.sleep(0.1)
        started = started_by(program.pid)
        assert len(started) > 4  # the partner, two templates, and a program of each side
        os.killpg(program.pid, signal.SIGINT)
        _, said = program.communicate(timeout=300)
    assert (program.returncode, said) == (130, "")
    assert ended(started)
    with closing(open_store(folder / "var" / "metrics-replay.db", "replay")) as db:
        collect(folder / "var" / "spool" / "replay", db, 0)
        assert db["run"].count > 0


def ended(processes):
    """Return whether all these processes end; the last ones may need a moment longer than their parent."""
    until = time.monotonic() + 60
    while processes & set(parents()) and time.monotonic() < until:
        time.sleep(0.1)
    return not processes & set(parents())


def started_by(pid):
    """Return the processes that a process has started, and those that these have, each with the time of its start."""
    found, ids = set(), {str(pid)}
    while more := {process for process, parent in parents().items() if parent in ids} - found:
        found |= more
        ids |= {process for process, _ in more}
    return found


def parents():
    """Return the id of the parent of each process; a process has its id and the time of its start."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            _, parent, *rest = path.read_text().rpartition(")")[2].split()
            found[path.parent.name, rest[17]] = parent
    return found


def test_two_measurements_at_once_are_one_and_a_later(demo):
    """While one replay holds the workspace, another is told to come again, and changes nothing."""
    folder, _ = demo
    before = query(folder, "SELECT COUNT(*) AS n FROM run")
    with measurement_lock(folder / "var" / "replay"):
        milepost("demo", "--weeks", 1, "--no-serve", "--dir", folder, expect=75)
    assert query(folder, "SELECT COUNT(*) AS n FROM run") == before


def test_serve_shows_the_page_works_and_ends_cleanly(tmp_path, start_partner):
    """A running service exchanges what arrives, collects it, serves its page, and ends on SIGTERM with code 143."""
    folder, partner = tmp_path / "w", start_partner()
    milepost("init", folder)
    config = folder / "partners" / "AA.toml"
    text = config.read_text().replace("settle_s = 2.0 ", "settle_s = 0 ").replace("timeout_s = 2.0", "timeout_s = 60")
    config.write_text(text.replace("http://127.0.0.1:8766/live/AA", f"{partner.url}/live/AA"))
    command = [MILEPOST, "-w", str(folder), "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            address = program.stdout.readline().split()[1]
            until = time.monotonic() + 300
            while not collected(folder) and time.monotonic() < until:
                with urllib.request.urlopen(address, timeout=300) as answer:
                    assert answer.status == 200
                time.sleep(0.1)
            assert collected(folder) == [("AA", "sample.csv", "done", 12)]
            assert len(partner.held("live", "AA")) == 12
            assert (folder / "var/archive/AA/flights/sample.csv").is_file()
            program.send_signal(signal.SIGTERM)
            _, said = program.communicate(timeout=300)
        finally:
            program.kill()
    (line,) = said.splitlines()
    assert (program.returncode, "exchange AA/flights sample.csv" in line) == (143, True)


def collected(folder):
    """Runs in the live store; none before there is one."""
    with contextlib.suppress(StoreMissing), closing(open_reader(folder / "var" / "metrics-live.db")) as db:
        return [tuple(row.values()) for row in db.query("SELECT partner, file, outcome, rows_delivered FROM run")]
    return []
