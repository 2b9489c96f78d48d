"""Where numbers lead, and what it takes to prove a target: by hand, by simulation, and by evidence.md's price."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from metrics.stats.confidence import bound_factor
from roadmap.forecast.forecast import forecast_targets
from roadmap.plan.loader import load_plan
from tests.roadmap.forecast.forecast_readings import DUE, HALFWAY, LOST, SAVED, SHARE, wilson


def only(milestone, reading, today=HALFWAY, last_day=None):
    """The forecast of a milestone's one target that has a number."""
    (found,) = forecast_targets(milestone, {(reading.measure, "standard"): reading}, today, last_day)
    return found


def test_odds_follow_the_formula(milestone):
    """Six of twelve weeks at 40% with a noise of 0.1, worked out by hand for a target of 30%."""
    room_now = math.log(0.7 / 0.6)
    half = 0.1 / math.sqrt(12) * bound_factor(12, 0.05, "anytime")
    spread = 0.1 * math.sqrt(6 / (6 * 12))
    by_hand = 0.5 * (1 + math.erf((room_now - half) / spread / math.sqrt(2)))
    found = only(milestone, SAVED)
    assert found.odds == pytest.approx(by_hand)
    assert (found.points, found.estimate, found.as_of, found.due) == (6, 0.40, HALFWAY, DUE)
    assert found.text == (
        "odds above 99% that at least 30% is proven by 31 Mar 2013; expected around 31 Mar 2013 if things stay as "
        "they are"
    )


@pytest.mark.parametrize("gain", [0.33, 0.36, 0.38])
def test_odds_agree_with_a_simulation(milestone, gain):
    """A hundred thousand simulated courses of the weeks to come, drawn from the uncertainty of six weeks."""
    rng = np.random.default_rng(20130217)
    now = math.log(1 - gain)
    truth = now + rng.normal(0, 0.1 / math.sqrt(6), 100_000)
    to_come = truth[:, None] + rng.normal(0, 0.1, (100_000, 6))
    mean = (6 * now + to_come.sum(axis=1)) / 12
    bound = 1 - np.exp(mean + 0.1 / math.sqrt(12) * bound_factor(12, 0.05, "anytime"))
    assert only(milestone, replace(SAVED, estimate=gain)).odds == pytest.approx((bound >= 0.30).mean(), abs=0.005)


def test_a_reached_target_has_no_odds(milestone):
    """After twelve weeks at 60% the target is reached, which would make odds of 1; after six it still lies ahead."""
    sure = replace(SAVED, estimate=0.60, blocks=12)
    due = milestone.model_copy(update={"due": DUE + timedelta(days=90)})
    found = only(due, sure, DUE)
    assert (found.odds, found.expected_on, found.text) == (None, DUE, "reached so far")
    assert only(due, replace(sure, blocks=6)).odds > 0.99


def test_odds_of_a_share_agree_with_a_simulation(asking):
    """Exchanges to come fail at a rate drawn from those so far, judged by Wilson at the last week."""
    asked = asking("failed_first", "at_most = 0.10")
    reading = replace(SHARE, measure="failed_first", estimate=0.05, n=600, effect=2.0)
    rng = np.random.default_rng(7)
    failing = rng.beta(15 + 0.5, 285 + 0.5, 20_000)
    failed = 15 + rng.binomial(300, failing)
    z = bound_factor(12, 0.05, "anytime")
    proven = np.mean([wilson(float(x), 600.0, 1.0, z)[1] <= 0.10 for x in failed])
    assert only(asked, reading).odds == pytest.approx(proven, abs=0.05)


def test_what_never_failed_may_still_fail(asking):
    """All of 84 recovered, and only all of 168 would be proof: likelier than not, but not certain.

    With a flat start (Jeffreys) the next 84 all recover with odds of about the root of 84 / 168.
    """
    asked = asking("recovered_unattended", "at_least = 0.95")
    found = only(asked, replace(SHARE, measure="recovered_unattended", n=84))
    assert found.odds == pytest.approx(math.sqrt(0.5), abs=0.1)


@pytest.mark.parametrize(("blocks", "there"), [(5, False), (6, True)])
def test_there_is_no_forecast_before_six_weeks(milestone, blocks, there):
    """Five weeks have no odds and no day, and say so; six have both."""
    found = only(milestone, replace(SAVED, blocks=blocks))
    assert (found.odds is not None, found.expected_on is not None) == (there, there)
    assert there or found.text == "no forecast before 6 weeks of evidence; there are 5 weeks"


