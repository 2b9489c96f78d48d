"""Intervals, bounds and the index, against oracles and against simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metrics.stats import confidence, proportions
from metrics.stats import cost_index as stats_cost_index
from metrics.stats.confidence import anytime_factor, block_range
from metrics.stats.cost_index import PairedTotals, pair_cells
from metrics.stats.quantiles import t_quantile


def cost_index(sides, weights):
    """The index of the cells that both sides have."""
    return stats_cost_index.cost_index(*pair_cells(sides), weights)


def make_sides(subject_busy_s, subject_held, control_busy_s, control_held):
    """Both sides from nested lists: strata by blocks."""
    return PairedTotals(
        subject_busy_s=np.array(subject_busy_s, dtype=float),
        subject_held=np.array(subject_held, dtype=float),
        control_busy_s=np.array(control_busy_s, dtype=float),
        control_held=np.array(control_held, dtype=float),
    )


@pytest.mark.parametrize(("p", "df"), [(0.0, 5), (1.0, 5), (0.9, 0)])
def test_t_quantile_refuses_what_has_no_answer(p, df):
    """A probability of 0 or 1, or no degree of freedom, is an error."""
    with pytest.raises(ValueError, match="t quantile"):
        t_quantile(p, df)


def test_no_failure_in_73_shows_less_than_five_percent():
    """With no failure seen it takes 73 exchanges to stay under 5 %, times the design effect."""
    assert proportions.wilson(0, 73)[1] <= 0.05 < proportions.wilson(0, 72)[1]
    assert proportions.wilson(0, 73 * 3, effect=3)[1] == pytest.approx(proportions.wilson(0, 73)[1])


def test_newcombe_gives_the_published_example():
    """56 of 70 less 48 of 80 is 0.2000, from 0.0524 to 0.3339 (Newcombe 1998, method 10)."""
    assert proportions.newcombe((56, 70, 1), (48, 80, 1)) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_failures_in_lumps_are_worth_less():
    """Forty failures in one block of twenty say much less than two in each of twenty."""
    counted = np.full(20, 100.0)
    lump = np.zeros(20)
    lump[3] = 40
    assert proportions.design_effect(lump, counted) > 30
    assert proportions.design_effect(np.full(20, 2.0), counted) == 1
    assert proportions.design_effect(np.zeros(20), counted, floor=3) == 3


def test_anytime_factor_is_the_papers_formula():
    """The bound's width is written out once more here, in the letters of evidence.md."""
    n, a = 12, 0.1
    rho = math.sqrt((-2 * math.log(a) + math.log(-2 * math.log(a) + 1)) / 30)
    half = math.sqrt(n) * math.sqrt(2 * (n * rho**2 + 1) / (n * rho) ** 2 * math.log(math.sqrt(n * rho**2 + 1) / a))
    assert anytime_factor(12, 0.1) == pytest.approx(half, rel=1e-12)


def test_a_bound_for_many_looks_is_wider_than_one_for_a_single_look():
    """Looking as often as one likes has a price at every number of blocks."""
    z = np.random.default_rng(1).normal(0, 0.1, 52)
    for blocks in range(12, 53):
        assert block_range(z[:blocks], 0.05).half > block_range(z[:blocks], 0.05, "fixed").half


def test_autocorrelation_stays_between_nothing_and_nine_tenths():
    """An alternating series is not taken for good news, nor a drifting one for certainty lost."""
    assert confidence.autocorrelation(np.tile([1.0, -1.0], 10)) == 0
    assert confidence.autocorrelation(np.arange(200.0)) == 0.9
    assert confidence.autocorrelation(np.ones(12)) == pytest.approx(1 / 12)


def test_one_block_has_no_spread():
    """A single block gives no range, not a narrow one."""
    with pytest.raises(ValueError, match="two blocks"):
        block_range(np.array([0.1]), 0.05)


