"""Simulations with fixed seeds: intervals cover the truth, and repeated looks seldom find a false "met".

The figures in brackets are of 20,000 simulations. The required figures are those of evidence.md; the seeds were not
selected.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from metrics.stats import cost_index, proportions
from metrics.stats.confidence import block_range
from metrics.stats.cost_index import PairedTotals, pair_cells


def correlated(rng, cases, blocks, correlation):
    """Return series of blocks around 0 with 10% noise and autocorrelated neighbours (AR(1))."""
    series = rng.normal(0, 0.1, (cases, blocks))
    for i in range(1, blocks):
        series[:, i] = correlation * series[:, i - 1] + math.sqrt(1 - correlation**2) * series[:, i]
    return series


@pytest.mark.parametrize(("correlation", "least"), [(0.0, 0.93), (0.5, 0.90)])
@pytest.mark.parametrize("control_blocks", [None, 28, 90])
def test_interval_of_28_blocks_covers_the_truth(correlation, least, control_blocks):
    """The 95% interval holds the truth often enough, paired (96.3, 91.4%) and unpaired (96.8, 94.0% with 28)."""
    rng = np.random.default_rng(28)
    series = correlated(rng, 4000, 28, correlation)
    controls = correlated(rng, 4000, control_blocks, correlation) if control_blocks else [None] * 4000
    ranges = (block_range(z, 0.05, z_control=control) for z, control in zip(series, controls, strict=True))
    assert np.mean([abs(wide.mean) <= wide.ci_half for wide in ranges]) >= least


def test_an_interval_without_the_correction_covers_too_little():
    """With a correlation of 0.5 and no correction it covers at most 80 of 100 cases: the test can tell."""
    series = correlated(np.random.default_rng(28), 2000, 28, 0.5)
    half = 2.0518 * series.std(axis=1, ddof=1) / math.sqrt(28)
    assert np.mean(np.abs(series.mean(axis=1)) <= half) < 0.80


@pytest.mark.parametrize(("correlation", "most"), [(0.0, 0.05), (0.5, 0.10)])
@pytest.mark.parametrize("control_blocks", [28, 200, None])
def test_repeated_looks_at_unpaired_sides_seldom_find_a_false_met(correlation, most, control_blocks):
    """At the exact target 41 looks say "met" in 2.3 and 6.6% of cases at most, for any length of the history."""
    rng = np.random.default_rng(12)
    cases = 300
    series = correlated(rng, cases, 52, correlation)
    controls = correlated(rng, cases, control_blocks or 52, correlation)

    def met(z, control):
        looks = (block_range(z[:n], 0.05, z_control=control if control_blocks else control[:n]) for n in range(12, 53))
        return any(look.mean + look.half < 0 for look in looks)

    assert np.mean([met(z, control) for z, control in zip(series, controls, strict=True)]) <= most


RECORDS = np.array([10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0])[:, None]


def migrating(rng, true_index, blocks=26, noise=0.05):
    """Return a migration and its weights: the service takes the smallest feed first, a bigger one every four blocks."""
    held = RECORDS * rng.uniform(0.8, 1.2, (6, blocks))
    cost = 0.01 * np.array([5.0, 3.0, 2.0, 1.5, 1.2, 1.0])[:, None]
    shocks = rng.lognormal(0, noise, (2, 6, blocks))
    has_started = np.arange(blocks) >= 4 * np.arange(6)[:, None]
    control = held * cost * shocks[0]
    sides = PairedTotals(
        subject_busy_s=np.where(has_started, held * cost * np.reshape(true_index, (-1, 1)) * shocks[1], np.nan),
        subject_held=np.where(has_started, held, np.nan),
        control_busy_s=control,
        control_held=held,
    )
    return sides, control.sum(axis=1) / control.sum()


@pytest.mark.parametrize("paired", [True, False])
def test_a_loss_is_never_shown_as_a_gain_while_small_feeds_move_first(paired):
    """Every feed is 10% slower; the plain mean says better at each seed and look, the index never does."""
    for seed in range(100):
        sides, weights = migrating(np.random.default_rng(seed), 1.1)
        for blocks in (8, 14, 20, 26):
            cut = first_blocks(sides, blocks)
            naive = 1 - np.nanmean(cut.subject_busy_s) / np.nanmean(cut.control_busy_s)
            found = cost_of(cut, weights, paired)
            wide = block_range(found.z, 0.05, z_control=found.z_control)
            assert naive > 0.2
            assert found.index > 1
            assert wide.mean + wide.half > 0


def first_blocks(sides, count):
    """Return both sides cut after a number of blocks."""
    return PairedTotals(**{name: getattr(sides, name)[:, :count] for name in PairedTotals.__slots__})


def cost_of(sides, weights, paired):
    """Return the index of paired or unpaired sides."""
    return cost_index.cost_index(*pair_cells(sides), weights) if paired else unpaired(sides, weights)


def unpaired(sides, weights):
    """Return the index of sides that are compared by their totals."""
    subject = cost_index.known_cells(sides.subject_busy_s, sides.subject_held)
    return cost_index.cost_index(
        subject, cost_index.known_cells(sides.control_busy_s, sides.control_held), weights, paired=False
    )


@pytest.mark.parametrize("paired", [True, False])
def test_a_gain_of_forty_percent_is_found_within_three_points_while_the_mix_shifts(paired):
    """Each of a hundred seeds gives 40% to within three points."""
    found = [cost_of(*migrating(np.random.default_rng(seed), 0.6), paired).index for seed in range(100)]
    assert max(abs(1 - index - 0.40) for index in found) <= 0.03


def test_the_plain_mean_calls_a_slower_service_eighty_percent_better():
    """Small feeds move first, each 10% slower: the plain mean of runs says 80% better, the index says 10% worse."""
    sides, weights = migrating(np.random.default_rng(1), 1.1, blocks=14)
    assert 1 - np.nanmean(sides.subject_busy_s) / np.nanmean(sides.control_busy_s) > 0.80
    assert cost_of(sides, weights, paired=True).index == pytest.approx(1.1, abs=0.03)


#: True cost of each feed as a share of the control's: missing cells must not change the weight of the others.
FEED_COSTS = np.array([0.2, 0.9, 0.4, 0.8, 0.5, 0.7])


def missing_cells(rng, kind, shape):
    """Return a mask of missing cells: a third of all, a third of the blocks, or most of the two biggest feeds'."""
    if kind == "cells":
        return rng.random(shape) < 1 / 3
    if kind == "blocks":
        return np.broadcast_to(rng.random(shape[1]) < 1 / 3, shape)
    return (rng.random(shape) < 0.7) & (np.arange(shape[0])[:, None] >= 4)


