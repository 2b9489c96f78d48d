"""Standard errors with autocorrelation, confidence intervals and anytime-valid bounds over blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.stats.quantiles import t_quantile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


#: The number of blocks at which the anytime-valid bound is tightest.
TIGHTEST_AT = 30


#: The largest autocorrelation that is assumed; beyond it the correction would not be reliable.
MAX_AUTOCORRELATION = 0.9


#: The least noise of a block, as a share of its value, that a range assumes. Blocks that vary less were rounded, or are
#: alike by chance; that they are all alike proves nothing about the next.
LEAST_NOISE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRange:
    """A mean of blocks with its standard error, and two half widths around it."""

    mean: float
    se: float
    half: float  #: of the deciding bound
    ci_half: float  #: of the ordinary two-sided 95 % interval
    blocks: int  #: of the side that has fewer
    assumed: bool = False  #: whether the blocks vary less than `LEAST_NOISE`, so that the error is an assumed one

    @property
    def spread(self) -> float:
        """The noise of one block, corrected for the autocorrelation of neighbours."""
        return self.se * math.sqrt(self.blocks)


def autocorrelation(z: Floats) -> float:
    """Return the lag-1 autocorrelation, corrected for short series and clipped to 0 ... 0.9.

    r + (1 + 3r) / n, where r is the sample autocorrelation, which is too small by that much in short series (Kendall
    1954; Marriott and Pope 1954).
    """
    deviations = z - z.mean()
    spread = float(deviations @ deviations)
    raw = float(deviations[1:] @ deviations[:-1]) / spread if spread > 0 else 0.0
    return min(max(raw + (1 + 3 * raw) / z.size, 0.0), MAX_AUTOCORRELATION)


def standard_error(z: Floats) -> float:
    """Return the standard error of the mean of blocks, AR(1) corrected: s / sqrt(n) sqrt((1 + r) / (1 - r)).

    Raises:
        ValueError: fewer than two blocks have no spread.
    """
    if z.size < 2:
        raise ValueError("a standard error needs two blocks or more")
    deviations, r = z - z.mean(), autocorrelation(z)
    variance = float(deviations @ deviations) / (z.size - 1)
    return math.sqrt(variance / z.size * (1 + r) / (1 - r))


def anytime_factor(blocks: int, a: float) -> float:
    """Return the width of the anytime-valid bound after a number of blocks, in standard errors.

    Asymptotic confidence sequence (Waudby-Smith et al., arXiv 2103.06476). `a` is the two-sided risk: twice the
    one-sided risk of a false "proven".
    """
    rho2 = (-2 * math.log(a) + math.log(-2 * math.log(a) + 1)) / TIGHTEST_AT
    growth = blocks * rho2 + 1
    return math.sqrt(blocks * 2 * growth / (blocks * blocks * rho2) * math.log(math.sqrt(growth) / a))


def bound_factor(blocks: int, alpha: float, bound: str) -> float:
    """Return the standard errors from a mean to the deciding bound: `anytime`, or `fixed` (one look, t quantile)."""
    return anytime_factor(blocks, 2 * alpha) if bound == "anytime" else t_quantile(1 - alpha, blocks - 1)


def block_range(
    z: Floats,
    alpha: float,
    bound: str = "anytime",
    z_control: Floats | None = None,
    least_se: float = 0.0,
    scale: float = 1.0,
) -> BlockRange:
    """Return the mean of a series of blocks and the half widths around it; `alpha` is the one-sided risk.

    The standard error is never less than that of blocks with a noise of `LEAST_NOISE`: without a lower limit, constant
    blocks would have a range without a width.

    Args:
        z: one value per block.
        alpha: the one-sided risk.
        bound: `anytime` or `fixed`.
        z_control: the control's own series where the sides are unpaired: then se^2 = se_subject^2 + se_control^2, and
            the side with fewer blocks decides the width.
        least_se: another lower limit of the standard error.
        scale: the value of which the noise is a share; 1 for logs, whose differences are shares already.

    Raises:
        ValueError: fewer than two blocks.
    """
    se, blocks, mean = standard_error(z), z.size, float(z.mean())
    least = LEAST_NOISE * scale / math.sqrt(z.size)
    if z_control is not None:
        se, blocks = math.hypot(se, standard_error(z_control)), min(blocks, z_control.size)
        least = math.hypot(least, LEAST_NOISE * scale / math.sqrt(z_control.size))
        mean += float(z_control.mean())
    assumed = se < least and least_se <= least
    se = max(se, least, least_se)
    return BlockRange(
        mean=mean,
        se=se,
        half=se * bound_factor(blocks, alpha, bound),
        ci_half=se * t_quantile(0.975, blocks - 1),
        blocks=blocks,
        assumed=assumed,
    )
