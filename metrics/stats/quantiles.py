"""Quantiles of samples and of Student's t, with the standard library only, so that the command line starts fast."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

#: Standard errors on each side of the mean that contain 95% of a normal distribution.
NORMAL_95 = 1.959963984540054


def nearest_rank(ordered: Sequence[T], percent: int) -> T:
    """Return the percentile (1 to 100) of sorted values by nearest rank: one of the values, never between two.

    Raises:
        IndexError: there are no values.
    """
    return ordered[-(-len(ordered) * percent // 100) - 1]


@cache
def t_quantile(p: float, df: int) -> float:
    """Return the `p` quantile of Student's t distribution with `df` degrees of freedom.

    Newton's method on the exact distribution, starting from the normal quantile; the tests compare it with scipy.

    Raises:
        ValueError: `p` is not between 0 and 1, or `df` is below 1.
    """
    if not 0 < p < 1 or df < 1:
        raise ValueError("a t quantile needs 0 < p < 1 and one degree of freedom or more")
    if p < 0.5:
        return -t_quantile(1 - p, df)
    low, high = 0.0, 2.0
    while t_below(high, df) < p:
        low, high = high, high * 2
    x = min(max(NormalDist().inv_cdf(p), low), high)
    for _ in range(200):
        below = t_below(x, df)
        low, high = (x, high) if below < p else (low, x)
        log_density = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - (df + 1) / 2 * math.log1p(x * x / df)
        step = (below - p) / math.exp(log_density) * math.sqrt(df * math.pi)
        # a step out of the bracket is replaced by bisection, so that the search converges
        following = x - step if low < x - step < high else (low + high) / 2
        if abs(following - x) <= 1e-13 * max(1.0, abs(following)):
            return following
        x = following
    return x


def t_below(x: float, df: int) -> float:
    """Return the probability that Student's t is below `x`, for `x` >= 0.

    A finite sum over angles: Abramowitz and Stegun 26.7.3 and 26.7.4.
    """
    angle = math.atan(x / math.sqrt(df))
    sine, cosine2 = math.sin(angle), math.cos(angle) ** 2
    odd = df % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(1 + odd, df, 2):
        total += term
        term *= cosine2 * k / (k + 1)
    within = (angle + sine * total) * 2 / math.pi if odd else sine * total
    return 0.5 + within / 2
