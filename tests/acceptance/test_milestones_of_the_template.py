"""The later milestones of the template, judged on a made-up year: just below, at, and above each target."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

import roadmap
from metrics.store.database import open_reader
from roadmap.judge.evaluate import judge_all
from roadmap.plan.loader import load_plan
from roadmap.report.verdict_text import to_text

PLAN = load_plan(Path(roadmap.__file__).with_name("milestones.toml"))
THREE = (40, 44, 48)


@pytest.fixture
def judged(made_up):
    """A function that judges a milestone on the last day of a made-up year; its verdict and each criterion's."""

    def judge(code, **settings):
        with closing(open_reader(made_up(moves=True, **settings))) as db:
            verdicts = judge_all(db, PLAN, date(2013, 12, 31), 4)
        (verdict,) = [verdict for verdict in verdicts if verdict.code == code]
        return verdict, {(c.role, c.name): c for c in verdict.criteria}

    return judge


def test_good_numbers_prove_the_second_and_the_third_milestone(judged):
    """All good rows delivered, none quarantined, none lost, none twice, in time: proven at twelve weeks."""
    for code, day in (("M2", date(2013, 6, 23)), ("M3", date(2013, 9, 22))):
        verdict, criteria = judged(code)
        assert (verdict.status, verdict.proven_on) == ("proven", day)
        assert {c.verdict for c in criteria.values()} == {"met", "held"}


@pytest.mark.parametrize(
    ("code", "settings", "name", "text"),
    [
        ("M2", {"good_missing": 1}, "good_rows_delivered", "good rows due beside broken ones"),
        ("M2", {"good_aside": 1}, "false_rejects", "1 of"),
        ("M3", {"lost": 1}, "lost_records", "1 of"),
        ("M3", {"twice": 1}, "partner_duplicates", "1 of"),
    ],
)
def test_one_row_in_a_quarter_fails_a_census(judged, code, settings, name, text):
    """One good row missing or quarantined, one record lost or twice: not met, whatever the other weeks show."""
    verdict, criteria = judged(code, **settings)
    assert verdict.status == "missed"
    assert criteria["metric", name].verdict == "not_met"
    assert text in to_text([verdict])
    others = [c for key, c in criteria.items() if c.verdict in {"not_met", "breached"} and key[1] != name]
    assert others == []


def test_a_service_that_saves_too_little_breaches_the_guardrail(judged):
    """Time saved is a guardrail of M2: 20% saved breaches it, and M2 is not proven."""
    verdict, criteria = judged("M2", cost=0.8)
    assert (verdict.status, criteria["guardrail", "busy_time_saved"].verdict) == ("missed", "breached")
    assert criteria["metric", "false_rejects"].verdict == "met"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"recovers": 100}, "met"),
        ({"recovers": 99}, "inconclusive"),
        ({"recovers": 95}, "inconclusive"),
        ({"recovers": 50}, "not_met"),
        ({"recovers": 0}, "not_met"),
    ],
)
def test_recoveries_are_judged_by_their_range(judged, settings, expected):
    """156 failures in the quarter: all recovered is a proof; all but one or two, or exactly the target, is none."""
    _, criteria = judged("M4", outages=THREE, **settings)
    assert criteria["metric", "recovered_unattended"].verdict == expected


@pytest.mark.parametrize(
    ("settings", "expected", "text"),
    [
        ({}, "insufficient", "no partner was down in this period"),
        ({"outages": (41,)}, "insufficient", "1 of 3 outages that a range requires"),
        ({"outages": (41, 45)}, "insufficient", "2 of 3 outages that a range requires"),
        ({"outages": (3, 20, 30)}, "insufficient", "no partner was down in this period"),
        ({"outages": THREE, "calls_down": 24}, "met", "1.0, likely 0.0 to 2.3 calls per outage hour"),
        ({"outages": THREE, "calls_down": 120}, "inconclusive", "5.0, likely 2.1 to 7.9 calls per outage hour"),
        ({"outages": THREE, "calls_down": 1200}, "not_met", "50.0, likely 40.9 to 59.1 calls per outage hour"),
    ],
)
def test_wasted_calls_are_judged_after_three_outages(judged, settings, expected, text):
    """No outage in the quarter, too few, and three with calls below, at and above five an hour."""
    verdict, criteria = judged("M4", **settings)
    assert criteria["metric", "wasted_calls"].verdict == expected
    assert text in to_text([verdict])


def test_the_fourth_milestone_is_proven_when_all_targets_are_met(judged):
    """Time saved, three outages with few calls, and enough recovered failures only with the last week."""
    verdict, _ = judged("M4", cost=0.3, outages=THREE, calls_down=12)
    assert (verdict.status, verdict.proven_on) == ("proven", date(2013, 12, 31))


def test_a_milestone_reads_its_own_level_only(judged):
    """Records that level 2 lost in its quarter do not count against level 3, whose quarter is complete."""
    verdict, _ = judged("M3", good_missing=3)
    assert verdict.status == "proven"
    first, criteria = judged("M1")
    assert criteria["metric", "busy_time_saved"].reading.blocks == 13
    assert first.subject == "service@1"
