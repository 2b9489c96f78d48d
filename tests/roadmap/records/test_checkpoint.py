"""Looking on from where the last judgement came to finds what a full look finds, whatever came in between."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from metrics.measures import comparison
from metrics.measures.registry import MEASURES, load_measures
from metrics.store.database import open_store
from roadmap.judge import evidence
from roadmap.judge.evaluate import evaluate, judge_all, judge_as_of
from roadmap.plan.loader import load_plan

START = date(2026, 3, 2)
FEEDS = [("AA", "flights", 3), ("AA", "flights", 7), ("DL", "flights", 5)]
INSERT = """
INSERT INTO run_block (block, block_end, system, level, partner, feed, band, mode, faults, series, rounds, attempts,
  exchanges, first_failed, still_failed, busy_ns, held, due, calls, operator_touches, imported)
VALUES (?, ?, ?, ?, ?, ?, ?, 'live', 'real', '', 1, 4, 4, ?, 0, ?, 100, 100, 4, 0, 0)
ON CONFLICT DO UPDATE SET busy_ns = excluded.busy_ns, first_failed = excluded.first_failed"""


@pytest.fixture
def live_db(tmp_path):
    """A live store that knows its one series."""
    with closing(open_store(tmp_path / "metrics-live.db", "live")) as db:
        db.execute("INSERT INTO series VALUES ('live', 'real', '', NULL, 1, 1)")
        yield db


@pytest.fixture
def plan(one_milestone):
    """At least 30% saved and some touches, from 2 Mar 2026 on, judged from the sixth day on."""
    text = one_milestone.read_text().split("[[milestone.guardrail]]")[0]
    text = text.replace("2013-01-07", START.isoformat()).replace("2013-03-31", "2026-04-05")
    text = text.replace(
        "[[milestone.metric]]", 'evidence = { min_grade = "C", min_blocks = 6 }\n\n[[milestone.metric]]'
    )
    more = ("failed_first", "at_most = 0.4"), ("operator_touches", "at_most = 1")
    text += "".join(f'[[milestone.guardrail]]\nname = "{name}"\n{goal}\n' for name, goal in more)
    one_milestone.write_text(text)
    return load_plan(one_milestone, 1)


def add(db, dice, day, saved):
    """A day of both sides, with what their feeds took by luck."""
    for partner, feed, band in FEEDS:
        if dice.random() < 0.9:
            for system, level, cost in (("monolith", 0, 1.0), ("service", 1, 1 - saved)):
                busy = int(1e9 * band * cost * dice.lognormal(0, 0.25))
                key = (day.isoformat(), day.isoformat(), system, level, partner, feed, band)
                db.execute(INSERT, (*key, int(dice.integers(0, 3)), busy))
    db.conn.commit()


def weigh(db, dice):
    """Other weights than those pinned."""
    with db.atomic():
        db.execute("UPDATE baseline_weight SET weight = weight * ?", (float(dice.uniform(0.2, 2)),))
        db.execute("UPDATE baseline_weight SET weight = 0.5 WHERE partner = 'DL'")


def full(db, plan, day):
    """What a look at every day from the first on finds."""
    (milestone,) = plan.milestones
    found = evidence._evaluate_blocks(milestone, evidence.load_windows(db, milestone, day), None, None)
    return found and (found.until, found.met_on, found.proven_on)


@pytest.mark.parametrize("seed", range(12))
def test_looking_on_finds_what_a_full_look_finds(live_db, plan, seed):
    """Thirty days of made-up luck, late events, missing days, other weights: the same by every way of judging."""
    dice = np.random.default_rng(seed)
    saved, (milestone,) = dice.uniform(0.3, 0.55), plan.milestones
    kept = None
    for number in range(30):
        day = START + timedelta(days=number)
        if dice.random() < 0.9:
            add(live_db, dice, day, saved)
        if dice.random() < 0.15:  # events of a day that is long over
            add(live_db, dice, START + timedelta(days=int(dice.integers(0, number + 1))), saved)
        if dice.random() < 0.05:
            weigh(live_db, dice)
        windows = evidence.load_windows(live_db, milestone, day)
        found = evidence.gather_evidence(live_db, milestone, windows, day).checkpoint
        by_all = full(live_db, plan, day)
        if kept is None:  # a proof that was kept ends all looking, whatever its days say now
            assert (found and (found.until, found.met_on, found.proven_on)) == by_all
        if dice.random() < 0.8:
            (verdict,) = evaluate(live_db, plan, day, 1, number)
            kept = kept or verdict.proven_on
            assert judge_all(live_db, plan, day, 1) == [verdict]
            assert judge_as_of(live_db, plan, day, 1)[1] == [verdict]


@pytest.fixture
def counted(monkeypatch):
    """The days on which a measure was read."""
    days = []
    measure = replace(
        MEASURES["busy_time_saved"],
        compute=lambda window: days.append(window.question.end) or comparison.compute_busy_time_saved(window),
    )
    monkeypatch.setitem(load_measures(), "busy_time_saved", measure)
    return days


def test_a_day_more_is_one_look_more(live_db, plan, counted):
    """Judged after twenty days and again after the next: one look, and the reading that is shown."""
    dice = np.random.default_rng(1)
    for number in range(20):
        add(live_db, dice, START + timedelta(days=number), 0.1)
    last = START + timedelta(days=20)
    evaluate(live_db, plan, last, 1, 1)
    assert len(counted) == 15 + 1  # the sixth to the twentieth day
    add(live_db, dice, last, 0.1)
    for judged in (evaluate, judge_all):
        counted.clear()
        judged(live_db, plan, last + timedelta(days=1), 1, *([2] if judged is evaluate else []))
        assert counted == [last] * (judged is evaluate) + [last + timedelta(days=1)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE run_block SET busy_ns = busy_ns + 1 WHERE block = '2026-03-03' AND system = 'service'",
        "UPDATE run_block SET held = held + 1 WHERE block = '2026-03-03' AND system = 'monolith'",
        "DELETE FROM run_block WHERE block = '2026-03-03' AND system = 'monolith' AND partner = 'DL'",
        "UPDATE run_block SET imported = 1 WHERE block = '2026-03-03' AND system = 'monolith'",
        "UPDATE baseline_weight SET weight = weight * 1.01 WHERE partner = 'DL'",
        "UPDATE run_block SET block = '2026-02-20', block_end = '2026-02-20' WHERE block = '2026-03-03'",
    ],
)
def test_whatever_changes_behind_it_all_is_looked_at_again(live_db, plan, counted, change):
    """A cell, a weight, a day that was before: no look rests on what is no longer so."""
    dice = np.random.default_rng(1)
    for number in range(20):
        add(live_db, dice, START + timedelta(days=number), 0.1)
        if number == 6:
            evaluate(live_db, plan, START + timedelta(days=6), 1, 1)  # pins the weights
    last = START + timedelta(days=20)
    evaluate(live_db, plan, last, 1, 1)
    counted.clear()
    judge_all(live_db, plan, last, 1)
    assert len(counted) == 1
    with live_db.atomic():
        live_db.execute(change)
    judge_all(live_db, plan, last, 1)
    assert len(counted) > 10


def test_a_new_plan_is_looked_at_from_its_beginning(live_db, plan, counted, one_milestone):
    """Other targets were never looked at."""
    dice = np.random.default_rng(1)
    for number in range(20):
        add(live_db, dice, START + timedelta(days=number), 0.1)
    last = START + timedelta(days=20)
    evaluate(live_db, plan, last, 1, 1)
    one_milestone.write_text(one_milestone.read_text().replace("0.30", "0.25").replace('"M1"', '"M1"\nrevision = 2'))
    counted.clear()
    evaluate(live_db, load_plan(one_milestone, 1), last, 1, 2)
    assert len(counted) == 15 + 1
