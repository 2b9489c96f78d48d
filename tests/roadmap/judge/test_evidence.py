"""From a store to verdicts: looks at the end of every week, proofs that stay, evaluations that are kept."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import roadmap
from metrics.measures import comparison
from metrics.measures.registry import MEASURES, load_measures
from metrics.store.database import open_reader
from roadmap.judge.evaluate import evaluate, judge_all, judge_as_of
from roadmap.judge.evidence import milestone_question
from roadmap.plan.loader import load_plan
from roadmap.records.verdict_json import to_json

DUE = date(2013, 3, 31)


def kept(db):
    """Stored evaluations as (as_of, status)."""
    return [tuple(row) for row in db.execute("SELECT as_of, status FROM evaluation ORDER BY id")]


def test_proven_at_the_first_evaluation_that_meets_everything(roadmap_db, one_milestone, replay):
    """Twelve good weeks prove on the last day of the twelfth, and not a week before."""
    plan = load_plan(one_milestone)
    replay(roadmap_db, range(12))
    (early,) = judge_all(roadmap_db, plan, date(2013, 3, 24), 1)
    (found,) = judge_all(roadmap_db, plan, DUE, 1)
    assert (early.status, found.status, found.proven_on) == ("insufficient", "proven", DUE)
    assert [(c.verdict, c.met_on) for c in found.criteria] == [("met", DUE), ("held", DUE)]


def test_a_late_proof_counts_the_weeks_after_the_due_date(roadmap_db, one_milestone, replay):
    """Two weeks missing at the due date, and measured afterwards: proven, 14 days late."""
    plan = load_plan(one_milestone)
    replay(roadmap_db, [*range(4), 5, 6, *range(8, 14)])
    (at_due,) = judge_all(roadmap_db, plan, DUE, 1)
    (found,) = judge_all(roadmap_db, plan, date(2013, 6, 1), 1)
    assert at_due.status == "at_risk"
    assert (found.proven_on, found.reasons[0].code) == (date(2013, 4, 14), "proven_late")
    assert found.criteria[0].reading.end == date(2013, 4, 14)


def test_weeks_after_the_due_date_do_not_change_a_proof_in_time(roadmap_db, one_milestone, replay):
    """Records lost in April do not change what was proven in March."""
    replay(roadmap_db, range(12))
    replay(roadmap_db, range(12, 20), lost=5)
    (found,) = judge_all(roadmap_db, load_plan(one_milestone), date(2013, 6, 1), 1)
    assert (found.status, len(found.reasons), found.criteria[1].reading.estimate) == ("proven", 1, 0)


def test_a_recorded_proof_outlives_a_later_loss_on_the_same_series(roadmap_db, one_milestone, replay):
    """Proven in a longer window, then lost inside it: proven, regressed since."""
    one_milestone.write_text(one_milestone.read_text().replace("due = 2013-03-31", "due = 2013-05-31"))
    plan = load_plan(one_milestone)
    replay(roadmap_db, range(12))
    evaluate(roadmap_db, plan, DUE, 1, 1)
    replay(roadmap_db, range(12, 14), lost=5)
    (found,) = evaluate(roadmap_db, plan, date(2013, 4, 14), 1, 2)
    assert (found.status, found.proven_on) == ("proven", DUE)
    assert [reason.code for reason in found.reasons] == ["proven", "regressed:lost_records"]


def test_a_recorded_proof_stays_when_its_weeks_are_measured_again_and_worse(roadmap_db, one_milestone, replay):
    """The recorded evaluation counts, not what the same weeks show today."""
    plan = load_plan(one_milestone)
    replay(roadmap_db, range(12))
    evaluate(roadmap_db, plan, DUE, 1, 1)
    with roadmap_db.atomic():
        roadmap_db.execute("UPDATE run_block SET lost = 7 WHERE system = 'service' AND block = '2013-01-07'")
    (found,) = evaluate(roadmap_db, plan, DUE, 1, 2)
    assert (found.status, found.proven_on, found.reasons[1].code) == ("proven", DUE, "regressed:lost_records")


def test_evaluating_again_records_nothing_twice(roadmap_db, one_milestone, replay):
    """The same evidence on the same day is one evaluation; another day is another."""
    plan = load_plan(one_milestone)
    replay(roadmap_db, range(12))
    for _ in range(3):
        evaluate(roadmap_db, plan, DUE, 1, 1)
    assert kept(roadmap_db) == [("2013-03-31", "proven")]
    evaluate(roadmap_db, plan, date(2013, 4, 2), 1, 2)
    assert kept(roadmap_db) == [("2013-03-31", "proven"), ("2013-04-02", "proven")]
    assert roadmap_db.table("metric_result").count == 4


def test_a_proof_is_recorded_as_of_the_day_that_gave_it(roadmap_db, one_milestone, replay):
    """Judged for the first time in June, the proof of March is recorded with the numbers of March."""
    one_milestone.write_text(one_milestone.read_text().replace("due = 2013-03-31", "due = 2013-06-30"))
    replay(roadmap_db, range(20))
    evaluate(roadmap_db, load_plan(one_milestone), date(2013, 5, 26), 1, 1)
    assert kept(roadmap_db) == [("2013-03-31", "proven"), ("2013-05-26", "proven")]
    stored = json.loads(roadmap_db.execute("SELECT verdict FROM evaluation ORDER BY id LIMIT 1").fetchone()[0])
    assert (stored["metrics"][0]["blocks"], stored["metrics"][0]["end"]) == (12, "2013-03-31")


def test_an_evaluation_cannot_be_changed(roadmap_db, one_milestone, replay):
    """The database itself refuses to change or delete an evaluation."""
    replay(roadmap_db, range(12))
    evaluate(roadmap_db, load_plan(one_milestone), DUE, 1, 1)
    for verb in ("UPDATE evaluation SET status = 'missed'", "DELETE FROM metric_result"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            roadmap_db.execute(verb)


def test_weights_are_pinned_with_the_first_possible_verdict(roadmap_db, one_milestone, replay):
    """Eleven weeks pin nothing; twelve do."""
    plan = load_plan(one_milestone)
    replay(roadmap_db, range(11))
    evaluate(roadmap_db, plan, date(2013, 3, 24), 1, 1)
    assert roadmap_db.table("baseline").count == 0
    replay(roadmap_db, [11])
    evaluate(roadmap_db, plan, DUE, 1, 2)
    assert [row["system"] for row in roadmap_db.table("baseline").rows] == ["monolith"]


def test_the_latest_decision_counts(roadmap_db, one_milestone, replay):
    """Paused, then resumed; a decision of tomorrow is not known today."""
    plan = load_plan(one_milestone)
    replay(roadmap_db, range(4))
    decision = {"code": "M1", "advice": "", "owner": "Ann", "why": "money", "until": "", "evidence": "{}"}
    days = [("pause", "2013-02-01"), ("resume", "2013-02-03")]
    for number, (choice, as_of) in enumerate(days):
        roadmap_db.table("decision").insert(decision | {"choice": choice, "as_of": as_of, "recorded_at_us": number})
    assert [judge_all(roadmap_db, plan, date(2013, 2, day), 1)[0].status for day in (2, 3)] == [
        "paused",
        "insufficient",
    ]


def test_spending_that_is_not_recorded_is_not_zero(roadmap_db, one_milestone, replay):
    """Only recorded spending exceeds a budget."""
    one_milestone.write_text(one_milestone.read_text().replace('code = "M1"', 'code = "M1"\nbudget = 100'))
    plan = load_plan(one_milestone)
    replay(roadmap_db, range(4))
    day = date(2013, 2, 3)
    assert judge_all(roadmap_db, plan, day, 1)[0].status == "insufficient"
    cost = {"code": "M1", "amount": 101.0, "note": "", "as_of": "2013-02-01", "recorded_at_us": 1}
    roadmap_db.table("cost_entry").insert(cost)
    assert judge_all(roadmap_db, plan, day, 1)[0].reasons[0].text == "fact: 101 spent of a budget of 100"


def test_fixed_mode_evaluates_once_at_the_due_date(roadmap_db, one_milestone, replay):
    """`mode = "fixed"`: not proven before, proven on the due date, and never later."""
    rules = 'code = "M1"\nevidence = { mode = "fixed", min_blocks = 6 }'
    one_milestone.write_text(one_milestone.read_text().replace('code = "M1"', rules))
    plan = load_plan(one_milestone)
    replay(roadmap_db, range(6))
    assert judge_all(roadmap_db, plan, date(2013, 2, 17), 1)[0].status == "insufficient"
    assert judge_all(roadmap_db, plan, DUE, 1)[0].proven_on == DUE
    with roadmap_db.atomic():
        roadmap_db.execute("UPDATE run_block SET lost = 1 WHERE system = 'service' AND block = '2013-01-07'")
    replay(roadmap_db, range(12, 30))
    (late,) = judge_all(roadmap_db, plan, date(2013, 8, 1), 1)
    assert (late.status, late.criteria[0].reading.end) == ("missed", DUE)


def test_a_reader_judges_and_changes_nothing(roadmap_db, one_milestone, replay, tmp_path):
    """Pages judge on a database opened for reading only."""
    replay(roadmap_db, range(12))
    reader = open_reader(tmp_path / "metrics.db")
    assert judge_all(reader, load_plan(one_milestone), DUE, 1)[0].status == "proven"
    reader.close()
    assert kept(roadmap_db) == []


def test_a_year_of_evaluations_reads_each_window_once(roadmap_db, replay):
    """Six milestones, one evaluated every week of the year: two reads for each window, however many evaluations."""
    for faults in ("none", "standard"):
        replay(roadmap_db, range(51), cost=0.9, faults=faults)
    plan = load_plan(Path(roadmap.__file__).with_name("milestones.toml"))
    for day in (date(2013, 3, 31), date(2013, 12, 28)):  # the first pins the weights
        evaluate(roadmap_db, plan, day, 1, 1)
    asked = []
    roadmap_db.conn.set_trace_callback(asked.append)
    verdicts = evaluate(roadmap_db, plan, date(2013, 12, 29), 1, 2)
    roadmap_db.conn.set_trace_callback(None)
    assert [v.status for v in verdicts] == ["missed", "missed", "missed", "stalled", "not_started", "not_started"]
    windows = 2 + 1 + 1 + 2 + 1 + 1  # the first is judged with faults and without, the fourth in the stress series too
    assert sum("FROM run_block WHERE block >=" in sql for sql in asked) == 2 * windows


def test_evaluation_ends_at_the_first_proof(roadmap_db, one_milestone, replay, monkeypatch):
    """Four milestones, one evaluated every week of the year: two reads for each window, however often."""
    replay(roadmap_db, range(32))
    counted = []
    measure = replace(
        MEASURES["lost_records"],
        compute=lambda window: (
            counted.append(window.question.end) or comparison.compute_census(window, "lost_records", "lost")
        ),
    )
    monkeypatch.setitem(load_measures(), "lost_records", measure)
    (found,) = judge_all(roadmap_db, load_plan(one_milestone), date(2013, 8, 18), 1)
    assert (found.proven_on, counted) == (DUE, [DUE, DUE])


def test_an_evaluation_has_the_hashes_of_its_inputs(roadmap_db, one_milestone, replay):
    """A proof is recorded with the hash of its inputs; another reading of the same weeks has the same."""
    plan = load_plan(one_milestone)
    replay(roadmap_db, range(12))
    (found,) = evaluate(roadmap_db, plan, DUE, 1, 1)
    stored = json.loads(roadmap_db.execute("SELECT verdict FROM evaluation").fetchone()[0])
    hashes = [metric["inputs_sha256"] for metric in stored["metrics"]]
    assert [len(sha256) for sha256 in hashes] == [64, 64]
    assert hashes == [c.reading.inputs_sha256 for c in found.criteria]
    asked = milestone_question(plan.milestones[0], DUE, "replay", "standard")
    assert hashes[0] == MEASURES["busy_time_saved"].read(roadmap_db, asked).inputs_sha256


def test_an_earlier_view_has_the_numbers_and_hashes_of_its_day(roadmap_db, one_milestone, replay):
    """What was recorded in March is the same as of March, whatever was measured and decided since."""
    plan = load_plan(one_milestone)
    replay(roadmap_db, range(12), cost=0.72)
    evaluate(roadmap_db, plan, DUE, 1, 1)
    kept_then = json.loads(roadmap_db.execute("SELECT verdict FROM evaluation ORDER BY id DESC LIMIT 1").fetchone()[0])
    replay(roadmap_db, range(12, 30), cost=0.2, lost=3)
    decision = {"code": "M1", "advice": "", "owner": "Ann", "why": "money", "until": "", "evidence": "{}"}
    roadmap_db.table("decision").insert(decision | {"choice": "stop", "as_of": "2013-05-01", "recorded_at_us": 2})
    evaluate(roadmap_db, plan, date(2013, 8, 4), 1, 2)
    rows = roadmap_db.table("evaluation").count
    _, (found,) = judge_as_of(roadmap_db, plan, DUE, 1)
    assert kept_then.items() >= (to_json(found) | {"plan_sha256": plan.milestones[0].fingerprint}).items()
    assert roadmap_db.table("evaluation").count == rows


def test_stalled_a_week_ago_is_known_today(roadmap_db, one_milestone, replay):
    """No evidence for ten working days, and for fifteen: only then was the review recorded a week earlier stalled."""
    one_milestone.write_text(one_milestone.read_text().replace("due = 2013-03-31", "due = 2013-06-30"))
    plan = load_plan(one_milestone)
    replay(roadmap_db, range(2))  # the last block ends on 20 Jan
    days = [date(2013, 1, 31), date(2013, 2, 1), date(2013, 2, 7), date(2013, 2, 8)]
    verdicts = [evaluate(roadmap_db, plan, day, 1, 0)[0] for day in days]
    assert [v.status for v in verdicts] == ["insufficient", "stalled", "stalled", "stalled"]
    assert [v.advice.choice for v in verdicts] == ["continue", "continue", "continue", "pause"]


def test_a_decision_restarts_the_count_of_working_days(roadmap_db, one_milestone, replay):
    """After a decision it takes ten more working days until the milestone stalls."""
    one_milestone.write_text(one_milestone.read_text().replace("due = 2013-03-31", "due = 2013-06-30"))
    plan = load_plan(one_milestone)
    replay(roadmap_db, range(2))
    decision = {"code": "M1", "advice": "", "owner": "Ann", "why": "we wait", "until": "", "evidence": "{}"}
    roadmap_db.table("decision").insert(decision | {"choice": "continue", "as_of": "2013-02-01", "recorded_at_us": 1})
    days = [date(2013, 2, 1), date(2013, 2, 14), date(2013, 2, 15)]
    found = [judge_all(roadmap_db, plan, day, 1)[0].status for day in days]
    assert found == ["insufficient", "insufficient", "stalled"]
