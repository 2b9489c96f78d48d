"""Plans are fixed when their milestone starts; a re-plan shows, and the first plan stays."""

from __future__ import annotations

import json
import sqlite3
from datetime import date

import pytest

from metrics.store.database import open_reader
from roadmap.errors import PlanError
from roadmap.judge.evaluate import evaluate, judge_all, judge_as_of
from roadmap.plan import revisions
from roadmap.plan.loader import load_plan

START, DUE = date(2013, 1, 7), date(2013, 3, 31)


def changed(path, old, new):
    """The plan, after one change in its file."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return load_plan(path)


def replan(path, old, new, number=2):
    """The plan, after one change and a new revision."""
    text = path.read_text()
    if "revision = " in text:
        path.write_text(text.replace(f"revision = {number - 1}", f"revision = {number}"))
    else:
        path.write_text(text.replace('code = "M1"', f'code = "M1"\nrevision = {number}'))
    return changed(path, old, new)


def kept(db):
    """Recorded plans as (code, revision, as_of)."""
    return [tuple(row) for row in db.execute("SELECT code, revision, as_of FROM plan_revision ORDER BY id")]


def test_a_plan_is_fixed_on_the_day_its_milestone_starts(roadmap_db, one_milestone):
    """Nothing is recorded the day before; on the start it is, once, with its hash."""
    plan = load_plan(one_milestone)
    evaluate(roadmap_db, plan, date(2013, 1, 6), 1, 1)
    assert kept(roadmap_db) == []
    for day in (START, START, DUE):
        evaluate(roadmap_db, plan, day, 1, 1)
    assert kept(roadmap_db) == [("M1", 1, "2013-01-07")]
    (one,) = revisions.recorded_plans(roadmap_db, "M1")
    assert (one.due, one.plan["metrics"][0]["at_least"], len(one.sha256)) == (DUE, 0.3, 64)


def test_before_the_start_a_plan_may_change_freely(roadmap_db, one_milestone):
    """A plan whose milestone has not started is a draft."""
    evaluate(roadmap_db, load_plan(one_milestone), date(2013, 1, 6), 1, 1)
    plan = changed(one_milestone, "0.30", "0.20")
    assert len(evaluate(roadmap_db, plan, date(2013, 1, 6), 1, 1)) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("due = 2013-03-31", "due = 2013-06-30", "due was 2013-03-31 and is 2013-06-30"),
        ("start = 2013-01-07", "start = 2013-01-01", "start was 2013-01-07 and is 2013-01-01"),
        ("0.30", "0.20", "metric busy_time_saved was at_least 0.3 and is at_least 0.2"),
        ("at_most = 0", "at_most = 3", "guardrail lost_records was at_most 0 and is at_most 3"),
        ('"lost_records"', '"partner_duplicates"', "guardrail lost_records (at_most 0) is removed"),
        ('"lost_records"', '"partner_duplicates"', "guardrail partner_duplicates (at_most 0) is new"),
        ('["*/flights"]', '["AA/*"]', "scope was */flights and is AA/*"),
        ('"service@1"', '"service@2"', "subject was service@1 and is service@2"),
        ('code = "M1"', 'code = "M1"\nbudget = 100', "budget was not set and is 100"),
        (
            'code = "M1"',
            'code = "M1"\nevidence = { min_blocks = 6 }',
            "evidence.min_blocks was 12 and is 6",
        ),
    ],
)
def test_a_change_without_a_revision_is_refused(roadmap_db, one_milestone, old, new, said):
    """Every changed promise is named, with the line that corrects it; pages refuse it too."""
    evaluate(roadmap_db, load_plan(one_milestone), START, 1, 1)
    plan = changed(one_milestone, old, new)
    for judged in (
        lambda: evaluate(roadmap_db, plan, START, 1, 2),
        lambda: judge_all(roadmap_db, plan, START, 1),
        lambda: judge_as_of(roadmap_db, plan, START, 1),
    ):
        with pytest.raises(PlanError) as refused:
            judged()
        assert said in str(refused.value)
        assert refused.value.exit_code == 2
    assert kept(roadmap_db) == [("M1", 1, "2013-01-07")]


def test_the_refusal_says_how_to_correct_it(roadmap_db, one_milestone):
    """One line: what it was, what it is, and which line to write."""
    evaluate(roadmap_db, load_plan(one_milestone), START, 1, 1)
    plan = changed(one_milestone, "due = 2013-03-31", "due = 2013-06-30")
    with pytest.raises(PlanError) as refused:
        evaluate(roadmap_db, plan, START, 1, 2)
    assert str(refused.value) == (
        "M1: due was 2013-03-31 and is 2013-06-30, but it is still revision 1; write `revision = 2`, so that the first "
        "plan stays visible"
    )


def test_titles_and_owners_may_change(roadmap_db, one_milestone):
    """A better title is no re-plan."""
    evaluate(roadmap_db, load_plan(one_milestone), START, 1, 1)
    changed(one_milestone, '"Receive"', '"Take in"')
    changed(one_milestone, '"Same answers, in less time"', '"Less time"')
    plan = changed(one_milestone, 'code = "M1"', 'code = "M1"\nowner = "ann@example.org"')
    assert evaluate(roadmap_db, plan, START, 1, 2)[0].title == "Take in"
    assert len(kept(roadmap_db)) == 1


def test_a_replan_is_recorded_beside_the_first_plan(roadmap_db, one_milestone, replay):
    """A new revision is recorded; the verdict carries the first due date, and how far the plan has moved."""
    replay(roadmap_db, range(4))
    evaluate(roadmap_db, load_plan(one_milestone), date(2013, 2, 3), 1, 1)
    plan = replan(one_milestone, "due = 2013-03-31", "due = 2013-06-30")
    (found,) = evaluate(roadmap_db, plan, date(2013, 2, 10), 1, 2)
    assert kept(roadmap_db) == [("M1", 1, "2013-02-03"), ("M1", 2, "2013-02-10")]
    assert (found.revision, found.due, found.first_due, found.slip_days) == (2, date(2013, 6, 30), DUE, 91)
    first, second = revisions.recorded_plans(roadmap_db, "M1")
    assert revisions.describe_changes(first.plan, second.plan) == ["due was 2013-03-31 and is 2013-06-30"]
    assert judge_all(roadmap_db, plan, date(2013, 2, 10), 1)[0].first_due == DUE


def test_a_replan_is_recorded_even_when_it_moves_the_start_ahead(roadmap_db, one_milestone):
    """A milestone that has once started stays fixed, wherever its start is moved to."""
    evaluate(roadmap_db, load_plan(one_milestone), START, 1, 1)
    dates = ("start = 2013-01-07\ndue = 2013-03-31", "start = 2013-06-03\ndue = 2013-09-30")
    plan = replan(one_milestone, *dates)
    assert evaluate(roadmap_db, plan, START, 1, 2)[0].status == "not_started"
    assert [row[1] for row in kept(roadmap_db)] == [1, 2]


def test_a_revision_never_goes_back(roadmap_db, one_milestone):
    """The first plan cannot be restored under its old number."""
    first = one_milestone.read_text()
    evaluate(roadmap_db, load_plan(one_milestone), START, 1, 1)
    evaluate(roadmap_db, replan(one_milestone, "0.30", "0.20"), START, 1, 2)
    one_milestone.write_text(first)
    with pytest.raises(
        PlanError, match="M1: the file has revision 1, and revision 2 was recorded on 2013-01-07; a revision"
    ):
        judge_all(roadmap_db, load_plan(one_milestone), START, 1)


def test_a_view_of_an_earlier_day_is_judged_by_the_plan_of_that_day(roadmap_db, one_milestone, replay):
    """After the target was raised, the day before is still judged by the first target."""
    replay(roadmap_db, range(12))
    evaluate(roadmap_db, load_plan(one_milestone), DUE, 1, 1)
    replay(roadmap_db, [12])
    plan = replan(one_milestone, "0.30", "0.90")
    after = date(2013, 4, 7)
    (now,) = evaluate(roadmap_db, plan, after, 1, 2)
    then_plan, (then,) = judge_as_of(roadmap_db, plan, DUE, 1)
    assert (now.status, now.revision, now.criteria[0].target) == ("missed", 2, 0.9)
    assert (then.status, then.revision, then.criteria[0].target) == ("proven", 1, 0.3)
    assert then_plan.milestones[0].metrics[0].value == 0.3
    _, (early,) = judge_as_of(roadmap_db, plan, date(2013, 1, 20), 1)
    assert (early.revision, early.criteria[0].reading.blocks) == (1, 2)


def test_a_proof_of_the_first_plan_is_none_of_the_second(roadmap_db, one_milestone, replay):
    """Raise the target after the proof, by a re-plan, and it is judged anew."""
    replay(roadmap_db, range(12))
    evaluate(roadmap_db, load_plan(one_milestone), DUE, 1, 1)
    (found,) = evaluate(roadmap_db, replan(one_milestone, "0.30", "0.90"), DUE, 1, 2)
    assert (found.status, found.proven_on) == ("at_risk", None)


def test_a_rule_unknown_to_an_older_release_is_no_change(roadmap_db, one_milestone):
    """A plan recorded before a rule existed is not refused for the rule's default."""
    plan = load_plan(one_milestone)
    told = {name: value for name, value in plan.milestones[0].as_dict().items() if name != "budget"}
    row = {"code": "M1", "revision": 1, "plan_sha256": "x", "as_of": "2013-01-07", "recorded_at_us": 1}
    roadmap_db.table("plan_revision").insert(row | {"plan": json.dumps(told)})
    assert len(evaluate(roadmap_db, plan, START, 1, 2)) == 1


def test_a_plan_that_was_recorded_cannot_be_changed(roadmap_db, one_milestone):
    """The database itself refuses to change or delete one."""
    evaluate(roadmap_db, load_plan(one_milestone), START, 1, 1)
    for verb in ("UPDATE plan_revision SET plan = '{}'", "DELETE FROM plan_revision"):
        with pytest.raises(sqlite3.IntegrityError, match="plan_revision is append-only"):
            roadmap_db.execute(verb)


def test_a_page_records_no_plan(roadmap_db, one_milestone, tmp_path):
    """Judging on a reader needs no plan recorded, and records none."""
    reader = open_reader(tmp_path / "metrics.db")
    (found,) = judge_all(reader, load_plan(one_milestone), START, 1)
    reader.close()
    assert (found.first_due, kept(roadmap_db)) == (DUE, [])
