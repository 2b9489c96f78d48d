"""A replay is judged week by week, as its calendar turns: plans when they start, forecasts before they are known."""

from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

import roadmap
from metrics.store.database import open_store
from roadmap.cli.session import open_session
from roadmap.judge.evaluate import days_to_judge, evaluate, judge_all, judge_as_of
from roadmap.plan.loader import load_plan

SUNDAYS = [date(2013, 1, 13) + timedelta(weeks=week) for week in range(20)]


@pytest.fixture
def sat(front):
    """A function that opens a session, as every command does, and returns what is recorded, table by table."""

    def sit(table="evaluation", columns="as_of"):
        with open_session(front, 1) as here:
            return [tuple(row) for row in here.db.execute(f"SELECT {columns} FROM {table} ORDER BY id")]

    return sit


@pytest.fixture
def replayed(front, replay):
    """A function that replays weeks into the workspace's store."""

    def keep(weeks, **settings):
        db = open_store(front.store, "replay")
        replay(db, weeks, **settings)
        db.close()

    return keep


def days(weeks):
    """The last days of so many weeks, as recorded."""
    return [(day.isoformat(),) for day in SUNDAYS[:weeks]]


def test_every_week_is_judged_as_of_its_end(sat, replayed):
    """Ten weeks replayed at once: ten evaluations, in order, and the next session adds none."""
    replayed(range(10))
    assert sat() == days(10)
    assert sat() == days(10)


def test_more_weeks_are_judged_after_the_last_evaluation(sat, replayed):
    """Four weeks, then four more: four further evaluations."""
    replayed(range(4))
    assert sat() == days(4)
    replayed(range(4, 8))
    assert sat() == days(8)


def test_another_round_is_judged_as_of_today_only(sat, replayed, front):
    """Recorded evaluations stay; the same weeks measured again give a new evaluation of the last day."""
    replayed(range(4))
    sat()
    db = open_store(front.store, "replay")
    with db.atomic():
        db.execute("UPDATE run_block SET busy_ns = busy_ns + 1000000 WHERE system = 'service'")
    db.close()
    assert sat() == [*days(4), days(4)[-1]]


def test_plans_are_fixed_in_their_first_week_and_forecasts_made_in_time(sat, replayed):
    """The plan of 7 Jan is recorded on 13 Jan; from the sixth week on each evaluation has odds, until it is reached."""
    replayed(range(12), cost=0.72)
    assert sat("plan_revision", "code, as_of") == [("M1", "2013-01-13")]
    made = sat("forecast", "as_of, odds")
    assert [day for day, _ in made] == [day for (day,) in days(12)[5:]]
    assert all(0 <= odds <= 1 for _, odds in made)


def test_a_week_is_judged_by_what_was_known_by_then(sat, replayed, front):
    """Judged in one go, or week by week as the weeks come: the same evaluations, weights included."""
    replayed(range(14))
    kept = sat("evaluation", "as_of, status, evidence_sha256")
    weights = sat("baseline", "sha256")
    front.store = front.store.with_name("again.db")
    for week in range(14):
        replayed([week])
        found = sat("evaluation", "as_of, status, evidence_sha256")
    assert (len(found), found, sat("baseline", "sha256")) == (14, kept, weights)


def test_a_proof_is_one_evaluation(sat, replayed):
    """The evaluation that proves and the evaluation of the day are the same."""
    replayed(range(14))
    kept = sat("evaluation", "as_of, status")
    assert [status for _, status in kept] == ["insufficient"] * 11 + ["proven"] * 3
    assert [(day,) for day, _ in kept] == days(14)


def test_an_earlier_view_is_what_was_recorded(sat, replayed, front):
    """Each week's evaluation is found again as of its day."""
    replayed(range(14))
    kept = sat("evaluation", "as_of, status")
    with open_session(front, 1) as here:
        plan = load_plan(front.milestones)
        found = [judge_as_of(here.db, plan, day, 1)[1][0].status for day in SUNDAYS[:14]]
    assert [status for _, status in kept] == found


@pytest.fixture
def demo(made_up, front):
    """The workspace with sixteen weeks of the made-up year, four partners of unlike sizes, and the demo's plan."""
    front.store, front.milestones = made_up(weeks=16), Path(roadmap.__file__).with_name("milestones.toml")
    return front


def numbers(db, plan, day):
    """Every number recorded as of a day, and every number that judging as of that day gives, by milestone."""
    sql = (
        "SELECT evaluation.code, name, role, estimate, low, high, metric_result.verdict FROM metric_result "
        "JOIN evaluation ON evaluation.id = evaluation_id WHERE as_of = ? ORDER BY metric_result.id"
    )
    told = [
        (verdict.code, c.name, c.role, c.reading.estimate, c.reading.low, c.reading.high, c.verdict)
        for verdict in judge_as_of(db, plan, day, 1)[1]
        for c in verdict.criteria
    ]
    return [tuple(row) for row in db.execute(sql, (day.isoformat(),))], told


def test_every_number_of_an_earlier_view_is_the_recorded_one(demo):
    """Weights pinned in the twelfth week do not apply to the eleven before, however late those are judged."""
    with open_session(demo, 1) as here:
        plan = load_plan(demo.milestones)
        judged = here.db.execute("SELECT DISTINCT as_of FROM evaluation ORDER BY as_of").fetchall()
        found = [numbers(here.db, plan, date.fromisoformat(day)) for (day,) in judged]
        pinned = {row["as_of"] for row in here.db.table("baseline").rows}
    assert (len(judged), pinned) == (16, {"2013-03-24"})
    assert sum(row[3] is not None for kept, _ in found for row in kept) > 30
    for kept, told in found:
        assert told == kept


def test_a_process_that_is_behind_does_not_use_weights_pinned_later(demo):
    """One process judges the sixteenth week while another judges the third: both give the same for the third."""
    day = date(2013, 1, 20)
    plan = load_plan(demo.milestones)
    with closing(open_store(demo.store, "replay")) as db:
        first = judge_all(db, plan, day, 1)
        evaluate(db, plan, date(2013, 4, 21), 1, 1)
        assert db.table("baseline").count == 2
        assert evaluate(db, plan, day, 1, 2) == first


def test_production_is_judged_as_of_today_alone(tmp_path, one_milestone):
    """A running service judges every day; days without a judgement stay without one."""
    db = open_store(tmp_path / "live.db", "live")
    today = date(2026, 3, 1)
    assert days_to_judge(db, today) == [today]
    evaluate(db, load_plan(one_milestone, 1), today, 1, 1)
    assert days_to_judge(db, today + timedelta(days=9)) == [today + timedelta(days=9)]
    db.close()


@pytest.mark.parametrize(
    ("reviews", "choice"),
    [
        (["2013-01-27"], "continue"),
        (["2013-01-27", "2013-02-03"], "pause"),
        (["2013-01-27", "2013-01-30"], "continue"),
        (["2013-01-27", "2013-02-17"], "pause"),
        (["2013-01-20", "2013-01-27"], "continue"),
    ],
    ids=["the first review", "a week later", "three days later", "after a gap", "stalled since this review"],
)
def test_two_stalled_reviews_advise_a_pause(roadmap_db, one_milestone, reviews, choice):
    """The review before is the newest recorded one that is at least a week old; the first review has none."""
    plan = load_plan(one_milestone)
    *_, (last,) = [evaluate(roadmap_db, plan, date.fromisoformat(day), 1, 0) for day in reviews]
    assert (last.status, last.advice.choice) == ("stalled", choice)
    assert judge_all(roadmap_db, plan, last.as_of, 1)[0].advice == last.advice
