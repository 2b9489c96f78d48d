"""Decisions and spending: what may be recorded when, and that it stays as it was recorded."""

from __future__ import annotations

import json
import math
import sqlite3
from datetime import date

import pytest

from roadmap.errors import Refused
from roadmap.judge.evaluate import evaluate
from roadmap.plan.loader import load_plan
from roadmap.records import decide as records_decide
from roadmap.records.decisions import cost_entries, recorded_decisions

DAY = date(2013, 2, 3)


@pytest.fixture
def decided(roadmap_db, one_milestone, replay):
    """A function that decides on M1 after four good weeks, on 3 Feb 2013."""
    replay(roadmap_db, range(4))
    plan = load_plan(one_milestone)

    def decide(choice, why="no partner yet", owner="Ann", until=None, on=DAY):
        (verdict,) = evaluate(roadmap_db, plan, on, 1, 1)
        return records_decide.record_decision(roadmap_db, plan.milestones[0], verdict, choice, why, owner, until, 1)

    return decide


def test_a_decision_keeps_who_why_and_what_was_advised(roadmap_db, decided):
    """All of it is there again, with the advice that the numbers gave."""
    taken = decided("change", why=" other files ", owner=" Ann ")
    assert recorded_decisions(roadmap_db, "M1", DAY) == (taken,)
    assert (taken.decision.choice, taken.decision.owner, taken.decision.why) == ("change", "Ann", "other files")
    assert taken.decision.as_of == DAY
    row = next(roadmap_db.table("decision").rows)
    assert row["advice"] == "continue: there is not enough evidence yet to decide on"


def test_a_decision_freezes_its_evidence(roadmap_db, decided, replay, one_milestone):
    """The verdict of that day stays in it, with the hash of its evaluation, when the weeks are measured anew."""
    taken = decided("continue")
    sha256 = roadmap_db.execute("SELECT evidence_sha256 FROM evaluation ORDER BY id DESC LIMIT 1").fetchone()[0]
    with roadmap_db.atomic():
        roadmap_db.execute("UPDATE run_block SET busy_ns = busy_ns * 2 WHERE system = 'service'")
    (later,) = evaluate(roadmap_db, load_plan(one_milestone), DAY, 1, 2)
    (found,) = recorded_decisions(roadmap_db, "M1", DAY)
    assert found == taken
    assert found.evaluation_sha256 == sha256
    assert round(found.verdict["metrics"][0]["estimate"], 3) == 0.595
    assert round(later.criteria[0].reading.estimate, 3) == 0.19
    evidence = json.loads(next(roadmap_db.table("decision").rows)["evidence"])
    assert roadmap_db.table("evaluation").get(evidence["evaluation_id"])["evidence_sha256"] == sha256


@pytest.mark.parametrize(
    ("before", "choice", "said"),
    [
        ([], "resume", "M1: is neither paused nor stopped, so there is nothing to resume"),
        (["continue"], "resume", "M1: is neither paused nor stopped, so there is nothing to resume"),
        (["pause", "resume"], "resume", "M1: is neither paused nor stopped, so there is nothing to resume"),
        (["pause"], "pause", "M1: is paused since 3 Feb 2013 already; give another --until to move its end"),
        (["stop"], "stop", "M1: is stopped since 3 Feb 2013 already"),
        (["stop"], "pause", "M1: is stopped since 3 Feb 2013; `resume` it first, then `pause`"),
        (["stop"], "continue", "M1: is stopped since 3 Feb 2013; `resume` it first, then `continue`"),
        (["stop"], "change", "M1: is stopped since 3 Feb 2013; `resume` it first, then `change`"),
        (["pause"], "continue", "M1: is paused since 3 Feb 2013; `resume` it first, then `continue`"),
        ([], "abandon", "M1: 'abandon' cannot be decided; choose one of continue, change, pause, stop, resume"),
    ],
)
def test_a_decision_must_make_sense(roadmap_db, decided, before, choice, said):
    """What stands already, or cannot follow on what stands, is refused, and nothing is recorded."""
    for earlier in before:
        decided(earlier)
    with pytest.raises(Refused) as refused:
        decided(choice)
    assert (str(refused.value), refused.value.exit_code) == (said, 2)
    assert roadmap_db.table("decision").count == len(before)


