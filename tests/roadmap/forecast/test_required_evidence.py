"""What it takes to prove a target: blocks, a true value, and the earliest day."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from metrics.stats.confidence import bound_factor
from roadmap.forecast.probability import (
    proof_odds,
)
from roadmap.forecast.required_evidence import requirements
from roadmap.plan.targets import EvidenceRules
from tests.roadmap.forecast.forecast_readings import DUE, HALFWAY, LOST, SAVED, SHARE, START

RULES = EvidenceRules()


def test_needs_of_a_milestone_that_was_never_measured(milestone):
    """Twelve weeks, an assumed noise that is named, and the gain that has good odds; a census asks for weeks only."""
    saved, lost = requirements(milestone, {}, START, None, 7)
    assert (saved.blocks, saved.earliest, saved.target) == (12, DUE, 0.30)
    assert saved.assumed == "a noise of 10% from week to week"
    assert proof_odds(math.log(0.7 / (1 - saved.true_gain)), 0.10, 12, RULES) == pytest.approx(0.80, abs=0.001)
    assert "a true 38.2% or more is proven with odds of 80%, assuming a noise of 10%" in saved.text
    assert (lost.role, lost.blocks, lost.true_gain, lost.earliest, lost.assumed) == ("guardrail", 12, 0.0, DUE, "")


def test_needs_after_the_last_responsible_start_say_that_it_is_too_late(milestone):
    """A day later twelve weeks no longer fit, and the earliest day is past the due date."""
    saved, _ = requirements(milestone, {}, START + timedelta(days=1), None, 7)
    assert (saved.true_gain, saved.earliest) == (None, DUE + timedelta(days=1))
    assert "by 31 Mar 2013 there can be 11 weeks, too few to prove it" in saved.text


@pytest.mark.parametrize(("estimate", "blocks"), [(0.40, 12), (0.34, 23), (0.25, None)])
def test_needs_of_what_is_measured_are_at_its_own_noise(milestone, estimate, blocks):
    """Well above the target twelve weeks suffice, nearer to it more, and below it no number does."""
    saved = requirements(
        milestone, {("busy_time_saved", "standard"): replace(SAVED, estimate=estimate)}, HALFWAY, START, 7
    )[0]
    assert (saved.blocks, saved.assumed) == (blocks, "")
    assert saved.earliest == (HALFWAY + timedelta(weeks=blocks - 6) if blocks else None)


def test_needs_of_a_share_are_exchanges_and_weeks(asking):
    """Of 20 exchanges a week, with a design effect of 2: computed for one look and for the bound that decides."""
    asked = asking("recovered_unattended", "at_least = 0.95")
    (found,) = requirements(asked, {("recovered_unattended", "standard"): SHARE}, HALFWAY, START, 7)
    assert "if none fails, 73 exchanges for the ordinary interval and about 156 for the bound" in found.text
    assert "120 counted in 6 weeks, so that is 8 weeks at this rate" in found.text
    assert (found.blocks, found.assumed) == (12, "")
    beyond = found.true_gain - 0.95 - bound_factor(12, 0.05, "anytime") * math.sqrt(0.95 * 0.05 / 240)
    assert beyond == pytest.approx(0.8416 * math.sqrt(found.true_gain * (1 - found.true_gain) / 240), abs=1e-5)
    (lumpy,) = requirements(
        asked, {("recovered_unattended", "standard"): replace(SHARE, effect=2.0)}, HALFWAY, START, 7
    )
    assert "146 exchanges" in lumpy.text
    assert (lumpy.blocks, lumpy.true_gain) == (16, None)
    (unknown,) = requirements(asked, {}, START, None, 7)
    assert unknown.assumed.startswith("a design effect of 1")
    assert (unknown.blocks, unknown.earliest) == (None, None)


def test_a_count_that_failed_for_good_needs_no_more_weeks(milestone):
    """After one lost record there is no earliest day, and the text says so."""
    lost = requirements(milestone, {("lost_records", "standard"): replace(LOST, estimate=1.0)}, HALFWAY, START, 7)[1]
    assert (lost.blocks, lost.true_gain, lost.earliest) == (None, None, None)
    assert lost.text == "Records lost, none: it is at 1 of 1,200 records due, and no later count can change it"
    held = requirements(milestone, {("lost_records", "standard"): LOST}, HALFWAY, START, 7)[1]
    assert (held.blocks, held.earliest) == (12, DUE)


def test_needs_of_outages_name_three(asking):
    """Three of them, and no day."""
    (found,) = requirements(asking("wasted_calls", "at_most = 5"), {}, START, None, 7)
    assert (found.blocks, found.earliest) == (12, None)
    assert "a range takes 3 outages, 0 so far, and outages cannot be forecast" in found.text


def test_needs_in_fixed_mode_end_on_the_due_date(asking):
    """In fixed mode the earliest day is the due date, and past it there is none."""
    asked = asking("busy_time_saved", "at_least = 0.30", rules='evidence = { mode = "fixed" }')
    assert requirements(asked, {}, START, None, 1)[0].earliest == DUE
    assert requirements(asked, {}, START + timedelta(days=80), None, 1)[0].earliest is None


def test_needs_in_production_are_days(asking):
    """Twelve days, from the day on which the subject first runs."""
    asked = asking("busy_time_saved", "at_least = 0.30")
    (found,) = requirements(asked, {}, START, START + timedelta(days=10), 1)
    assert (found.blocks, found.earliest) == (12, START + timedelta(days=21))
    assert "12 days at least" in found.text
