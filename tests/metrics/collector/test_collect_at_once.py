"""Concurrent and killed collectors: real processes on one spool and one store."""

import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from metrics.collector.collect import collect
from metrics.events import to_line
from metrics.store.database import open_store

COLLECTOR = Path(__file__).parents[2] / "collecting.py"
FILES, EXCHANGES = 3, 40


@pytest.fixture
def spool(tmp_path, a_run, a_holding):
    """Closed files of exchanges that failed first and then succeeded, with holdings; some are in two files."""
    folder = tmp_path / "spool"
    folder.mkdir()
    for file in range(FILES):
        lines = []
        for number in range(EXCHANGES * file - 5 * (file > 0), EXCHANGES * (file + 1)):
            for attempt, outcome in ((1, "failed"), (2, "done")):
                run = a_run(attempt, outcome)
                run = replace(run, key=replace(run.key, exchange_id=f"{number}"), file=f"{number}.csv")
                lines += [to_line(run, started=True), to_line(run)]
            lines.append(to_line(replace(a_holding, file=f"{number}.csv", twice=0)))
        (folder / f"{file}.jsonl").write_bytes(b"".join(lines))
    return folder


def start(spool, store, *death, batch=25):
    """Start a collector as a process."""
    command = [sys.executable, str(COLLECTOR), str(spool), str(store), str(batch), *death]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def assert_exact(store):
    """Assert that the store holds each event of the spool once."""
    with closing(open_store(store, "replay")) as db:
        many = FILES * EXCHANGES
        assert db.execute("SELECT COUNT(*), SUM(outcome = 'done') FROM run").fetchone() == (2 * many, many)
        names = "SUM(attempts), SUM(exchanges), SUM(first_failed), SUM(still_failed), SUM(held), SUM(busy_ns)"
        block = db.execute(f"SELECT {names} FROM run_block").fetchone()
        assert block == (2 * many, many, many, 0, 4 * many, 200 * many)
        assert db["spool_file"].count == 0


def test_two_concurrent_collectors_store_each_event_once(tmp_path, spool):
    """Together they collect all events, and none twice."""
    store = tmp_path / "metrics.db"
    open_store(store, "replay").close()
    both = [start(spool, store) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [(process.returncode, error) for process, (_, error) in zip(both, outputs, strict=True)] == [
        (0, ""),
        (0, ""),
    ]
    with closing(open_store(store, "replay")) as db:
        collect(spool, db, 0)  # the last one may have found the other still writing
    assert_exact(store)
    assert list(spool.iterdir()) == []
    # each exchange is a start and an end of two attempts, and a holding
    assert sum(int(out) for out, _ in outputs) == FILES * EXCHANGES * 5


@pytest.mark.parametrize(
    "death",
    [
        ("after:insert_events", "1"), ("before:insert_events", "4"), ("after:insert_events", "9"),
        ("after:_offsets", "2"), ("after:_is_finished", "4"), ("after:_is_finished", "5"),
    ],
)  # fmt: skip
def test_the_next_collector_finishes_after_a_killed_one(tmp_path, spool, death):
    """Killed in a batch, between two batches, or while removing files: afterwards the counts are exact."""
    store = tmp_path / "metrics.db"
    killed = start(spool, store, *death)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    for _ in range(2):
        with closing(open_store(store, "replay")) as db:
            collect(spool, db, 0)
    assert_exact(store)
    assert list(spool.iterdir()) == []
