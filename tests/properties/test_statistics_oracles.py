"""Statistics that agree with scipy and statsmodels, or with plain arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW
from statsmodels.tsa.stattools import acf

from metrics.stats import confidence, cost_index, proportions
from metrics.stats.cost_index import PairedTotals, pair_cells
from metrics.stats.quantiles import t_quantile


@pytest.mark.parametrize("df", [1, 2, 3, 4, 7, 11, 12, 51, 364, 400])
@pytest.mark.parametrize("p", [0.001, 0.05, 0.5, 0.9, 0.975, 0.9995])
def test_the_t_quantile_agrees_with_scipy(p, df):
    """The t quantile agrees with scipy to ten digits."""
    assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize(("failed", "counted"), [(0, 73), (1, 20), (5, 1000), (20, 20)])
def test_wilson_agrees_with_scipy_and_statsmodels(failed, counted):
    """Wilson's interval agrees with both."""
    oracle = stats.binomtest(failed, counted).proportion_ci(method="wilson")
    assert proportions.wilson(failed, counted) == pytest.approx((oracle.low, oracle.high), abs=1e-12)
    assert proportions.wilson(failed, counted) == pytest.approx(
        proportion_confint(failed, counted, method="wilson"), abs=1e-12
    )


@pytest.mark.parametrize(
    ("one", "two"), [((56, 70), (48, 80)), ((9, 10), (3, 10)), ((0, 40), (5, 60)), ((0, 30), (0, 90)), ((7, 7), (0, 9))]
)
def test_newcombe_agrees_with_statsmodels(one, two):
    """Newcombe's interval of a difference agrees with statsmodels', failures none or all of them included."""
    oracle = confint_proportions_2indep(*one, *two, method="newcomb", compare="diff")
    assert proportions.newcombe((*one, 1), (*two, 1)) == pytest.approx(oracle, abs=1e-12)


@pytest.mark.parametrize("n", [5, 12, 52])
def test_autocorrelation_agrees_with_statsmodels_after_its_correction(n):
    """The lag-1 autocorrelation is that of statsmodels, plus the correction for short series, within 0 ... 0.9."""
    z = np.random.default_rng(n).normal(size=n).cumsum()
    raw = float(acf(z, nlags=1, fft=False)[1])
    assert confidence.autocorrelation(z) == pytest.approx(min(max(raw + (1 + 3 * raw) / n, 0), 0.9), abs=1e-12)


def test_the_unpaired_standard_error_is_welchs():
    """Without autocorrelation the unpaired standard error is Welch's, and the paired one that of a t test."""
    rng = np.random.default_rng(1)
    z, control = np.tile([1.0, -1.0], 9) * rng.uniform(1, 2, 18), np.tile([3.0, -2.0], 14) * rng.uniform(1, 2, 28)
    assert confidence.autocorrelation(z) == confidence.autocorrelation(control) == 0
    wide = confidence.block_range(z, 0.05, z_control=control)
    assert wide.se == pytest.approx(CompareMeans(DescrStatsW(z), DescrStatsW(control)).std_meandiff_separatevar)
    assert (wide.blocks, wide.ci_half) == (18, pytest.approx(wide.se * stats.t.ppf(0.975, 17)))
    lone = confidence.block_range(z, 0.05)
    low, high = DescrStatsW(z).tconfint_mean()
    assert (lone.mean - lone.ci_half, lone.mean + lone.ci_half) == pytest.approx((low, high))


def test_the_ratio_of_sums_is_the_textbook_estimator():
    """Mean and standard error are those of the ratio estimator, written out (Cochran 6.3)."""
    rng = np.random.default_rng(2)
    counts = rng.uniform(50, 150, 20)
    amounts = counts * 0.3 + np.tile([4.0, -4.0], 10)
    z = cost_index.ratio_of_sums(amounts, counts)
    ratio = amounts.sum() / counts.sum()
    residual = amounts - ratio * counts
    textbook = math.sqrt((residual @ residual) / (20 - 1) / 20) / counts.mean()
    assert z.mean() == pytest.approx(ratio)
    assert z.std(ddof=1) / math.sqrt(20) == pytest.approx(textbook)


def test_a_ratio_without_counts_is_an_error():
    """Counts that add up to 0 are a ValueError."""
    with pytest.raises(ValueError, match="something counted"):
        cost_index.ratio_of_sums(np.zeros(3), np.zeros(3))


def made_up(rng, blocks=14, strata=5):
    """Busy seconds and held records of both sides, and weights."""
    grids = (rng.uniform(1, 9, (strata, blocks)) for _ in range(4))
    sides = PairedTotals(
        **dict(zip(("subject_busy_s", "subject_held", "control_busy_s", "control_held"), grids, strict=True))
    )
    return sides, rng.uniform(0, 1, strata)


def direct(sides, weights):
    """The index and the geometric mean, stratum by stratum in plain arithmetic."""
    ratios = [
        (sides.subject_busy_s[s].sum() / sides.subject_held[s].sum())
        / (sides.control_busy_s[s].sum() / sides.control_held[s].sum())
        for s in range(len(weights))
    ]
    return np.average(ratios, weights=weights), stats.gmean(ratios, weights=weights)


@pytest.mark.parametrize("paired", [True, False])
def test_the_index_and_the_geometric_mean_agree_with_plain_arithmetic(paired):
    """The index is the weighted mean of the strata's ratios; the geometric mean is weighted alike."""
    sides, weights = made_up(np.random.default_rng(3))
    index = cost_index.cost_index(*pair_cells(sides), weights, paired=paired)
    assert (index.index, index.geometric) == pytest.approx(direct(sides, weights))
    assert index.geometric < index.index


def test_the_linearised_noise_agrees_with_the_jackknife():
    """The standard error of the linearised series agrees with the jackknife of log(index), over a hundred blocks."""
    rng = np.random.default_rng(4)
    sides, weights = made_up(rng, blocks=100)
    names = PairedTotals.__slots__

    def without(b):
        return PairedTotals(**{name: np.delete(getattr(sides, name), b, axis=1) for name in names})

    left = np.array([math.log(direct(without(b), weights)[0]) for b in range(100)])
    jackknife = math.sqrt(99 / 100 * ((left - left.mean()) ** 2).sum())
    z = cost_index.cost_index(*pair_cells(sides), weights).z
    assert z.std(ddof=1) / 10 == pytest.approx(jackknife, rel=0.03)
    index = cost_index.cost_index(*pair_cells(sides), weights, paired=False)
    assert index.z + index.z_control == pytest.approx(z)