def test_mean_of_the_blocks_is_the_log_of_the_index():
    """The linearised blocks average to the log of the index itself."""
    rng = np.random.default_rng(2)
    sides = make_sides(*(rng.uniform(1, 9, (5, 14)) for _ in range(4)))
    found = cost_index(sides, np.array([0.1, 0.2, 0.3, 0.3, 0.1]))
    assert found.z.mean() == pytest.approx(math.log(found.index), abs=1e-12)


def test_index_weighs_strata_by_the_pinned_weights():
    """Half the cost in three quarters of the work, the same in the rest: 37.5 % saved."""
    sides = make_sides([[5, 5], [3, 3]], [[10, 10], [3, 3]], [[10, 10], [3, 3]], [[10, 10], [3, 3]])
    found = cost_index(sides, np.array([0.75, 0.25]))
    assert found.index == pytest.approx(0.625)
    assert found.coverage == 1


def test_a_stratum_of_one_side_lowers_coverage_and_nothing_else():
    """What only the control has done is not compared, and shows as coverage."""
    nan = float("nan")
    sides = make_sides([[5, 5], [nan, nan]], [[10, 10], [nan, nan]], [[10, 10], [3, 3]], [[10, 10], [3, 3]])
    found = cost_index(sides, np.array([0.6, 0.4]))
    assert found.index == pytest.approx(0.5)
    assert found.coverage == pytest.approx(0.6)


def test_a_cell_of_one_side_is_left_out_on_both():
    """A week that the subject missed in one stratum does not load the control with its cost."""
    nan = float("nan")
    sides = make_sides([[5, nan]], [[10, nan]], [[10, 90]], [[10, 10]])
    assert cost_index(sides, np.array([1.0])).index == pytest.approx(0.5)


def test_delivering_nothing_cannot_flatter():
    """A stratum in which nothing arrived costs as if one record had, rather than dropping out."""
    sides = make_sides([[5, 5], [3, 3]], [[10, 10], [0, 0]], [[10, 10], [3, 3]], [[10, 10], [3, 3]])
    found = cost_index(sides, np.array([0.75, 0.25]))
    assert found.index == pytest.approx(0.75 * 0.5 + 0.25 * 6)
    assert found.z.mean() == pytest.approx(math.log(found.index))


def test_nothing_in_common_is_no_index():
    """Without a stratum of both sides there is no number."""
    nan = float("nan")
    assert cost_index(make_sides([[1.0]], [[1.0]], [[nan]], [[nan]]), np.array([1.0])) is None


def noisy(rng, true_index, blocks, strata=4, noise=0.1):
    """Both sides of a paired replay with lognormal noise, the subject truly at `true_index` of the cost."""
    held = rng.integers(50, 500, (strata, blocks)).astype(float)
    rates = np.arange(1.0, strata + 1)[:, None]
    shocks = rng.lognormal(0, noise, (2, strata, blocks))
    return make_sides(held * rates * true_index * shocks[0], held, held * rates * shocks[1], held)


def test_mix_shift_does_not_show_a_loss_as_a_gain():
    """Every feed is 10 % slower; the naive mean of costs says far better, the index says 10 % more."""
    control_held = np.array([[10.0] * 12, [1000.0] * 12])
    subject_held = np.array([[1000.0] * 12, [10.0] * 12])
    rates = np.array([[1.0], [10.0]])
    sides = make_sides(subject_held * rates * 1.1, subject_held, control_held * rates, control_held)
    naive = 1 - (sides.subject_busy_s.sum() / subject_held.sum()) / (sides.control_busy_s.sum() / control_held.sum())
    assert naive > 0.8
    weights = sides.control_busy_s.sum(axis=1) / sides.control_busy_s.sum()
    assert 1 - cost_index(sides, weights).index == pytest.approx(-0.10)


