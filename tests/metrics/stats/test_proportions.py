"""Intervals of rates and the design effect, against published examples."""

from __future__ import annotations

import numpy as np
import pytest

from metrics.stats.proportions import design_effect, newcombe, wilson


def test_no_failure_in_73_shows_less_than_five_percent():
    """Without a failure it takes 73 exchanges to stay below 5%, times the design effect."""
    assert wilson(0, 73)[1] <= 0.05 < wilson(0, 72)[1]
    assert wilson(0, 73 * 3, effect=3)[1] == pytest.approx(wilson(0, 73)[1])


def test_newcombe_gives_the_published_example():
    """56 of 70 minus 48 of 80 is 0.2000, from 0.0524 to 0.3339 (Newcombe 1998, method 10)."""
    assert newcombe((56, 70, 1), (48, 80, 1)) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_clustered_failures_count_less():
    """Forty failures in one of twenty blocks are worth much less than two in each of them."""
    counted = np.full(20, 100.0)
    cluster = np.zeros(20)
    cluster[3] = 40
    assert design_effect(cluster, counted) > 30
    assert design_effect(np.full(20, 2.0), counted) == 1
    assert design_effect(np.zeros(20), counted, floor=3) == 3
