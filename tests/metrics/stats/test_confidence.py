"""Standard errors and bounds over blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metrics.stats.confidence import LEAST_NOISE, anytime_factor, autocorrelation, block_range, standard_error


def test_the_anytime_factor_is_the_formula_of_the_paper():
    """The formula is written out again here, in the letters of evidence.md."""
    n, a = 12, 0.1
    rho = math.sqrt((-2 * math.log(a) + math.log(-2 * math.log(a) + 1)) / 30)
    half = math.sqrt(n) * math.sqrt(2 * (n * rho**2 + 1) / (n * rho) ** 2 * math.log(math.sqrt(n * rho**2 + 1) / a))
    assert anytime_factor(12, 0.1) == pytest.approx(half, rel=1e-12)


def test_a_bound_for_many_looks_is_wider_than_one_for_a_single_look():
    """Repeated looks have a price at every number of blocks."""
    z = np.random.default_rng(1).normal(0, 0.1, 52)
    for blocks in range(12, 53):
        assert block_range(z[:blocks], 0.05).half > block_range(z[:blocks], 0.05, "fixed").half


def test_autocorrelation_is_clipped_to_0_and_0_9():
    """An alternating series does not narrow the range, and a drifting one does not widen it without limit."""
    assert autocorrelation(np.tile([1.0, -1.0], 10)) == 0
    assert autocorrelation(np.arange(200.0)) == 0.9
    assert autocorrelation(np.ones(12)) == pytest.approx(1 / 12)


def test_one_block_has_no_spread():
    """A single block is an error instead of a narrow range."""
    with pytest.raises(ValueError, match="two blocks"):
        block_range(np.array([0.1]), 0.05)


@pytest.mark.parametrize("bound", ["anytime", "fixed"])
@pytest.mark.parametrize("noise", [0, 1e-12, 1e-6, 0.004])
@pytest.mark.parametrize("scale", [1.0, 25.0])
def test_blocks_that_hardly_vary_have_the_least_noise(bound, noise, scale):
    """A range has a width even where all blocks are alike, and says that it was assumed."""
    z = scale * (1 + noise * np.tile([1.0, -1.0], 6))
    wide = block_range(z, 0.05, bound, scale=scale)
    assert wide.assumed
    assert wide.se == pytest.approx(LEAST_NOISE * scale / math.sqrt(12))
    assert min(wide.half, wide.ci_half) > wide.se


def test_blocks_that_vary_decide_their_own_range():
    """Noise above the least one is taken as it is, and another lower limit is no assumption about the noise."""
    z = 0.02 * np.tile([1.0, -1.0], 6)
    assert (block_range(z, 0.05).se, block_range(z, 0.05).assumed) == (standard_error(z), False)
    assert (block_range(z * 0, 0.05, least_se=1.0).se, block_range(z * 0, 0.05, least_se=1.0).assumed) == (1.0, False)


def test_unpaired_sides_have_the_least_noise_of_both():
    """Two constant sides are as uncertain as both together; a noisy one decides alone."""
    flat, noisy = np.ones(12), np.tile([0.1, -0.1], 8)
    assert block_range(flat, 0.05, z_control=flat).se == pytest.approx(LEAST_NOISE / math.sqrt(6))
    assert block_range(flat, 0.05, z_control=noisy).se == pytest.approx(standard_error(noisy))
