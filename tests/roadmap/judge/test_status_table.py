"""The status table of evidence.md, row by row: below, at, and above each rule, and never good without data."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadmap.judge.status import gate_exit_code, judge
from roadmap.model import Decision, Evidence
from roadmap.plan.loader import load_plan
from tests.roadmap.judge.judged_milestone import DUE, GOOD, LOST, LOST_READING, SAVED, SAVED_READING, START, day, found

OPEN = GOOD | {SAVED: replace(SAVED_READING, estimate=0.4, low=0.29, high=0.51)}


def pause(until="", as_of=date(2013, 2, 1), choice="pause"):
    """A decision."""
    return Decision(id=1, choice=choice, owner="Ann", why="money", until=until, as_of=as_of)


@pytest.mark.parametrize(
    ("today", "expected"),
    [(date(2013, 2, 14), "paused"), (date(2013, 2, 15), "paused"), (date(2013, 2, 16), "on_track")],
)
def test_a_pause_holds_through_its_last_day(make, today, expected):
    """The day before, on it, and the day after, when its end is a further reason."""
    verdict = judge(
        make("2013-12-31"),
        Evidence(readings=OPEN, first_day=START, last_day=today, decision=pause("2013-02-15")),
        today,
        1,
    )
    assert verdict.status == expected
    assert (verdict.reasons[-1].code == "pause_over") == (expected != "paused")
    assert verdict.advice.choice == ("continue" if expected == "paused" else "resume")


def test_a_pause_that_is_over_says_so(make):
    """Who, from when, until when, and that no decision was made since."""
    verdict = judge(make("2013-12-31"), Evidence(decision=pause("2013-02-15")), date(2013, 2, 16), 1)
    assert verdict.reasons[-1].text == (
        "the pause that Ann decided on 1 Feb 2013 ended on 15 Feb 2013, and no decision was made since"
    )


@pytest.mark.parametrize("choice", ["resume", "continue", "change"])
def test_another_decision_ends_a_pause(make, choice):
    """The latest decision counts, and these three hold nothing."""
    evidence = {"readings": OPEN, "first_day": START, "last_day": DUE, "decision": pause(choice=choice)}
    assert found(make("2013-12-31"), DUE, **evidence) == ("on_track", ["on_track", "inconclusive:busy_time_saved"])


def test_a_stop_has_no_last_day(make):
    """Only a pause ends by itself."""
    assert found(make(), DUE, decision=pause("2013-02-15", choice="stop"))[0] == "stopped"


def test_working_days_are_counted_from_the_end_of_a_pause(make):
    """The days of a pause do not count: ten working days after its end it has stalled, nine are too few."""
    evidence = {"readings": OPEN, "first_day": START, "last_day": date(2013, 1, 20), "decision": pause("2013-02-17")}
    far = make("2013-12-31")
    assert found(far, date(2013, 2, 28), **evidence)[0] == "on_track"
    assert found(far, date(2013, 3, 1), **evidence) == ("stalled", ["gone_quiet", "pause_over"])


@pytest.mark.parametrize(
    ("decision", "begins"),
    [(pause("2013-02-17"), date(2013, 2, 18)), (pause(choice="resume", as_of=date(2013, 2, 18)), date(2013, 2, 18))],
)
def test_first_evidence_is_due_anew_after_a_pause(make, decision, begins):
    """Three weeks from the day on which work resumes."""
    far = make("2013-12-31")
    assert found(far, begins + timedelta(days=19), decision=decision)[0] == "insufficient"
    assert found(far, begins + timedelta(days=20), decision=decision)[0] == "stalled"


@pytest.mark.parametrize(
    ("due", "limit"),
    [
        ("2013-03-03", 14),  # 56 days: a quarter is 14
        ("2013-03-04", 15),  # 57 days: 14.25, so it is day 15
        ("2013-03-31", 21),  # 84 days: a quarter is 21
        ("2013-12-31", 21),  # never more than 21
    ],
)
@pytest.mark.parametrize(("built", "before", "code"), [(1, None, "no_first_evidence"), (0, "not_started", "not_built")])
def test_what_never_starts_is_flagged_in_its_third_week(make, due, limit, built, before, code):
    """On its day, not the day before, whether it is built or not, and every day from then on until it is missed."""
    milestone = make(due, "evidence = { min_blocks = 6 }")
    status, codes = found(milestone, day(limit - 1), built)
    assert status == (before or "insufficient")
    assert found(milestone, day(limit), built) == ("stalled", [code])
    last = (milestone.due - START).days + 1
    assert {found(milestone, day(n), built)[0] for n in range(limit, last + 1)} == {"stalled"}
    assert found(milestone, day(last + 1), built)[0] == "missed"
    assert codes


def test_what_stops_is_flagged_after_ten_working_days(make):
    """Nine working days without evidence are not stalled; ten are, and so is every day after until the due date."""
    milestone = make("2013-12-31")
    last = date(2013, 2, 3)  # a Sunday; the tenth working day after it is a Friday
    states = [
        found(milestone, last + timedelta(days=n), readings=OPEN, first_day=START, last_day=last)[0]
        for n in range(1, 331)
    ]
    assert states[:11] == ["on_track"] * 11
    assert set(states[11:]) == {"stalled"}


def test_a_milestone_on_plan_is_never_flagged(make):
    """Thirteen weeks with a good week of evidence at the end of each: no day from start to due stalls or is at risk."""
    milestone = make("2013-04-07")
    states = []
    for number in range(1, 92):
        weeks, today = number // 7, day(number)
        if not weeks:
            states.append(found(milestone, today)[0])
            continue
        early = {"low": None, "high": None, "missing": f"{weeks} of 12 weeks"} if weeks < 12 else {}
        end = day(7 * weeks)
        readings = {
            SAVED: replace(SAVED_READING, blocks=weeks, end=end, **early),
            LOST: replace(LOST_READING, blocks=weeks, end=end, missing=early.get("missing", "")),
        }
        states.append(found(milestone, today, readings=readings, first_day=START, last_day=end)[0])
    assert set(states[:83]) == {"insufficient"}
    assert set(states[83:]) == {"on_track"}  # all is met; what makes it proven is the look that the store keeps


def test_a_milestone_on_plan_in_production_is_never_flagged(make):
    """Eighty-four days with runs on each, blocks being days."""
    milestone = make(block_days=1)
    for number in range(1, 85):
        early = {"low": None, "high": None, "missing": f"{number} of 12 days"} if number < 12 else {}
        readings = {
            SAVED: replace(SAVED_READING, mode="live", blocks=number, **early),
            LOST: replace(LOST_READING, mode="live", blocks=number, missing=early.get("missing", "")),
        }
        status, codes = found(milestone, day(number), readings=readings, first_day=START, last_day=day(number))
        assert status in {"insufficient", "on_track"}, (number, codes)


def test_a_verdict_carries_owner_money_and_slip(make):
    """Everything that a decision needs beside the status."""
    milestone = make("2013-04-14", 'owner = "ann@example.org"\nbudget = 100.0\nrevision = 2')
    verdict = judge(milestone, Evidence(first_due=DUE, plan_revision=3, spent=40.0), START, 1)
    assert (verdict.owner, verdict.budget, verdict.spent) == ("ann@example.org", 100.0, 40.0)
    assert (verdict.first_due, verdict.slip_days, verdict.revision) == (DUE, 14, 3)
    assert judge(milestone, Evidence(), START, 1).slip_days == 0


@pytest.mark.parametrize(
    ("readings", "today", "strict", "lenient"),
    [
        (GOOD, DUE, 6, 0),  # on track: nothing failed
        ({}, START, 6, 0),  # too little evidence yet
        (OPEN, DUE + timedelta(days=1), 5, 5),  # missed
        (GOOD | {LOST: replace(LOST_READING, estimate=1.0)}, DUE, 5, 5),  # breached
        (GOOD | {SAVED: replace(SAVED_READING, low=0.1, high=0.2)}, DUE, 5, 5),  # not met
        ({}, date(2013, 3, 1), 6, 6),  # stalled
        ({}, START - timedelta(days=1), 6, 6),  # not started
        ({}, START + timedelta(days=1), 6, 6),  # at risk
    ],
)
def test_gate_codes(make, readings, today, strict, lenient):
    """`--allow-insufficient` passes what only lacks evidence, and never what failed, is stalled, or is at risk."""
    days = {"first_day": START, "last_day": min(today, DUE)} if readings else {}
    verdict = judge(make(), Evidence(readings=readings, **days), today, 1)
    assert (gate_exit_code(verdict), gate_exit_code(verdict, allow_insufficient=True)) == (strict, lenient)


def test_gate_codes_of_decisions_and_proofs(make):
    """Proven is 0; paused and stopped are 6, leniently too."""
    assert gate_exit_code(judge(make(), Evidence(proven_on=DUE), DUE, 1)) == 0
    for choice in ("pause", "stop"):
        verdict = judge(make(), Evidence(readings=OPEN, decision=pause(choice=choice)), DUE, 1)
        assert (gate_exit_code(verdict), gate_exit_code(verdict, allow_insufficient=True)) == (6, 6)


PLAN = load_plan(Path(__file__).parents[3] / "roadmap" / "milestones.toml")

NAMES = sorted({(t.name, t.faults) for m in PLAN.milestones for t in (*m.metrics, *m.guardrails)})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    milestone=st.sampled_from(PLAN.milestones),
    estimates=st.lists(st.none() | st.floats(0, 1), min_size=len(NAMES), max_size=len(NAMES)),
    present=st.booleans(),
    blocks=st.integers(0, 60),
    offset=st.integers(-30, 500),
    built=st.integers(0, 4),
    seen=st.booleans(),
)
def test_no_data_is_never_good(milestone, estimates, present, blocks, offset, built, seen):
    """No reading, a reading without a number, or an early look: nothing is met, held or proven, on any day."""
    today = milestone.start + timedelta(days=offset)
    readings = {
        key: replace(
            SAVED_READING, measure=key[0], faults=key[1], estimate=estimate, blocks=blocks, missing="too little"
        )
        for key, estimate in zip(NAMES, estimates, strict=True)
    }
    days = {"first_day": milestone.start, "last_day": max(milestone.start, today)} if seen else {}
    verdict = judge(milestone, Evidence(readings=readings if present else {}, **days), today, built)
    assert verdict.status not in {"proven", "on_track"}
    assert not {c.verdict for c in verdict.criteria} & {"met", "held"}
    assert gate_exit_code(verdict) in {5, 6}
    assert all(reason.code and reason.text and reason.change for reason in verdict.reasons)
