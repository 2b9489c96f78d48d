"""Advice on decisions: every status has some, and two stalled reviews in a row advise a pause."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from roadmap.judge.advice import advise
from roadmap.judge.status import judge
from roadmap.model import Decision, Evidence
from roadmap.plan.loader import load_plan
from roadmap.wording.verdicts import STATUS

PAUSE = Decision(id=1, choice="pause", owner="Ann", why="money", until="2013-02-15", as_of=date(2013, 2, 1))


@pytest.mark.parametrize(
    ("status", "choice"),
    [
        ("proven", "continue"),
        ("not_started", "continue"),
        ("missed", "change"),
        ("stalled", "continue"),
        ("at_risk", "change"),
        ("insufficient", "continue"),
        ("on_track", "continue"),
    ],
)
def test_every_status_has_advice(status, choice):
    """A choice that can be recorded, and why."""
    found = advise(status)
    assert found.choice == choice
    assert found.text


def test_every_status_of_evidence_has_advice():
    """Every status but those that only a decision sets has advice."""
    for status in STATUS.keys() - {"paused", "stopped"}:
        assert advise(status).choice in {"continue", "change", "pause", "stop", "resume"}


def test_two_stalled_reviews_advise_a_pause():
    """Stalled once is a question; stalled in two reviews in a row is pause and re-plan."""
    assert advise("stalled", stalled_before=False).choice == "continue"
    twice = advise("stalled", stalled_before=True)
    assert (twice.choice, twice.text) == ("pause", "pause and re-plan: it was stalled in two reviews in a row")
    assert advise("on_track", stalled_before=True).choice == "continue"


@pytest.mark.parametrize(
    ("status", "choice"),
    [
        ("stalled", "resume"),
        ("at_risk", "resume"),
        ("on_track", "resume"),
        ("missed", "change"),
        ("proven", "continue"),
    ],
)
def test_a_pause_that_is_over_asks_to_be_resumed(status, choice):
    """From the day after its last day; a due date that is past asks for a re-plan."""
    found = advise(status, stalled_before=True, decision=PAUSE, today=date(2013, 2, 16))
    assert found.choice == choice
    if choice == "resume":
        assert found.text == "resume, or decide anew: the pause ended on 15 Feb 2013"


@pytest.mark.parametrize("choice", ["pause", "stop"])
def test_a_decision_does_not_change_the_advice(one_milestone, choice):
    """While it is paused or stopped, the advice is what the evidence alone says."""
    milestone, today = load_plan(one_milestone).milestone("M1"), date(2013, 2, 15)
    decided = replace(PAUSE, choice=choice, until="")
    found = judge(milestone, Evidence(stalled_before=True, decision=decided), today, 1)
    assert found.status == {"pause": "paused", "stop": "stopped"}[choice]
    assert found.advice == judge(milestone, Evidence(stalled_before=True), today, 1).advice


def test_a_verdict_brings_its_advice(one_milestone):
    """No evidence by the third week, and stalled at the review before as well: the advice is a pause."""
    milestone = load_plan(one_milestone).milestone("M1")
    once = judge(milestone, Evidence(), date(2013, 1, 27), 1)
    again = judge(milestone, Evidence(stalled_before=True), date(2013, 2, 3), 0)
    assert [(v.status, v.advice.choice) for v in (once, again)] == [("stalled", "continue"), ("stalled", "pause")]
