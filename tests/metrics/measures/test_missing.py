"""A missing number has its true reason, in a replay."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from metrics.events import AnswerEvent, HoldingEvent, RunEvent, RunKey
from metrics.measures import comparison
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from metrics.question import Question
from metrics.store.database import open_store
from metrics.store.writer import insert_events

ASKED = Question(subject="service@1", start=date(2013, 1, 7), end=date(2013, 12, 29), min_blocks=3)


@pytest.fixture
def compare_db(tmp_path):
    """An empty replay store."""
    db = open_store(tmp_path / "metrics.db", "replay")
    yield db
    db.close()


def week(number, side="service", busy_s=4.0, held=100, partner="AA", **changes):
    """Return the events of one exchange of a week (from 0), with what the partner then holds."""
    first = date(2013, 1, 7) + timedelta(weeks=number)
    system, level = ("service", 1) if side == "service" else (side, 0)
    same = {"mode": "replay", "faults": "standard", "series": "s1", "round": 1} | changes.pop("key", {})
    where = {"partner": partner, "feed": "flights", "file": f"{number}.csv"}
    block = {"block": first.isoformat(), "block_end": (first + timedelta(days=6)).isoformat()}
    run = {
        "key": RunKey(system=system, level=level, exchange_id=f"{partner}{number}", attempt=1, **same),
        "release": "1",
        "due_at_us": 0,
        "started_at_us": 0,
        "duration_ns": int(busy_s * 1e9),
        "outcome": "done",
        "records": 100,
        "rows": {"in": 100, "delivered": held},
    }
    counts = {"due": 100, "held": held, "twice": 0, "lost": 0, "foreign": 0}
    run |= {name: changes.pop(name) for name in list(changes) if name not in counts}
    holding = HoldingEvent(system=system, level=level, **same, **where, **block, **(counts | changes))
    return [("run", RunEvent(**run, **where, **block)), ("holding", holding)]


def answer(number, compared, equal):
    """Return the event that compares what both partners held in a week (from 0)."""
    first = date(2013, 1, 7) + timedelta(weeks=number)
    event = AnswerEvent(
        system="service", level=1, control="monolith", mode="replay", faults="standard", series="s1", round=1,
        partner="AA", feed="flights", block=first.isoformat(), block_end=(first + timedelta(days=6)).isoformat(),
        compared=compared, equal=equal,
    )  # fmt: skip
    return ("answer", event)


def insert(db, *lists):
    """Insert several lists of events."""
    with db.atomic():
        insert_events(db, [event for events in lists for event in events])


def both(db, weeks, saved=0.6):
    """Insert weeks of a control at 10 s and of a service that saves a share."""
    for number in range(weeks):
        insert(db, week(number, "monolith", 10 + number % 2), week(number, busy_s=(10 + number % 2) * (1 - saved)))


def test_an_empty_store_has_no_number_and_names_the_command(compare_db):
    """The estimate is None with a reason, never 0."""
    reading = comparison.busy_time_saved(compare_db, ASKED)
    assert (reading.estimate, reading.low, reading.series, reading.grade, reading.blocks) == (None, None, None, None, 0)
    assert reading.missing == (
        "service@1 has not been measured under the standard faults since 7 Jan 2013; "
        "`milepost metrics measure --subjects monolith,service@1 --faults standard` does it"
    )


@pytest.mark.parametrize(
    ("control", "subject", "missing"),
    [
        (
            {},
            {"busy_s": 0},
            "all runs of service@1 took 0 seconds of processing time, so there is no time to compare",
        ),
        (
            {"busy_s": 0},
            {},
            "all runs of monolith took 0 seconds of processing time, so there is no time to compare",
        ),
        (
            {"busy_s": 3, "blocked_ns": 3 * 10**9},
            {},
            "all runs of monolith took 0 seconds of processing time, so there is no time to compare",
        ),
        (
            {"held": 0, "outcome": "failed"},
            {},
            "monolith delivered none of the 300 records due, so a record of it has no cost to compare with",
        ),
        ({}, {"held": 0}, "service@1 delivered none of the 300 records due, so a record of it has no cost"),
        (
            {"partner": "DL"},
            {},
            "service@1 and monolith have no feed and size of file in common in the same week",
        ),
        (
            None,
            {},
            (
                "monolith has not been measured under the standard faults since 7 Jan 2013; "
                "`milepost metrics measure --subjects monolith,service@1 --faults standard` does it"
            ),
        ),
        (
            {},
            None,
            (
                "service@1 has not been measured under the standard faults since 7 Jan 2013; "
                "`milepost metrics measure --subjects monolith,service@1 --faults standard` does it"
            ),
        ),
    ],
)
def test_sides_that_cannot_be_compared_have_the_true_reason(compare_db, control, subject, missing):
    """Times of 0, a side that failed all, other feeds, or a side that was not measured."""
    for number in range(3):
        for side, changes in (("monolith", control), ("service", subject)):
            if changes is not None:
                insert(compare_db, week(number, side, **{"busy_s": 4, **changes}))
    reading = comparison.busy_time_saved(compare_db, ASKED)
    assert (reading.estimate, reading.low, reading.missing) == (None, None, missing)


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_no_measure_calls_a_measured_subject_unmeasured(compare_db, name):
    """Whatever is missing of runs without time, calls and records, they were measured."""
    for number in range(3):
        nothing = {"busy_s": 0, "held": 0, "due": 0, "records": 0, "outcome": "failed", "calls": None}
        insert(compare_db, week(number, "monolith", **nothing), week(number, **nothing, operator_touch=None))
        insert(compare_db, [answer(number, 0, 0)])
    reading = MEASURES[name].compute(load_window(compare_db, ASKED))
    assert "has not been measured" not in reading.missing
    assert (reading.estimate is None) <= bool(reading.missing)


def test_too_few_blocks_give_an_estimate_without_a_range(compare_db):
    """Two of three weeks give the estimate, no range, and the day by which there could be one."""
    both(compare_db, 2)
    reading = comparison.busy_time_saved(compare_db, ASKED)
    assert reading.estimate == pytest.approx(0.6)
    assert (reading.low, reading.high, reading.ci_low, reading.ci_high) == (None, None, None, None)
    assert reading.missing == "2 of 3 weeks; enough around 27 Jan 2013 at this rate"