@pytest.mark.parametrize("kind", ["cells", "blocks", "big feeds"])
@pytest.mark.parametrize("paired", [True, False])
def test_missing_cells_do_not_bias(kind, paired):
    """Cells, whole blocks or most of the big feeds' missing: the gain stays within half a point on average."""
    gains, truth = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        sides, weights = migrating(rng, FEED_COSTS, blocks=52)
        is_missing = missing_cells(rng, kind, sides.subject_busy_s.shape)
        names = ("subject_busy_s", "subject_held")
        holed = {name: np.where(is_missing, np.nan, getattr(sides, name)) for name in names}
        found = cost_of(
            PairedTotals(control_busy_s=sides.control_busy_s, control_held=sides.control_held, **holed), weights, paired
        )
        assert found.coverage == pytest.approx(1)
        gains.append(1 - found.index)
        truth.append(1 - weights @ FEED_COSTS)
    assert np.mean(np.subtract(gains, truth)) == pytest.approx(0, abs=0.005)


def test_feeds_that_are_missing_lower_the_coverage():
    """Without the two biggest feeds the index is of the others, and the coverage is their share of the work."""
    sides, weights = migrating(np.random.default_rng(5), FEED_COSTS)
    big = np.arange(6)[:, None] >= 4
    holed = PairedTotals(
        subject_busy_s=np.where(big, np.nan, sides.subject_busy_s),
        subject_held=np.where(big, np.nan, sides.subject_held),
        control_busy_s=sides.control_busy_s,
        control_held=sides.control_held,
    )
    found = cost_of(holed, weights, paired=True)
    assert found.coverage == pytest.approx(weights[:4].sum())
    assert found.index == pytest.approx(np.average(FEED_COSTS[:4], weights=weights[:4]), abs=0.03)
    assert cost_index.programme_gain(1 - found.index, found.coverage) < 0.2 < 1 - weights @ FEED_COSTS


def outages(rng, blocks=28, odds=0.15, days=1):
    """Return failures per block of 40 exchanges: one in a hundred, but eight in ten while the partner is down."""
    starts = rng.random(blocks + days) < odds / days
    down = np.array([starts[b : b + days].any() for b in range(1, blocks + 1)])
    return rng.binomial(40, np.where(down, 0.8, 0.01)).astype(float), np.full(blocks, 40.0)


@pytest.mark.parametrize(
    ("blocks", "days", "least", "by_runs"), [(28, 1, 0.93, 0.30), (90, 1, 0.95, 0.30), (90, 3, 0.95, 0.25)]
)
def test_the_design_effect_makes_intervals_cover_outages(blocks, days, least, by_runs):
    """An interval over runs covers the rate of clustered failures in a quarter of the cases, ours in 93 of 100."""
    rng = np.random.default_rng(9)
    down = 1 - (1 - 0.15 / days) ** days
    truth = down * 0.8 + (1 - down) * 0.01
    ours, runs = [], []
    for _ in range(1500):
        failed, counted = outages(rng, blocks, days=days)
        x, n = failed.sum(), counted.sum()
        for kept, effect in ((ours, proportions.design_effect(failed, counted)), (runs, 1.0)):
            low, high = proportions.wilson(x, n, effect)
            kept.append(low <= truth <= high)
    assert np.mean(ours) >= least
    assert np.mean(runs) <= by_runs