@pytest.mark.parametrize("choices", [["pause", "stop"], ["pause", "resume", "pause"], ["stop", "resume", "continue"]])
def test_decisions_that_follow_on_one_another(roadmap_db, decided, choices):
    """A paused milestone may be stopped, and what was resumed may be paused again."""
    for choice in choices:
        decided(choice)
    assert [taken.decision.choice for taken in recorded_decisions(roadmap_db, "M1", DAY)] == choices


def test_a_pause_may_be_given_another_end(decided):
    """A pause with a new last day is a new decision; with the same one it is none."""
    decided("pause", until=date(2013, 3, 1))
    assert decided("pause", until=date(2013, 4, 1)).decision.until == "2013-04-01"
    with pytest.raises(Refused, match="already; give another --until"):
        decided("pause", until=date(2013, 4, 1))


def test_a_pause_that_is_over_stands_in_nobodys_way(decided):
    """The day after its last day the milestone may be paused again."""
    decided("pause", until=date(2013, 2, 9))
    with pytest.raises(Refused, match="paused since 3 Feb 2013"):
        decided("continue", on=date(2013, 2, 9))
    assert decided("pause", on=date(2013, 2, 10)).decision.as_of == date(2013, 2, 10)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"why": "  "}, "--why is blank; a decision says why"),
        ({"owner": ""}, "--owner is blank; a decision says who took it"),
        ({"until": DAY}, "M1: --until 2013-02-03 is not after 3 Feb 2013, the day of the decision; choose a later one"),
        (
            {"choice": "stop", "until": date(2013, 3, 1)},
            "M1: --until 2013-03-01 goes with `pause` only; `stop` has no end",
        ),
    ],
)
def test_what_a_decision_says_is_checked(roadmap_db, decided, words, said):
    """Somebody, for a reason, until a day that lies ahead."""
    with pytest.raises(Refused) as refused:
        decided(**{"choice": "pause"} | words)
    assert str(refused.value) == said
    assert roadmap_db.table("decision").count == 0


def test_spending_is_added_up_and_a_negative_amount_corrects(roadmap_db, one_milestone):
    """Three entries stay three; their sum is what was spent by a day."""
    milestone = load_plan(one_milestone).milestones[0]
    sums = [
        records_decide.record_spending(roadmap_db, milestone, amount, " work ", day, 1)
        for amount, day in ((100.5, DAY), (250.0, DAY), (-50.0, date(2013, 2, 4)))
    ]
    assert sums == [100.5, 350.5, 300.5]
    assert [(entry.amount, entry.note) for entry in cost_entries(roadmap_db, "M1", DAY)] == [
        (100.5, "work"),
        (250.0, "work"),
    ]


@pytest.mark.parametrize("amount", [0.0, math.nan, math.inf, -math.inf])
def test_an_amount_is_a_number_and_not_nothing(roadmap_db, one_milestone, amount):
    """Nothing spent is no entry."""
    with pytest.raises(Refused, match="is not an amount; give one above 0, or below it to correct another"):
        records_decide.record_spending(roadmap_db, load_plan(one_milestone).milestones[0], amount, "work", DAY, 1)
    assert roadmap_db.table("cost_entry").count == 0


@pytest.mark.parametrize("amount", [1.1e12, -1e308])
def test_an_amount_beyond_all_money_is_refused(roadmap_db, one_milestone, amount):
    """A slip of the pen does not make sums that are no numbers."""
    milestone = load_plan(one_milestone).milestones[0]
    with pytest.raises(Refused, match="is too large; give at most 1,000,000,000,000"):
        records_decide.record_spending(roadmap_db, milestone, amount, "work", DAY, 1)
    assert records_decide.record_spending(roadmap_db, milestone, 1e12, "work", DAY, 1) == 1e12


def test_an_entry_says_what_for(roadmap_db, one_milestone):
    """A blank note is refused."""
    with pytest.raises(Refused, match="--note is blank; an entry says what it was spent on"):
        records_decide.record_spending(roadmap_db, load_plan(one_milestone).milestones[0], 1.0, " ", DAY, 1)


def test_the_database_refuses_to_change_or_delete_what_was_recorded(roadmap_db, decided, one_milestone):
    """Decisions and entries are append-only, whoever writes."""
    decided("pause")
    records_decide.record_spending(roadmap_db, load_plan(one_milestone).milestones[0], 1.0, "work", DAY, 1)
    for table, column in (("decision", "why"), ("cost_entry", "note"), ("evaluation", "status")):
        for verb in (f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"):
            with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
                roadmap_db.execute(verb)
