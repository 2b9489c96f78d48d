"""Properties of honest measures: missing data is never good, and no omission or renaming improves a number."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics.events import FAILED_OUTCOMES, HoldingEvent, RunEvent, RunKey
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from metrics.question import Question
from metrics.stats import cost_index
from metrics.stats.cost_index import PairedTotals, pair_cells
from metrics.store.database import open_store
from metrics.store.writer import insert_events

ASKED = Question(subject="service@1", start=date(2013, 1, 7), end=date(2013, 12, 29), series="s", min_blocks=2)
HONEST = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

grids = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@pytest.fixture
def replay_db(tmp_path):
    """An empty replay store."""
    db = open_store(tmp_path / "metrics.db", "replay")
    yield db
    db.close()


def sides(rng, strata=4, blocks=6):
    """Both sides with holes, and weights."""
    made = {
        name: np.where(rng.random((strata, blocks)) < 0.2, np.nan, rng.integers(1, 100, (strata, blocks)))
        for name in PairedTotals.__slots__
    }
    return PairedTotals(**made), rng.random(strata)


def index(of, weights):
    """The cost index, or None."""
    index = cost_index.cost_index(*pair_cells(of), weights)
    return None if index is None else index.index


@HONEST
@given(grids, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_scaling_both_sides_changes_nothing(rng, busy, held):
    """A faster machine, or records counted in dozens, does not change a gain."""
    made, weights = sides(rng)
    scaled = PairedTotals(
        subject_busy_s=made.subject_busy_s * busy,
        subject_held=made.subject_held * held,
        control_busy_s=made.control_busy_s * busy,
        control_held=made.control_held * held,
    )
    assert index(scaled, weights) == pytest.approx(index(made, weights))
    assert index(made, weights * 7) == pytest.approx(index(made, weights))


@HONEST
@given(grids)
def test_more_time_or_fewer_records_never_look_better(rng):
    """If any cells of the subject cost more or hold less, the index does not fall."""
    made, weights = sides(rng)
    before = index(made, weights)
    if before is None:
        return
    shape = made.subject_held.shape
    slower = replace(made, subject_busy_s=made.subject_busy_s + rng.integers(0, 50, shape))
    fewer = replace(made, subject_held=np.floor(made.subject_held * rng.integers(0, 2, shape)))
    assert index(slower, weights) >= before * (1 - 1e-12)
    assert index(fewer, weights) >= before * (1 - 1e-12)


def run(number, attempt, outcome, busy_s, side="service", touch=0):
    """One attempt of a week's exchange."""
    first = date(2013, 1, 7) + timedelta(weeks=number)
    return RunEvent(
        key=RunKey(
            system=side, level=int(side == "service"), mode="replay", faults="standard", series="s", round=1,
            exchange_id=f"{side}{number}", attempt=attempt,
        ),
        release="1", partner="AA", feed="flights", file=f"{number}.csv", block=first.isoformat(),
        block_end=(first + timedelta(days=6)).isoformat(), due_at_us=0, started_at_us=attempt * 10**6,
        duration_ns=round(busy_s * 1e9), outcome=outcome, records=100, rows={"in": 100}, calls=2,
        peak_rss_bytes=10**8, operator_touch=touch,
    )  # fmt: skip


def holding(number, held, side="service"):
    """What the partner holds of it, seen from outside."""
    at = run(number, 1, "done", 1, side)
    return HoldingEvent(
        system=side, level=at.key.level, mode="replay", faults="standard", series="s", round=1, partner="AA",
        feed="flights", file=at.file, block=at.block, block_end=at.block_end, due=100, held=held, twice=0, lost=0,
        foreign=0,
    )  # fmt: skip