def test_a_difference_of_rates_under_outages_is_covered():
    """Both sides have their own outages: Newcombe's interval with design effects covers a difference of 0."""
    rng = np.random.default_rng(10)
    inside = []
    for _ in range(2000):
        sides = []
        for failed, counted in (outages(rng), outages(rng)):
            sides.append((failed.sum(), counted.sum(), proportions.design_effect(failed, counted)))
        low, high = proportions.newcombe(*sides)
        inside.append(low <= 0 <= high)
    assert np.mean(inside) >= 0.92


def noisy(rng, true_index, blocks, strata=4, noise=0.1):
    """Both sides of a paired replay with lognormal noise, the subject truly at `true_index` of the cost."""
    held = rng.integers(50, 500, (strata, blocks)).astype(float)
    rates = np.arange(1.0, strata + 1)[:, None]
    shocks = rng.lognormal(0, noise, (2, strata, blocks))
    return PairedTotals(
        subject_busy_s=held * rates * true_index * shocks[0],
        subject_held=held,
        control_busy_s=held * rates * shocks[1],
        control_held=held,
    )


def test_true_gain_of_forty_percent_is_found_within_three_points():
    """With noise and a shifting mix, twelve weeks find 40 % to within three points."""
    rng = np.random.default_rng(3)
    found = [1 - cost_of(noisy(rng, 0.60, 12), np.array([0.4, 0.3, 0.2, 0.1]), paired=True).index for _ in range(50)]
    assert abs(np.mean(found) - 0.40) < 0.01
    assert np.mean([abs(gain - 0.40) < 0.03 for gain in found]) > 0.8
    assert max(abs(gain - 0.40) for gain in found) < 0.09


def test_a_true_loss_of_ten_percent_is_never_proven_a_gain():
    """For a service that is 10% slower no look proves that it saves time."""
    rng = np.random.default_rng(4)
    weights = np.full(4, 0.25)
    for _ in range(100):
        wide = block_range(cost_of(noisy(rng, 1.10, 13), weights, paired=True).z, 0.05)
        assert wide.mean + wide.half > 0


def test_the_ordinary_interval_covers_the_truth_at_its_nominal_rate():
    """Thirteen independent blocks: the 95 % interval holds the true mean in 90 to 99 of 100 cases."""
    rng = np.random.default_rng(5)
    inside = [
        abs(wide.mean) <= wide.ci_half for wide in (block_range(rng.normal(0, 0.1, 13), 0.05) for _ in range(1000))
    ]
    assert 0.90 <= np.mean(inside) <= 0.99


def share_met(rng, bound, cases, correlation=0.0):
    """Return the share of cases in which some look from 12 to 52 blocks puts the whole range past the exact truth."""

    def is_met(z):
        looks = (block_range(z[:n], 0.05, bound) for n in range(12, 53))
        return any(look.mean + look.half < 0 for look in looks)

    return np.mean([is_met(z) for z in correlated(rng, cases, 52, correlation)])


def test_weekly_looks_seldom_find_a_false_met():
    """At the exact target, 41 looks say "met" in at most 5 of 100 cases (2.3 in 40,000 simulations)."""
    assert share_met(np.random.default_rng(6), "anytime", 700) <= 0.05


def test_weekly_looks_at_a_bound_for_one_look_often_find_a_false_met():
    """The bound meant for one look says "met" far more often (15 of 100), so the simulation can tell."""
    assert share_met(np.random.default_rng(6), "fixed", 300) > 0.10


def test_weekly_looks_at_correlated_weeks_seldom_find_a_false_met():
    """With weeks correlated by a half, at most 10 of 100 (7.9 in 40,000 simulations; hence this many cases)."""
    assert share_met(np.random.default_rng(7), "anytime", 1500, correlation=0.5) <= 0.10


def test_weekly_looks_at_the_whole_index_seldom_find_a_false_met():
    """From busy seconds and held records to the bound: at the exact target, at most 5 of 100."""
    rng = np.random.default_rng(8)
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    met = 0
    for _ in range(200):
        sides = noisy(rng, 0.40, 52)
        for n in range(12, 53, 2):
            wide = block_range(cost_of(first_blocks(sides, n), weights, paired=True).z, 0.05)
            if 1 - math.exp(wide.mean + wide.half) >= 0.60:
                met += 1
                break
    assert met / 200 <= 0.05


@pytest.mark.parametrize(("true_gain", "odds"), [(0.62, 0.15), (0.64, 0.64), (0.66, 0.95)])
def test_the_price_of_repeated_looks_is_as_documented(true_gain, odds):
    """With 10 % noise and 12 blocks, 0.60 is proven as often as evidence.md says."""
    rng = np.random.default_rng(9)
    half = (block_range(np.log(1 - true_gain) + rng.normal(0, 0.1, 12), 0.05) for _ in range(2000))
    proven = np.mean([1 - math.exp(wide.mean + wide.half) >= 0.60 for wide in half])
    assert proven == pytest.approx(odds, abs=0.03)
