"""Verdicts and statuses at the edges of every rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from metrics.measures.reading import Reading
from roadmap.judge.reasons import working_days
from roadmap.judge.status import gate_exit_code, judge
from roadmap.model import Decision, Evidence
from roadmap.plan.loader import load_plan

START, DUE = date(2013, 1, 7), date(2013, 3, 31)
SAVED, LOST = ("busy_time_saved", "standard"), ("lost_records", "standard")
SAVED_READING = Reading(
    measure="busy_time_saved", estimate=0.65, low=0.63, high=0.67, ci_low=0.64, ci_high=0.66, n=240, n_of="runs",
    blocks=12, coverage=0.9, grade="B", faults="standard", mode="replay", series="s", method="1", start=START, end=DUE,
    missing="", inputs_sha256="1",
)  # fmt: skip
LOST_READING = replace(
    SAVED_READING, measure="lost_records", estimate=0.0, low=None, high=None, n=1200, n_of="records due", coverage=None
)
GOOD = {SAVED: SAVED_READING, LOST: LOST_READING}
EARLY = "3 of 12 weeks; enough around 31 Mar 2013 at this rate"


@pytest.fixture
def milestone(one_milestone):
    """At least 30% saved, and nothing lost, from 7 Jan to 31 Mar 2013."""
    return load_plan(one_milestone).milestone("M1")


def seen(**changes):
    """Evidence of a milestone that runs, with these things different."""
    usual = {"readings": GOOD, "first_day": START, "last_day": date(2013, 3, 31)}
    return Evidence(**(usual | changes))


def status(milestone, evidence, today, built=1):
    """Status and reason codes."""
    verdict = judge(milestone, evidence, today, built)
    return verdict.status, [reason.code for reason in verdict.reasons]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "met"),
        ({"low": 0.30}, "met"),
        ({"low": 0.2999}, "inconclusive"),
        ({"low": 0.1, "high": 0.30}, "inconclusive"),
        ({"low": 0.1, "high": 0.2999}, "not_met"),
        ({"low": None, "high": None, "missing": EARLY}, "insufficient"),
        ({"estimate": None, "low": None, "high": None, "missing": "nothing"}, "insufficient"),
        ({"coverage": 0.80}, "met"),
        ({"coverage": 0.7999}, "invalid"),
        ({"grade": "A"}, "met"),
        ({"grade": "C"}, "invalid"),
        ({"grade": None}, "invalid"),
    ],
)
def test_a_sampled_measure_is_judged_by_its_range(milestone, changes, verdict):
    """Just below, at and above the target, and without what a verdict needs."""
    readings = GOOD | {SAVED: replace(SAVED_READING, **changes)}
    assert judge(milestone, seen(readings=readings), DUE, 1).criteria[0].verdict == verdict


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "held"),
        ({"estimate": 1.0}, "breached"),
        ({"missing": EARLY}, "unproven"),
        ({"estimate": 1.0, "missing": EARLY}, "breached"),
        ({"estimate": None, "missing": "nothing"}, "unproven"),
    ],
)
def test_a_census_is_judged_by_its_count(milestone, changes, verdict):
    """None lost holds only with enough weeks; one lost is a breach at once, as a count cannot fall."""
    readings = GOOD | {LOST: replace(LOST_READING, **changes)}
    assert judge(milestone, seen(readings=readings), DUE, 1).criteria[1].verdict == verdict


def test_fixed_mode_gives_no_early_verdict(one_milestone):
    """`mode = "fixed"` gives no verdict on the day before the due date, and one on it."""
    text = one_milestone.read_text()
    one_milestone.write_text(text.replace('code = "M1"', 'code = "M1"\nevidence = { mode = "fixed" }'))
    fixed = load_plan(one_milestone).milestone("M1")
    assert judge(fixed, seen(), DUE - timedelta(days=1), 1).criteria[0].why == "judged once, on 31 Mar 2013"
    assert judge(fixed, seen(), DUE, 1).criteria[0].verdict == "met"


def test_a_proof_comes_before_every_other_status(milestone):
    """A proof stays proven past a pause, past the due date, and when the level is no longer built."""
    pause = Decision(id=1, choice="pause", owner="Ann", why="money", until="", as_of=DUE)
    found = judge(milestone, seen(proven_on=DUE, decision=pause), date(2014, 1, 1), 0)
    assert (found.status, [r.text for r in found.reasons]) == ("proven", ["every target reached on 31 Mar 2013"])
    assert gate_exit_code(found) == 0


def test_a_late_proof_says_how_late(milestone):
    """Proven a week after the due date."""
    found = judge(milestone, seen(proven_on=date(2013, 4, 7)), date(2013, 4, 7), 1)
    assert found.reasons[0].code == "proven_late"
    assert found.reasons[0].text == "proven, 7 days late: every target reached on 7 Apr 2013; due 31 Mar 2013"


def test_a_proof_that_was_lost_again_says_so(milestone):
    """Proven, and a record lost since."""
    readings = GOOD | {LOST: replace(LOST_READING, estimate=1.0)}
    found = judge(milestone, seen(proven_on=date(2013, 3, 24), readings=readings), DUE, 1)
    assert found.status == "proven"
    assert found.reasons[1].code == "regressed:lost_records"
    assert found.reasons[1].text.startswith("proven, regressed since: Records lost: 1 of 1,200 records due;")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("pause", "paused"),
        ("stop", "stopped"),
        ("resume", "on_track"),
        ("continue", "on_track"),
        ("change", "on_track"),
    ],
)
def test_pause_and_stop_are_decided_by_people(milestone, choice, expected):
    """The latest decision counts, and only pause and stop hold a milestone."""
    decided = Decision(id=1, choice=choice, owner="Ann", why="money", until="", as_of=DUE)
    assert status(milestone, seen(decision=decided), DUE)[0] == expected


def test_a_pause_says_who_and_why(milestone):
    """The reason is the recorded one."""
    decided = Decision(id=1, choice="pause", owner="Ann", why="no partner yet", until="1 May", as_of=date(2013, 2, 1))
    (reason,) = judge(milestone, seen(decision=decided), DUE, 1).reasons
    assert reason.text == "paused on 1 Feb 2013 by Ann until 1 May: no partner yet"


def test_not_built_excuses_until_first_evidence_was_due(milestone):
    """A level that is never built is not started for twenty days, then stalled, and missed after the due date.

    The table's first match would leave it at "not started" for ever: never silent, never late.
    """
    third_week, after = START + timedelta(days=20), DUE + timedelta(days=1)
    assert status(milestone, Evidence(), third_week - timedelta(days=1), built=0) == ("not_started", ["not_built"])
    assert status(milestone, Evidence(), third_week, built=0) == ("stalled", ["not_built"])
    assert status(milestone, Evidence(), DUE, built=0) == ("stalled", ["not_built"])
    found = judge(milestone, Evidence(), after, 0)
    assert (found.status, [r.code for r in found.reasons][:2]) == ("missed", ["missed", "not_built"])
    assert status(milestone, Evidence(), START - timedelta(days=1), built=0) == (
        "not_started",
        ["not_built", "starts_later"],
    )


def test_a_measured_level_is_judged_when_it_is_no_longer_built(milestone):
    """A level that was taken down keeps its evidence; once it has stalled, the reasons say that it is not built."""
    assert status(milestone, seen(), DUE, built=0)[0] == "on_track"
    quiet = seen(last_day=date(2013, 1, 20))
    assert status(milestone, quiet, date(2013, 2, 1), built=0) == ("stalled", ["gone_quiet", "not_built"])


def test_a_start_ahead_is_not_started(milestone):
    """The day before the start, and the start."""
    assert status(milestone, Evidence(), START - timedelta(days=1)) == ("not_started", ["starts_later"])
    assert status(milestone, Evidence(), START)[0] == "insufficient"


def test_missed_begins_the_day_after_the_due_date(milestone):
    """On the due date it is not missed yet; a day later it is, with what is open."""
    readings = GOOD | {SAVED: replace(SAVED_READING, low=0.2)}
    assert status(milestone, seen(readings=readings), DUE)[0] == "on_track"
    found = judge(milestone, seen(readings=readings), DUE + timedelta(days=1), 1)
    assert (found.status, gate_exit_code(found)) == ("missed", 5)
    assert [reason.code for reason in found.reasons] == ["missed", "inconclusive:busy_time_saved"]
    assert found.reasons[0].text == "due 31 Mar 2013, 1 day ago, and not proven"


def test_no_first_evidence_stalls_in_the_third_week(milestone):
    """Twelve weeks long: day 20 without evidence is not stalled, day 21 is."""
    assert status(milestone, Evidence(), START + timedelta(days=19))[0] != "stalled"
    assert status(milestone, Evidence(), START + timedelta(days=20)) == ("stalled", ["no_first_evidence"])


def test_ten_working_days_without_evidence_stall(milestone):
    """Nine working days after the last evidence are not stalled, ten are; a decision counts like evidence."""
    quiet = seen(last_day=date(2013, 1, 20))
    assert status(milestone, quiet, date(2013, 1, 31))[0] != "stalled"
    assert status(milestone, quiet, date(2013, 2, 1)) == ("stalled", ["gone_quiet"])
    go_on = Decision(id=1, choice="continue", owner="Ann", why="waiting", until="", as_of=date(2013, 1, 21))
    assert status(milestone, replace(quiet, decision=go_on), date(2013, 2, 1))[0] != "stalled"


def test_working_days_leave_out_the_weekend():
    """From a Friday to the Monday after next: Monday to Friday, and Monday."""
    assert working_days(date(2013, 3, 1), date(2013, 3, 11)) == 6
    assert working_days(date(2013, 3, 1), date(2013, 3, 3)) == 0
    assert working_days(date(2013, 3, 4), date(2013, 3, 1)) == 0


def test_working_days_are_the_same_as_counted_one_by_one():
    """From every day of a week, over spans up to a month and one of fifty years."""
    for start in (date(2013, 3, 4) + timedelta(days=i) for i in range(7)):
        for span in (*range(32), 18_263):
            days = (start + timedelta(days=i) for i in range(1, span + 1))
            assert working_days(start, start + timedelta(days=span)) == sum(day.weekday() < 5 for day in days)


def test_the_last_responsible_start_is_a_fact(milestone):
    """Twelve weeks must fit before the due date: starting on the first day is just in time."""
    assert status(milestone, Evidence(), START)[0] == "insufficient"
    assert status(milestone, Evidence(), START + timedelta(days=1)) == ("at_risk", ["fact:started_too_late"])


def test_too_few_weeks_left_is_a_fact(milestone):
    """Three weeks measured: nine left are enough, eight are not."""
    early = {SAVED: replace(SAVED_READING, blocks=3, low=None, high=None, missing=EARLY)}
    found = seen(readings=early, last_day=date(2013, 1, 27))
    assert status(milestone, found, date(2013, 1, 27))[0] == "insufficient"
    assert status(milestone, found, date(2013, 2, 3)) == ("at_risk", ["fact:too_few_blocks_left"])


def test_a_failed_target_is_a_fact_before_the_due_date(milestone):
    """A breached guardrail and a measure not met are risks, each with its numbers, and fail the gate."""
    readings = {
        SAVED: replace(SAVED_READING, estimate=0.2, low=0.15, high=0.25),
        LOST: replace(LOST_READING, estimate=2.0),
    }
    found = judge(milestone, seen(readings=readings), DUE, 1)
    assert (found.status, gate_exit_code(found)) == ("at_risk", 5)
    assert [reason.text for reason in found.reasons] == [
        (
            "fact: Processing time saved: 20% less time, likely 15% to 25%; target at least 30%: not met "
            "(the whole likely range falls short of the target)"
        ),
        (
            "fact: Records lost: 2 of 1,200 records due; target none: breached "
            "(everything was counted, and no later count can change it)"
        ),
    ]


@pytest.mark.parametrize(("spent", "expected"), [(None, "on_track"), (100.0, "on_track"), (100.01, "at_risk")])
def test_cost_over_budget_is_a_fact(milestone, spent, expected):
    """At the budget is not over it, and nothing recorded is not 0 and not over it."""
    assert status(milestone.model_copy(update={"budget": 100.0}), seen(spent=spent), DUE)[0] == expected


@pytest.mark.parametrize(
    ("changes", "said", "passes"),
    [
        ({"missing": EARLY, "low": None, "high": None}, "too little evidence for a verdict", True),
        (
            {"coverage": 0.5},
            "evidence that cannot count: both sides did 50% of the control's work; 80% is required",
            False,
        ),
        ({"grade": "D"}, "evidence that cannot count: evidence of grade D; grade B is required", False),
    ],
)
def test_insufficient_and_invalid_say_there_is_not_enough(milestone, changes, said, passes):
    """Too little data is never on track, and the gate says 6; allowed, it passes what lacks evidence and may count."""
    found = judge(milestone, seen(readings=GOOD | {SAVED: replace(SAVED_READING, **changes)}), DUE, 1)
    assert (found.status, gate_exit_code(found)) == ("insufficient", 6)
    assert found.reasons[0].text == f"1 of 2 targets have {said}"
    assert gate_exit_code(found, allow_insufficient=True) == (0 if passes else 6)


def test_every_reason_says_what_would_change_it(milestone):
    """Every status names what would change it."""
    for evidence in (Evidence(), seen(), seen(proven_on=DUE)):
        for today in (START - timedelta(days=1), START, DUE, DUE + timedelta(days=1)):
            for reason in judge(milestone, evidence, today, 1).reasons:
                assert reason.code
                assert reason.text
                assert reason.change
