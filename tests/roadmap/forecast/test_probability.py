"""Odds of a proof, distances to a target and blocks until it is reached: by formula, simulation and known prices."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from metrics.measures.reading import Reading
from metrics.stats.confidence import bound_factor, standard_error
from roadmap.forecast.probability import (
    Projection,
    distance_to_target,
    exchanges_without_failure,
    first_reaching_block,
    projection,
    proof_odds,
    value_at_distance,
)
from roadmap.plan.targets import EvidenceRules, Target

START, DUE = date(2013, 1, 7), date(2013, 3, 31)

HALFWAY = date(2013, 2, 17)  # six weeks had, six to come

RULES = EvidenceRules()

SAVED = Reading(
    measure="busy_time_saved", estimate=0.40, low=None, high=None, ci_low=0.3, ci_high=0.5, n=120, n_of="runs",
    blocks=6, coverage=0.9, grade="B", faults="standard", mode="replay", series="s", method="3", start=START,
    end=HALFWAY, missing="6 of 12 weeks", inputs_sha256="1", scale="log_ratio", spread=0.1,
)  # fmt: skip

SHARE = replace(SAVED, estimate=1.0, n=120, n_of="exchanges", scale="wilson", spread=None, effect=1.0)


def wilson(failed, counted, effect=1.0, z=1.959963984540054):
    """Wilson's limits of a rate, as in his paper of 1927: where the rate lies z standard errors of the limit away."""
    n, p = counted / effect, failed / counted
    root = z * math.sqrt(z * z + 4 * n * p * (1 - p))
    return tuple((2 * n * p + z * z + sign * root) / (2 * (n + z * z)) for sign in (-1, 1))


@pytest.mark.parametrize(("have", "blocks", "beyond"), [(6, 13, 0.05), (8, 52, 0.05), (20, 90, 0.03), (30, 365, 0.015)])
def test_odds_count_every_evaluation_until_then(have, blocks, beyond):
    """Week by week with a known noise, some paths reach the target and lose it again: they count as well."""
    path = Projection(distance=beyond, bound_noise=0.15, noise=0.15, max_distance=math.inf, alpha=0.05, bound="anytime")
    dice = np.random.default_rng(1)
    true = beyond + dice.standard_normal(10_000) * 0.15 / math.sqrt(have)
    total, met = np.full(10_000, beyond * have), np.zeros(10_000, dtype=bool)
    for number in range(have + 1, blocks + 1):
        total += true + 0.15 * dice.standard_normal(10_000)
        if number >= 12:
            met |= total / number >= path.half_width(number)
    assert path.odds(have, blocks, 12) == pytest.approx(met.mean(), abs=0.025)
    assert path.odds(have, blocks, 12) == path.odds(have, blocks, 12)
    assert path.odds(have, blocks, 12) > path.odds(have, blocks, first=blocks)


@pytest.mark.parametrize(("direction", "goal"), [("at_least", 0.95), ("at_most", 0.04)])
def test_the_bound_of_a_share_is_wilsons(direction, goal):
    """The closed form and Wilson's own limit reach a target at exactly the same blocks."""
    target = Target(name="recovered_unattended" if direction == "at_least" else "failed_first", **{direction: goal})
    for share in np.linspace(0.9, 1, 21) if direction == "at_least" else np.linspace(0, 0.1, 21):
        reading = replace(SHARE, estimate=float(share), n=400, effect=1.5, blocks=6)
        path = projection(target, reading, RULES)
        for blocks in (6, 12, 30, 100):
            n = 400 / 6 * blocks
            low, high = wilson(share * n, n, 1.5, bound_factor(blocks, 0.05, "anytime"))
            assert path.reaches(blocks) == (low >= goal if direction == "at_least" else high <= goal)


def test_at_the_last_block_the_odds_are_0_or_1():
    """At the last block the odds are 1 or 0, by the bound itself."""
    sure = Projection(distance=0.1, bound_noise=0.1, noise=0.1, max_distance=math.inf, alpha=0.05, bound="anytime")
    assert (sure.odds(12, 12), replace(sure, distance=0.08).odds(12, 12)) == (1.0, 0.0)
    assert replace(sure, max_distance=0.05).odds(6, 12) == 0.0


@pytest.mark.parametrize(("true", "price"), [(0.62, 0.15), (0.64, 0.64), (0.66, 0.95)])
def test_the_odds_of_a_proof_are_the_documented_ones(true, price):
    """10% noise, twelve paired blocks, target 60%: the odds of evidence.md, within two points."""
    beyond = distance_to_target(Target(name="busy_time_saved", at_least=0.60), true, "log_ratio")
    assert proof_odds(beyond, 0.10, 12, RULES) == pytest.approx(price, abs=0.02)


def test_the_odds_of_a_proof_agree_with_a_simulation():
    """The same odds from simulated blocks, judged by the estimator itself."""
    rng = np.random.default_rng(12)
    beyond, wide = math.log(0.4 / 0.36), bound_factor(12, 0.05, "anytime")
    series = rng.normal(0, 0.1, (4000, 12))
    proven = np.mean([z.mean() + beyond >= wide * standard_error(z) for z in series])
    assert proof_odds(beyond, 0.10, 12, RULES) == pytest.approx(proven, abs=0.03)


@pytest.mark.parametrize(("share", "effect", "many"), [(0.05, 1.0, 73), (0.01, 1.0, 381), (0.05, 2.0, 146)])
def test_how_many_it_takes_when_none_fails(share, effect, many):
    """73 for 5% and 381 for 1%, times the design effect; one fewer would not do."""
    assert exchanges_without_failure(share, effect) == many
    assert wilson(0.0, many, effect)[1] <= share < wilson(0.0, many - 1, effect)[1]


def test_no_sample_proves_that_nothing_ever_fails():
    """A share of 0 is refused."""
    with pytest.raises(ValueError, match="between 0 and 1, not 0"):
        exchanges_without_failure(0.0)


@pytest.mark.parametrize("scale", ["log_ratio", "plain", "wilson"])
@pytest.mark.parametrize("direction", ["at_least", "at_most"])
def test_distance_and_value_are_inverse(scale, direction):
    """There and back, on each scale and in both directions."""
    target = Target(name="busy_time_saved" if direction == "at_least" else "failed_first", **{direction: 0.3})
    assert value_at_distance(target, distance_to_target(target, 0.37, scale), scale) == pytest.approx(0.37)
    assert distance_to_target(target, 0.3, scale) == 0
    assert (distance_to_target(target, 0.37, scale) > 0) == (direction == "at_least")


def test_no_gain_lies_beyond_a_target_of_1():
    """A gain of 1 cannot be proven by a range."""
    assert distance_to_target(Target(name="busy_time_saved", at_least=1.0), 0.99, "log_ratio") == -math.inf


def test_the_first_block_that_reaches_is_found_by_halving():
    """The same as by trying one after the other."""
    path = Projection(distance=0.05, bound_noise=0.1, noise=0.1, max_distance=math.inf, alpha=0.05, bound="anytime")
    assert first_reaching_block(path, 6, 200) == next(n for n in range(6, 201) if path.reaches(n))
    assert first_reaching_block(path, 6, 10) is None
