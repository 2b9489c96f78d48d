"""Standard errors and bounds over blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metrics.stats.confidence import anytime_factor, autocorrelation, block_range


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
