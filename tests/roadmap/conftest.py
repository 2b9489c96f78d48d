"""Milestone files, made-up replays and commands for the tests of roadmap."""

from __future__ import annotations

import json
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from metrics.events import AnswerEvent, HoldingEvent, RunEvent, RunKey
from metrics.store.database import open_store
from metrics.store.writer import insert_events
from roadmap.cli.main import roadmap

ONE_MILESTONE = """
schema = 1

[[milestone]]
code = "M1"
title = "Receive"
objective = "Same answers, in less time"
subject = "service@1"
start = 2013-01-07
due = 2013-03-31
scope = ["*/flights"]

[[milestone.metric]]
name = "busy_time_saved"
at_least = 0.30

[[milestone.guardrail]]
name = "lost_records"
at_most = 0
"""


@pytest.fixture
def one_milestone(tmp_path):
    """A milestone file of one milestone, twelve weeks long."""
    path = tmp_path / "milestones.toml"
    path.write_text(ONE_MILESTONE)
    return path


@pytest.fixture
def roadmap_db(tmp_path):
    """An empty replay store."""
    db = open_store(tmp_path / "metrics.db", "replay")
    yield db
    db.close()


@pytest.fixture
def front(tmp_path, one_milestone):
    """What the front door hands over: a workspace of one milestone, level 1 built, nothing measured."""
    where = {"store": tmp_path / "metrics.db", "milestones": one_milestone}
    return SimpleNamespace(name="shop", clock="replay", built=1, prices=None, **where)


@pytest.fixture
def replay():
    """A function that replays weeks (numbers from 0) from 7 Jan 2013, the service at a share of the control's cost."""

    def keep(db, weeks, cost=0.4, lost=0, faults="standard"):
        events = []
        for number in weeks:
            first = date(2013, 1, 7) + timedelta(weeks=number)
            block = {"block": first.isoformat(), "block_end": (first + timedelta(days=6)).isoformat()}
            for system, level, seconds in (("monolith", 0, 10.0), ("service", 1, 10 * cost + number % 2 / 10)):
                who = {"system": system, "level": level, "mode": "replay", "faults": faults, "series": f"s-{faults}"}
                where = {"partner": "AA", "feed": "flights", "file": f"{number}.csv"} | block
                run = RunEvent(
                    key=RunKey(**who, round=1, exchange_id=f"{number}", attempt=1), **where, release="1", due_at_us=0,
                    started_at_us=0, duration_ns=int(seconds * 1e9), outcome="done", records=100, rows={"in": 100},
                )  # fmt: skip
                gone = lost if level else 0
                counts = {"due": 100, "held": 100 - gone, "twice": 0, "lost": gone, "foreign": 0}
                events += [("run", run), ("holding", HoldingEvent(**who, round=1, **where, **counts))]
            same = AnswerEvent(
                system="service", level=1, control="monolith", mode="replay", faults=faults, series=f"s-{faults}",
                round=1, partner="AA", feed="flights", **block, compared=100, equal=100,
            )  # fmt: skip
            events.append(("answer", same))
        with db.atomic():
            insert_events(db, events)

    return keep


@pytest.fixture
def measured(front, replay):
    """The workspace with twelve good weeks."""
    db = open_store(front.store, "replay")
    replay(db, range(12))
    db.close()
    return front


@pytest.fixture
def run(front):
    """A function that runs a command of `milepost roadmap` on the workspace and returns click's result."""
    return lambda *words: CliRunner().invoke(roadmap, list(words), obj=front)


@pytest.fixture
def data(run):
    """A function that runs a command with `--json` and returns what it prints."""

    def run_json(*words):
        done = run(*words, "--json")
        assert done.exit_code == 0, done.exception
        return json.loads(done.output)

    return run_json


@pytest.fixture
def refused(run):
    """A function that runs a command which fails with exit code 2, and returns class and message of its error."""

    def run_refused(*words):
        error = run(*words).exception
        assert error.exit_code == 2
        return type(error), str(error)

    return run_refused
