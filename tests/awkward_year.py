"""A made-up year with all that is awkward to show: hostile names and errors, decisions, spending.

The decisions and spending are made up, too.
"""

from __future__ import annotations

import math
import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import roadmap
from metrics.events import HoldingEvent, RunEvent
from metrics.store.database import open_store
from metrics.store.writer import insert_events
from roadmap.judge.evaluate import evaluate
from roadmap.plan.loader import load_plan
from roadmap.records.decide import record_decision, record_spending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from metrics.events import Event

PLAN = Path(roadmap.__file__).with_name("milestones.toml")

#: A partner and a feed that are not valid names, and an error that is not plain text.
PARTNER = "</script><script>document.title='owned'</script>\"'/../?a=b&c#d%2F"
FEED = "<img src=x onerror=\"document.title='owned'\">{{7*7}}\u202etxt.\N{PILE OF POO}"
ERROR = "<b>broken</b> ' OR 1=1 -- {{config}} ${7*7} \u0000 \x1b[31m " + "very-long-word" * 40

LAST = date(2013, 12, 31)
NOW_US = 1_400_000_000_000_000


@dataclass(frozen=True, slots=True)
class Awkward:
    """Paths of the store and of its plan."""

    store: Path
    plan: Path = PLAN
    built: int = 4
    partner: str = PARTNER
    feed: str = FEED


def hostile(events: Iterator[Event]) -> Iterator[Event]:
    """Yield the runs of one partner again, under hostile names and with hostile errors."""
    for event in events:
        yield event
        if not isinstance(event, RunEvent | HoldingEvent) or event.partner != "F9":
            continue
        twin = replace(event, partner=PARTNER, feed=FEED, file=f"{FEED}-{event.file}")
        if isinstance(twin, RunEvent):
            key = replace(twin.key, exchange_id=f"{twin.key.exchange_id}-twin")
            bad = twin.outcome != "done"
            twin = replace(twin, key=key, error=ERROR if bad else "", error_type="<i>Down</i>" if bad else "")
        yield twin


def make(path: Path, events: Iterator[Event]) -> Awkward:
    """Write the awkward year to a path."""
    with closing(open_store(path, "replay")) as db:
        with db.conn:
            insert_events(db, (("run", event) for event in hostile(events)))
        plan = load_plan(PLAN)
        verdicts = evaluate(db, plan, LAST, 4, NOW_US)
        for milestone, verdict in zip(plan.milestones, verdicts, strict=True):
            choice = "continue" if math.isclose(milestone.level, 1) else "pause"
            record_decision(db, milestone, verdict, choice, f"{FEED} because {ERROR[:60]}", PARTNER, None, NOW_US)
            record_spending(db, milestone, 1234.5, f"{FEED}", LAST, NOW_US)
    return Awkward(path)


@pytest.fixture(scope="session")
def awkward_made(tmp_path_factory: pytest.TempPathFactory) -> Awkward:
    """The awkward year, read-only."""
    from sys import modules

    year = modules["shared_made_up_year"]
    events = year.events_of(year.Year(moves=True, outages=(45,)))
    return make(tmp_path_factory.mktemp("awkward") / "metrics-replay.db", events)


@pytest.fixture
def awkward(awkward_made: Awkward, tmp_path: Path) -> Callable[[], Awkward]:
    """A copy of the awkward year that a test may change."""

    def copy() -> Awkward:
        shutil.copyfile(awkward_made.store, tmp_path / "metrics-replay.db")
        return replace(awkward_made, store=tmp_path / "metrics-replay.db")

    return copy