def readings(db, runs, held):
    """All measures of these runs against a steady control."""
    for table in ("run", "holding", "run_block"):
        db.execute(f"DELETE FROM {table}")
    control = [("run", run(n, 1, "done", 10 + n, "monolith")) for n in range(3)] + [
        ("holding", holding(n, 100, "monolith")) for n in range(3)
    ]
    events = [("run", event) for event in runs] + [("holding", holding(n, count)) for n, count in enumerate(held)]
    with db.atomic():
        insert_events(db, control + events)
    window = load_window(db, ASKED)
    return {measure.name: measure.compute(window) for measure in MEASURES.values()}


attempts = st.lists(
    st.lists(st.tuples(st.sampled_from(["done", *FAILED_OUTCOMES]), st.integers(1, 9)), min_size=1, max_size=3),
    min_size=3,
    max_size=3,
)
held = st.lists(st.integers(0, 100), min_size=3, max_size=3)


def all_runs(weeks):
    """Attempts as events."""
    return [run(n, i, outcome, s) for n, week in enumerate(weeks) for i, (outcome, s) in enumerate(week, 1)]


@HONEST
@given(weeks=attempts, held=held, extra=st.integers(0, 2), busy=st.integers(1, 9))
def test_a_further_failed_attempt_never_improves_a_measure(replay_db, weeks, held, extra, busy):
    """One more failed attempt before the others improves no estimate."""
    before = readings(replay_db, all_runs(weeks), held)
    more = [[("failed", busy), *week] if n == extra else week for n, week in enumerate(weeks)]
    after = readings(replay_db, all_runs(more), held)
    for name in ("busy_time_saved", "programme_time_saved", "failed_first", "failed_first_avoided", "failed_final",
                 "failed_final_avoided", "calls_per_1000_records", "delay_p50", "delay_p95"):  # fmt: skip
        one, two = before[name].estimate, after[name].estimate
        sign = 1 if MEASURES[name].direction == "at_least" else -1
        assert one is None or two is None or sign * two <= sign * one + 1e-12


@HONEST
@given(weeks=attempts, held=held, names=st.permutations(["failed", "abandoned", "due", "ambiguous"]))
def test_another_failed_outcome_changes_no_number(replay_db, weeks, held, names):
    """All failed outcomes count alike: every number stays the same."""
    renamed = dict(zip(["failed", "abandoned", "due", "ambiguous"], names, strict=True))
    other = [[(renamed.get(outcome, outcome), busy) for outcome, busy in week] for week in weeks]
    before, after = readings(replay_db, all_runs(weeks), held), readings(replay_db, all_runs(other), held)
    assert [replace(reading, inputs_sha256="") for reading in before.values()] == [
        replace(reading, inputs_sha256="") for reading in after.values()
    ]


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.name)
@pytest.mark.parametrize("mode", ["replay", "live"])
@pytest.mark.parametrize(
    "counted",
    [
        {},
        {"exchanges": 0, "attempts": 0, "busy_ns": 0, "held": 0, "due": 0, "calls": 0, "first_failed": 0,
         "still_failed": 0, "twice": 0, "lost": 0, "rounds": 0, "passing": 0, "recovered": 0, "operator_touches": 0},
        {"exchanges": 4, "attempts": 4, "rounds": 1},
    ],
    ids=["nothing known", "all zero", "only that it ran"],
)  # fmt: skip
def test_no_data_is_never_good(tmp_path, measure, mode, counted):
    """Unknown cells and cells of 0 give no estimate, no range, and a text that says what is missing."""
    db = open_store(tmp_path / "metrics.db", mode)
    for number in range(5):
        day = (date(2013, 1, 7) + timedelta(days=7 * number)).isoformat()
        for side, level in (("monolith", 0), ("service", 1)):
            row = {"block": day, "block_end": day, "system": side, "level": level, "mode": mode, "faults": "standard",
                   "series": "s", "partner": "AA", "feed": "f", "band": 1}  # fmt: skip
            db.table("run_block").insert(row | counted)
    reading = measure.compute(load_window(db, replace(ASKED, mode=mode)))
    db.close()
    assert (reading.estimate, reading.low, reading.high, reading.ci_low, reading.ci_high) == (None,) * 5
    assert reading.missing
