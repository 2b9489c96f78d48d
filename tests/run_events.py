"""One run and one holding, from which tests make the events they need with `dataclasses.replace`."""

from dataclasses import replace

import pytest

from metrics.events import HoldingEvent, RunEvent, RunKey


@pytest.fixture
def a_run():
    """A function that makes a run of file a.csv: an attempt, its outcome, and its duration in ns."""
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
def a_holding():
    """What the partner holds of that file."""
    return HoldingEvent(
        system="service", level=1, mode="replay", faults="none", series="s", round=1, partner="AA", feed="f",
        file="a.csv", block="2013-01-01", block_end="2013-01-06", due=4, held=4, twice=2, lost=0, foreign=0,
    )  # fmt: skip
