"""Numbers in, numbers out: gains, intervals and rates of evidence.md. No database, no clock.

The unit of evidence is the block (a replayed week, a day of production), never the run: runs of one day are alike.
Gains are shares (0.60 means 60 % less time). Two kinds of range are made: the ordinary interval, for the eye, and the
anytime-valid bound, which stays true however often it is looked at, and which alone decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Number of blocks at which the anytime-valid bound is tightest.
TIGHTEST_AT = 30

#: Autocorrelation is never taken for more than this; beyond it the correction would rest on nothing.
MAX_AUTOCORRELATION = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Busy seconds and held records per stratum (rows) and block (columns), of both sides.

    `nan` marks a cell that a side lacks. Sums are over rounds, which a ratio does not feel.
    """

    subject_busy_s: Floats
    subject_held: Floats
    control_busy_s: Floats
    control_held: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Cost of the subject as a share of the control's, the mix held still.

    `index` 0.40 is a gain of 0.60. `z` is the linearised log-ratio of each block; its mean is `log(index)`.
    """

    index: float
    coverage: float
    z: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A mean with its standard error, and the two half widths around it."""

    mean: float
    se: float
    half: float  #: of the bound that decides
    ci_half: float  #: of the ordinary two-sided 95 % interval


def cost_index(sides: Sides, weights: Floats) -> Index | None:
    """The index over the strata that both sides have, or None when there is none.

    A cell counts when both sides have it. A stratum of which the subject was given records and the partner holds none
    is counted as if it held one: it cannot be left out, which would flatter. The columns must be the blocks that both
    sides have.
    """
    both = ~(
        np.isnan(sides.subject_busy_s)
        | np.isnan(sides.subject_held)
        | np.isnan(sides.control_busy_s)
        | np.isnan(sides.control_held)
    )
    busy1, held1 = np.where(both, sides.subject_busy_s, 0.0), np.where(both, sides.subject_held, 0.0)
    busy0, held0 = np.where(both, sides.control_busy_s, 0.0), np.where(both, sides.control_held, 0.0)
    have = (busy1.sum(axis=1) > 0) & (busy0.sum(axis=1) > 0) & (held0.sum(axis=1) > 0) & (weights > 0)
    if not have.any():
        return None
    busy1, held1, busy0, held0 = busy1[have], held1[have], busy0[have], held0[have]
    total1, total0 = busy1.sum(axis=1, keepdims=True), busy0.sum(axis=1, keepdims=True)
    held1 = np.where(held1.sum(axis=1, keepdims=True) > 0, held1, busy1 / total1)
    cost1 = total1 / held1.sum(axis=1, keepdims=True)
    cost0 = total0 / held0.sum(axis=1, keepdims=True)
    weight = weights[have]
    parts = weight * (cost1 / cost0)[:, 0]
    index = float(parts.sum() / weight.sum())
    blocks = busy1.shape[1]
    pull = (busy1 - cost1 * held1) / total1 - (busy0 - cost0 * held0) / total0
    z = math.log(index) + blocks * (parts / parts.sum()) @ pull
    return Index(index=index, coverage=float(weight.sum() / weights.sum()), z=z)


def autocorrelation(z: Floats) -> float:
    """Lag-1 autocorrelation, corrected for short series and clipped to 0 ... 0.9."""
    apart = z - z.mean()
    spread = float(apart @ apart)
    raw = float(apart[1:] @ apart[:-1]) / spread if spread > 0 else 0.0
    return min(max(raw + (1 + 3 * raw) / z.size, 0.0), MAX_AUTOCORRELATION)


def standard_error(z: Floats) -> float:
    """Standard error of the mean of a series of blocks, AR(1) corrected.

    Raises:
        ValueError: fewer than two blocks have no spread.
    """
    if z.size < 2:
        raise ValueError("a standard error needs two blocks or more")
    apart, r = z - z.mean(), autocorrelation(z)
    variance = float(apart @ apart) / (z.size - 1)
    return math.sqrt(variance / z.size * (1 + r) / (1 - r))