def test_true_gain_of_forty_percent_is_found_within_three_points():
    """With noise and a shifting mix, twelve weeks find 40 % to within three points."""
    rng = np.random.default_rng(3)
    found = [1 - cost_index(noisy(rng, 0.60, 12), np.array([0.4, 0.3, 0.2, 0.1])).index for _ in range(50)]
    assert abs(np.mean(found) - 0.40) < 0.01
    assert np.mean([abs(gain - 0.40) < 0.03 for gain in found]) > 0.8
    assert max(abs(gain - 0.40) for gain in found) < 0.09


def test_true_loss_of_ten_percent_is_never_proven_a_gain():
    """A service 10 % slower is at no look proven to save time."""
    rng = np.random.default_rng(4)
    weights = np.full(4, 0.25)
    for _ in range(100):
        wide = block_range(cost_index(noisy(rng, 1.10, 13), weights).z, 0.05)
        assert wide.mean + wide.half > 0


def test_ordinary_interval_covers_the_truth_about_as_often_as_it_says():
    """Thirteen independent blocks: the 95 % interval holds the true mean in 90 to 99 of 100 cases."""
    rng = np.random.default_rng(5)
    inside = [
        abs(wide.mean) <= wide.ci_half for wide in (block_range(rng.normal(0, 0.1, 13), 0.05) for _ in range(1000))
    ]
    assert 0.90 <= np.mean(inside) <= 0.99


def ever_met(rng, bound, cases, correlation=0.0):
    """Share of cases in which some look from 12 to 52 blocks puts the whole range past the exact truth."""
    series = rng.normal(0, 0.1, (cases, 52))
    for i in range(1, 52):
        series[:, i] = correlation * series[:, i - 1] + math.sqrt(1 - correlation**2) * series[:, i]

    def met(z):
        looks = (block_range(z[:n], 0.05, bound) for n in range(12, 53))
        return any(look.mean + look.half < 0 for look in looks)

    return np.mean([met(z) for z in series])


def test_looking_every_week_is_seldom_fooled():
    """At the exact target, 41 looks say "met" in at most 5 of 100 cases (2.3 in 40,000 simulations)."""
    assert ever_met(np.random.default_rng(6), "anytime", 700) <= 0.05


def test_looking_every_week_at_a_bound_for_one_look_is_often_fooled():
    """The bound meant for one look says "met" far more often (15 of 100), so the simulation can tell."""
    assert ever_met(np.random.default_rng(6), "fixed", 300) > 0.10


def test_looking_every_week_is_seldom_fooled_by_weeks_alike():
    """With weeks correlated by a half, at most 10 of 100 (7.9 in 40,000 simulations; hence this many cases)."""
    assert ever_met(np.random.default_rng(7), "anytime", 1500, correlation=0.5) <= 0.10


def test_looking_every_week_through_the_whole_index_is_seldom_fooled():
    """From busy seconds and held records to the bound: at the exact target, at most 5 of 100."""
    rng = np.random.default_rng(8)
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    met = 0
    for _ in range(200):
        sides = noisy(rng, 0.40, 52)
        for n in range(12, 53, 2):
            cut = make_sides(*(getattr(sides, name)[:, :n] for name in PairedTotals.__slots__))
            wide = block_range(cost_index(cut, weights).z, 0.05)
            if 1 - math.exp(wide.mean + wide.half) >= 0.60:
                met += 1
                break
    assert met / 200 <= 0.05


@pytest.mark.parametrize(("true_gain", "odds"), [(0.62, 0.15), (0.64, 0.64), (0.66, 0.95)])
def test_the_price_of_looking_is_what_the_definition_says(true_gain, odds):
    """With 10 % noise and 12 blocks, 0.60 is proven as often as evidence.md tells people."""
    rng = np.random.default_rng(9)
    half = (block_range(np.log(1 - true_gain) + rng.normal(0, 0.1, 12), 0.05) for _ in range(2000))
    proven = np.mean([1 - math.exp(wide.mean + wide.half) >= 0.60 for wide in half])
    assert proven == pytest.approx(odds, abs=0.03)
