"""Forecasts are stored with the evaluation that made them, and scored once their outcome is known."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date, timedelta

import pytest

from metrics.measures import comparison
from metrics.measures.registry import MEASURES, load_measures
from roadmap.judge.evaluate import evaluate
from roadmap.plan.loader import load_plan
from roadmap.records.decide import record_spending
from roadmap.report.forecast_score import score_forecasts

DUE = date(2013, 3, 31)


def sunday(week):
    """The last day of a replayed week, from 0."""
    return date(2013, 1, 13) + timedelta(weeks=week)


def store(db, odds, as_of, due="2013-03-31", name="busy_time_saved", role="metric", revision=1):
    """Put a forecast into the store, with the evaluation it was made in."""
    evaluation = {
        "code": "M1", "revision": revision, "subject": "service@1", "as_of": as_of, "status": "on_track", "series": "",
        "verdict": "{}", "evidence_sha256": as_of, "recorded_at_us": 1,
    }  # fmt: skip
    number = db.table("evaluation").insert(evaluation).last_pk
    forecast = {
        "evaluation_id": number, "code": "M1", "name": name, "role": role, "faults": "standard", "as_of": as_of,
        "due": due, "points": 8, "estimate": 0.5, "odds": odds, "expected_on": None,
    }  # fmt: skip
    db.table("forecast").insert(forecast)


@pytest.fixture
def milestone(one_milestone):
    """At least 30% saved, and nothing lost, from 7 Jan to 31 Mar 2013."""
    return load_plan(one_milestone).milestones[0]


def test_odds_are_recorded_with_their_evaluation_once_a_day(roadmap_db, one_milestone, replay, monkeypatch):
    """From six weeks on there are odds; judged twice on a day, they are stored once, and the next week again."""
    noise = {"scale": "log_ratio", "spread": 0.1}
    measure = replace(
        MEASURES["busy_time_saved"], compute=lambda window: replace(comparison.compute_busy_time_saved(window), **noise)
    )
    monkeypatch.setitem(load_measures(), "busy_time_saved", measure)
    one_milestone.write_text(one_milestone.read_text().replace("due = 2013-03-31", "due = 2013-06-30"))
    plan = load_plan(one_milestone)
    for week in range(9):
        replay(roadmap_db, [week])
        evaluate(roadmap_db, plan, sunday(week), 1, 1)
        record_spending(
            roadmap_db, plan.milestones[0], 1.0, "a week", sunday(week), 1
        )  # so that the day is judged anew
        (found,) = evaluate(roadmap_db, plan, sunday(week), 1, 2)
    assert roadmap_db.table("evaluation").count == 18
    stored = list(roadmap_db.table("forecast").rows)
    days = [row["as_of"] for row in stored if row["role"] == "metric"]
    assert days == sorted(set(days))
    assert days[0] >= sunday(5).isoformat()
    assert days[-1] == sunday(8).isoformat()
    (last,) = [row for row in stored if row["as_of"] == days[-1] and row["role"] == "metric"]
    (told,) = [forecast for forecast in found.forecasts if forecast.role == "metric"]
    assert (last["odds"], last["due"], last["points"]) == (told.odds, "2013-06-30", told.points)
    as_of = "SELECT as_of FROM evaluation WHERE id = ?"
    assert roadmap_db.execute(as_of, (last["evaluation_id"],)).fetchone()[0] == days[-1]


def test_a_forecast_waits_for_its_outcome(roadmap_db, milestone, replay):
    """Until the due date is over, and while nothing is proven, there is nothing to score; a replay's day is over."""
    replay(roadmap_db, range(8))
    store(roadmap_db, 0.9, "2013-03-03")
    found = score_forecasts(roadmap_db, milestone, DUE - timedelta(days=1))
    assert (found.scored, found.waiting, found.brier) == (0, 1, None)
    assert score_forecasts(roadmap_db, milestone, DUE).scored == 1
    assert found.text == "1 forecast, none of which can be scored yet"


def test_a_target_met_in_time_scores_as_one(roadmap_db, milestone, replay):
    """Odds of 0.9 and 0.6 on what then happened: (0.01 + 0.16) / 2."""
    replay(roadmap_db, range(12))
    store(roadmap_db, 0.9, "2013-03-03")
    store(roadmap_db, 0.6, "2013-03-10", name="lost_records", role="guardrail")
    found = score_forecasts(roadmap_db, milestone, DUE)
    assert (found.scored, found.waiting, round(found.brier, 3)) == (2, 0, 0.085)
    assert found.text == "2 forecasts, Brier score 0.09: too few to mean much"


def test_a_target_not_met_in_time_scores_as_zero(roadmap_db, milestone, replay):
    """The day after the due date the odds of 0.9 were wrong, also when a late proof follows."""
    replay(roadmap_db, [*range(4), 5, 6, *range(8, 14)])
    store(roadmap_db, 0.9, "2013-03-03")
    for day in (date(2013, 4, 1), date(2013, 4, 14)):
        found = score_forecasts(roadmap_db, milestone, day)
        assert (found.scored, round(found.brier, 2)) == (1, 0.81)


def test_each_target_has_an_outcome_of_its_own(roadmap_db, milestone, replay):
    """Time was saved in time, and a record lost: one forecast came true, the other did not."""
    replay(roadmap_db, range(12), lost=1)
    store(roadmap_db, 0.8, "2013-03-03")
    store(roadmap_db, 0.8, "2013-03-03", name="lost_records", role="guardrail")
    found = score_forecasts(roadmap_db, milestone, date(2013, 4, 1))
    assert round(found.brier, 3) == round((0.04 + 0.64) / 2, 3)


def test_ten_forecasts_are_enough_for_a_score(roadmap_db, milestone, replay):
    """With ten, the score stands beside a coin's."""
    replay(roadmap_db, range(12))
    for day in range(10):
        store(roadmap_db, 0.8, f"2013-03-1{day}")
    assert score_forecasts(roadmap_db, milestone, DUE).text == "10 forecasts, Brier score 0.04; 0.25 is a coin's"


def test_a_forecast_is_scored_by_the_plan_it_was_made_for(roadmap_db, one_milestone, replay):
    """After a re-plan with a target out of reach, the odds of the first plan are still right."""
    replay(roadmap_db, range(12))
    evaluate(roadmap_db, load_plan(one_milestone), date(2013, 3, 24), 1, 1)
    before = roadmap_db.table("forecast").count
    store(roadmap_db, 1.0, "2013-03-25")
    text = one_milestone.read_text().replace("0.30", "0.95").replace('code = "M1"', 'code = "M1"\nrevision = 2')
    one_milestone.write_text(text)
    plan = load_plan(one_milestone)
    evaluate(roadmap_db, plan, DUE, 1, 2)
    store(roadmap_db, 0.0, "2013-03-30", revision=2)
    found = score_forecasts(roadmap_db, plan.milestones[0], date(2013, 4, 1))
    assert found.scored == roadmap_db.table("forecast").count
    assert found.scored >= before + 2
    assert found.brier < 0.25 / found.scored


def test_no_forecast_has_no_score(roadmap_db, milestone):
    """No forecast is no score, and not a good one."""
    assert score_forecasts(roadmap_db, milestone, DUE).text == "no forecast with odds so far"


def test_a_forecast_cannot_be_changed(roadmap_db):
    """The database itself refuses to change or delete one."""
    store(roadmap_db, 0.9, "2013-03-03")
    for verb in ("UPDATE forecast SET odds = 1", "DELETE FROM forecast"):
        with pytest.raises(sqlite3.IntegrityError, match="forecast is append-only"):
            roadmap_db.execute(verb)