def anytime_factor(blocks: int, a: float) -> float:
    """How many standard errors the anytime-valid bound is wide after so many blocks.

    Asymptotic confidence sequence (Waudby-Smith et al., arXiv 2103.06476). `a` is the two-sided risk: twice the
    one-sided risk of a false "proven".
    """
    rho2 = (-2 * math.log(a) + math.log(-2 * math.log(a) + 1)) / TIGHTEST_AT
    grown = blocks * rho2 + 1
    return math.sqrt(blocks * 2 * grown / (blocks * blocks * rho2) * math.log(math.sqrt(grown) / a))


def factor(blocks: int, alpha: float, bound: str) -> float:
    """Standard errors between a mean and the bound that decides: `anytime`, or `fixed` (one look, t quantile)."""
    return anytime_factor(blocks, 2 * alpha) if bound == "anytime" else t_quantile(1 - alpha, blocks - 1)


def block_range(z: Floats, alpha: float, bound: str = "anytime") -> Range:
    """Mean of a series of blocks and how far from it the truth may be; `alpha` is the one-sided risk.

    Raises:
        ValueError: fewer than two blocks.
    """
    se = standard_error(z)
    return Range(
        mean=float(z.mean()),
        se=se,
        half=se * factor(z.size, alpha, bound),
        ci_half=se * t_quantile(0.975, z.size - 1),
    )


def design_effect(failed: Floats, counted: Floats, floor: float = 1.0) -> float:
    """How many exchanges stand for one independent one: failures come in lumps, a lump a block.

    `failed` and `counted` are per block. `floor` is the number of rounds: the same plan of faults met again is no new
    witness, which shows even where nothing failed.
    """
    n = float(counted.sum())
    p = float(failed.sum()) / n
    if counted.size < 2 or not 0 < p < 1:
        return max(1.0, floor)
    apart = failed - p * counted
    variance = counted.size / (counted.size - 1) * float(apart @ apart) / n**2
    return max(1.0, floor, variance / (p * (1 - p) / n))


def wilson(failed: float, counted: float, effect: float = 1.0, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's interval of a rate, after dividing by the design effect; `z` standard errors wide, 95 % by default.

    Raises:
        ValueError: nothing was counted.
    """
    if counted <= 0:
        raise ValueError("a rate needs something counted")
    n, p = counted / effect, failed / counted
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At the ends the interval holds the end itself, which rounding must not take away.
    return (0.0 if failed == 0 else max(middle - half, 0.0), 1.0 if failed == counted else min(middle + half, 1.0))


def newcombe(
    first: tuple[float, float, float], second: tuple[float, float, float], z: float = 1.959963984540054
) -> tuple[float, float]:
    """Newcombe's interval of the difference of two rates, first less second.

    Each side is (failed, counted, design effect).
    """
    p1, p2 = first[0] / first[1], second[0] / second[1]
    (low1, high1), (low2, high2) = wilson(*first, z=z), wilson(*second, z=z)
    return (
        p1 - p2 - math.hypot(p1 - low1, high2 - p2),
        p1 - p2 + math.hypot(high1 - p1, p2 - low2),
    )


@cache
def t_quantile(p: float, df: int) -> float:
    """The point below which Student's t with `df` degrees of freedom lies with probability `p`.

    Newton's steps on the exact distribution, from the normal quantile; scipy is the oracle in the tests.

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
        # A step that leaves the bracket is replaced by halving it, so that the search cannot run away.
        found = x - step if low < x - step < high else (low + high) / 2
        if abs(found - x) <= 1e-13 * max(1.0, abs(found)):
            return found
        x = found
    return x


def t_below(x: float, df: int) -> float:
    """The probability that Student's t lies below `x`, for `x` of 0 or more, as a finite sum over angles.

    Abramowitz and Stegun 26.7.3 and 26.7.4.
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
