"""Targets are judged on readings."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from metrics.events import HoldingEvent, RunEvent, RunKey
from metrics.store.database import open_store
from metrics.store.writer import insert_events


@pytest.fixture
def constant_pairs(front):
    """A workspace of twelve weeks in which the monolith always takes 10 s and the service 4 s."""
    db, events = open_store(front.store, "replay"), []
    for number in range(12):
        first = date(2013, 1, 7) + timedelta(weeks=number)
        block = {"block": first.isoformat(), "block_end": (first + timedelta(days=6)).isoformat()}
        where = {"partner": "AA", "feed": "flights", "file": f"{number}.csv"} | block
        for system, level, seconds in (("monolith", 0, 10), ("service", 1, 4)):
            who = {"system": system, "level": level, "mode": "replay", "faults": "standard", "series": "s", "round": 1}
            run = RunEvent(
                key=RunKey(**who, exchange_id=f"{number}", attempt=1), **where, release="1", due_at_us=0,
                started_at_us=0, duration_ns=seconds * 10**9, outcome="done", records=100, rows={"in": 100},
            )  # fmt: skip
            counts = {"due": 100, "held": 100, "twice": 0, "lost": 0, "foreign": 0}
            events += [("run", run), ("holding", HoldingEvent(**who, **where, **counts))]
    with db.atomic():
        insert_events(db, events)
    db.close()
    return front


@pytest.mark.parametrize(
    ("target", "verdict", "why"),
    [
        ("0.55", "met", "the whole likely range reaches the target"),
        ("0.60", "inconclusive", "the target lies inside the likely range"),
        ("0.65", "not_met", "the whole likely range falls short of the target"),
    ],
)
def test_constant_pairs_prove_no_target_that_they_only_reach(constant_pairs, data, run, target, verdict, why):
    """Without any variation a noise is assumed, and the verdict says so in JSON and in words."""
    plan = constant_pairs.milestones
    plan.write_text(plan.read_text().replace("at_least = 0.30", f"at_least = {target}"))
    criterion = data("status")[0]["metrics"][0]
    assumed = "the weeks hardly vary, so the range assumes a noise of 1% in each week"
    assert (criterion["verdict"], criterion["why"]) == (verdict, f"{why}; {assumed}")
    assert assumed in run("status").output