@pytest.mark.parametrize(("blocks", "points"), [(41, 5), (42, 6)])
def test_in_production_six_weeks_are_forty_two_days(milestone, blocks, points):
    """Blocks are days there, and six of them are not six weeks."""
    found = only(milestone, replace(SAVED, mode="live", blocks=blocks, estimate=0.32))
    assert (found.points, found.odds is not None) == (points, points == 6)


def test_too_few_blocks_for_a_verdict_have_odds_of_0(milestone):
    """Six had and five to come cannot be twelve, however good they are."""
    assert only(milestone, SAVED, HALFWAY + timedelta(days=7)).odds == 0.0


def test_a_week_under_way_still_counts(milestone):
    """In the middle of the seventh week, with the sixth as the last evidence, twelve are still possible."""
    assert only(milestone, SAVED, HALFWAY + timedelta(days=3), HALFWAY).odds > 0.9
    assert only(milestone, SAVED, HALFWAY + timedelta(days=7), HALFWAY).odds == 0.0


def test_past_the_due_date_there_is_a_day_and_no_odds(milestone):
    """A late proof may still come, and its day is given."""
    found = only(milestone, replace(SAVED, blocks=12, estimate=0.34), DUE + timedelta(days=1))
    assert found.odds is None
    assert found.expected_on > DUE
    assert found.text.startswith("the due date 31 Mar 2013 is past; expected around ")


def test_what_falls_short_is_never_expected(milestone):
    """At 20% a target of 30% is not proven within three years."""
    found = only(milestone, replace(SAVED, estimate=0.20))
    assert found.expected_on is None
    assert found.odds < 0.01
    assert found.text.endswith("not within three years if things stay as they are")
    assert found.text.startswith("odds below 1%")


def test_fixed_mode_is_forecast_for_the_due_date(one_milestone):
    """With `mode = "fixed"` a proof is expected on the due date, or never."""
    text = one_milestone.read_text()
    one_milestone.write_text(text.replace('code = "M1"', 'code = "M1"\nevidence = { mode = "fixed" }'))
    fixed = load_plan(one_milestone).milestone("M1")
    assert only(fixed, SAVED).expected_on == DUE
    assert only(fixed, replace(SAVED, estimate=0.31)).expected_on is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "everything is counted, so there are no odds; it is at its target"),
        ({"estimate": 1.0}, "everything is counted, so there are no odds; it is not at its target"),
    ],
)
def test_a_census_has_no_odds(milestone, changes, said):
    """It is at its target or it is not; a count that grew cannot shrink again."""
    found = only(milestone, replace(LOST, **changes))
    assert (found.odds, found.expected_on, found.ceiling) == (None, None, found.estimate)
    assert found.text.startswith(said)


def test_outages_have_no_odds(asking):
    """Calls to a partner that is down have no odds; their least possible value is known."""
    asked = asking("wasted_calls", "at_most = 5")
    found = only(asked, replace(LOST, measure="wasted_calls", estimate=24.0, n=1))
    assert (found.odds, found.expected_on, found.ceiling) == (None, None, 12.0)
    assert found.text == "no odds: outages cannot be forecast"


@pytest.mark.parametrize(
    ("name", "goal", "estimate", "best"),
    [
        ("recovered_unattended", "at_least = 0.95", 0.90, 0.95),
        ("recovered_unattended", "at_least = 0.95", 0.88, 0.94),
        ("failed_final", "at_most = 0.02", 0.04, 0.02),
        ("failed_final", "at_most = 0.02", 0.06, 0.03),
    ],
)
def test_the_best_possible_value_assumes_perfect_blocks(asking, name, goal, estimate, best):
    """With half of the weeks to come, it is half way to perfect."""
    asked = asking(name, goal)
    found = only(asked, replace(SHARE, measure=name, estimate=estimate))
    assert found.ceiling == pytest.approx(best)


def test_no_number_no_forecast(milestone):
    """A measure without a number has no forecast."""
    assert forecast_targets(milestone, {}, HALFWAY) == ()
    assert forecast_targets(milestone, {("busy_time_saved", "standard"): replace(SAVED, estimate=None)}, HALFWAY) == ()


def test_unknown_noise_gives_no_odds(milestone):
    """Without the noise of a week, weeks to come cannot be forecast."""
    found = only(milestone, replace(SAVED, scale=None, spread=None))
    assert (found.odds, found.text) == (None, "no odds: the noise of a week is unknown")
