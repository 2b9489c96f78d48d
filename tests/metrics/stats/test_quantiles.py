"""Quantiles of Student's t; tests/properties/test_statistics_oracles.py compares the values with scipy."""

from __future__ import annotations

import pytest

from metrics.stats.quantiles import t_quantile


@pytest.mark.parametrize(("p", "df"), [(0.0, 5), (1.0, 5), (0.9, 0)])
def test_the_t_quantile_refuses_impossible_arguments(p, df):
    """A probability of 0 or 1, or no degree of freedom, is an error."""
    with pytest.raises(ValueError, match="t quantile"):
        t_quantile(p, df)
