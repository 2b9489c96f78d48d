"""Fixtures of runs, holdings and stores: tests change the runs with keywords or `dataclasses.replace`."""

from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from metrics.events import HoldingEvent, RunEvent, RunKey
from metrics.store.database import open_store
from metrics.store.writer import insert_events


@pytest.fixture(scope="session")
def a_run():
    """A function that makes a replayed run of file a.csv: an attempt, its outcome, and its duration in ns."""
    key = RunKey(
        system="service",
        level=1,
        mode="replay",
        faults="none",
        series="s",
        round=1,
        exchange_id="AA/f/a.csv",
        attempt=1,
    )
    base = RunEvent(
        key=key, release="0.1.0", partner="AA", feed="f", file="a.csv", block="2013-01-01", block_end="2013-01-06",
        due_at_us=1_000, started_at_us=1_000, duration_ns=100, outcome="done", records=4,
        rows={"in": 4, "delivered": 4},
    )  # fmt: skip

    def make(attempt=1, outcome="done", duration_ns=100, number=1, mode="replay", **changes):
        rows = {"in": 4, "delivered": 4} if outcome == "done" else {"in": 4, "failed": 4}
        run = replace(
            base, key=replace(key, attempt=attempt, round=number, mode=mode), outcome=outcome, duration_ns=duration_ns
        )
        return replace(run, **{"rows": rows, **changes})

    return make


@pytest.fixture
def a_live_run(a_run):
    """A function that makes a run in production: an exchange, an attempt at it, its outcome, and a day of 2013-01."""

    def make(exchange="1", attempt=1, outcome="done", day=1, **changes):
        block = {"block": f"2013-01-0{day}", "block_end": f"2013-01-0{day}"}
        run = a_run(attempt=attempt, outcome=outcome, mode="live", **{**block, **changes})
        return replace(run, key=replace(run.key, exchange_id=exchange, faults="real", series="", round=0))

    return make


@pytest.fixture(scope="session")
def a_holding():
    """The records of file a.csv that the partner holds."""
    return HoldingEvent(
        system="service", level=1, mode="replay", faults="none", series="s", round=1, partner="AA", feed="f",
        file="a.csv", block="2013-01-01", block_end="2013-01-06", due=4, held=4, twice=2, lost=0, foreign=0,
    )  # fmt: skip


@pytest.fixture
def a_store(tmp_path):
    """A function that opens a store on a clock for writing; it is closed at the end of the test."""
    with ExitStack() as stack:
        yield lambda clock, name="metrics.db": stack.enter_context(closing(open_store(tmp_path / name, clock)))


@pytest.fixture
def insert():
    """A function that inserts events in one transaction, as a collector does, and returns how many were new."""

    def run(db, *events):
        with db.atomic():
            return insert_events(db, [event if isinstance(event, tuple) else ("", event) for event in events])

    return run
