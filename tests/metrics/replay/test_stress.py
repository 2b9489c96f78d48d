"""The stress series: which rounds are replayed, each with its own plan, and that none is repeated."""

import json
import shutil
import sys
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from metrics.collector.collect import collect
from metrics.replay.stress import plan_stress, replay_side_by_side
from metrics.store.database import open_store
from poc.config.scaffold import AIRLINES, create_workspace

STEADY = Path(__file__).with_name("steady_subject.py")


@pytest.fixture
def rates(tmp_path):
    """The stress faults with two rounds."""
    text = (resources.files("metrics.replay") / "faults-stress.toml").read_text().replace("rounds = 10", "rounds = 2")
    path = tmp_path / "faults.toml"
    path.write_text(text)
    return path


@pytest.fixture
def db(tmp_path):
    """An empty replay store."""
    with closing(open_store(tmp_path / "metrics.db", "replay")) as store:
        yield store


@pytest.fixture
def root(tmp_path):
    """A workspace."""
    create_workspace(tmp_path / "w", "w", "replay", AIRLINES, "")
    return tmp_path / "w"


def test_a_round_is_measured_once_and_what_is_missing_later(tmp_path, rates, db, root, monkeypatch):
    """Two rounds of a week are replayed side by side without warm-ups; then the weeks that no round began are left."""
    monkeypatch.setattr("metrics.replay.subject_run.subject_command", lambda _: [sys.executable, str(STEADY)])
    folder, spool = tmp_path / "replay", tmp_path / "spool"
    folder.mkdir()
    requests = plan_stress(db, root, folder, rates, {"service@4": (1, 1)}, "1")
    assert [(one.subjects, one.rounds, one.faults) for one in requests] == [
        (("service@4",), (1,), "stress"), (("service@4",), (2,), "stress"),
    ]  # fmt: skip
    plans = [json.loads(one.plan_file.read_text()) for one in requests]
    assert plans == [one.workload.plan for one in requests]
    assert plans[0] != plans[1]
    files = []
    ended = list(replay_side_by_side(requests, spool, lambda: files.append(1)))
    assert len(files) == sum(len(one.workload.files) for one in requests)
    assert len(ended) == 2
    assert not [*folder.glob("subjects/*/warm-up*")]
    collect(spool, db, 1)
    shutil.rmtree(folder / "subjects")
    assert plan_stress(db, root, folder, rates, {"service@4": (1, 1)}, "1") == []
    later = plan_stress(db, root, folder, rates, {"service@4": (1, 2)}, "1")
    assert [{file.block for file in one.workload.files} for one in later] == [{2}, {2}]
    sums = db.execute("SELECT mode, faults, MAX(rounds), COUNT(DISTINCT block) FROM run_block").fetchone()
    assert sums == ("replay", "stress", 2, 1)
