"""Intervals of rates: Wilson's interval, Newcombe's interval of a difference, and the design effect of clusters.

Runs of one day are alike, and failures cluster, so both intervals are computed after division by the design effect of
the blocks. No database, no clock.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from metrics.stats.confidence import autocorrelation
from metrics.stats.quantiles import NORMAL_95

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def design_effect(failed: Floats, counted: Floats, floor: float = 1.0) -> float:
    """Return the number of exchanges that count as one independent exchange, because failures cluster.

    `failed` and `counted` are per block. The effect is the variance of the rate as a ratio over blocks, divided by that
    of as many independent exchanges (Kish's design effect), times (1 + r) / (1 - r) for the autocorrelation of
    neighbours: an outage of three days fails three blocks together, and without this factor intervals of 90 days
    contained the true rate in 73 of 100 simulations instead of 98. `floor` is the number of rounds: meeting the same
    fault plan again is no independent evidence, even where nothing failed.
    """
    n = float(counted.sum())
    p = float(failed.sum()) / n
    if counted.size < 2 or not 0 < p < 1:
        return max(1.0, floor)
    deviations = failed - p * counted
    r = autocorrelation(deviations)
    variance = counted.size / (counted.size - 1) * float(deviations @ deviations) / n**2 * (1 + r) / (1 - r)
    return max(1.0, floor, variance / (p * (1 - p) / n))


def wilson(failed: float, counted: float, effect: float = 1.0, z: float = NORMAL_95) -> tuple[float, float]:
    """Return Wilson's interval of a rate, after division by the design effect; `z` standard errors wide, default 95%.

    Raises:
        ValueError: `counted` is 0.
    """
    if counted <= 0:
        raise ValueError("a rate needs something counted")
    n, p = counted / effect, failed / counted
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # at 0 and 1 the interval includes the end itself, which rounding must not cut off
    return (0.0 if failed == 0 else max(middle - half, 0.0), 1.0 if failed == counted else min(middle + half, 1.0))


def newcombe(
    first: tuple[float, float, float], second: tuple[float, float, float], z: float = NORMAL_95
) -> tuple[float, float]:
    """Return Newcombe's interval of the difference of two rates, first minus second.

    Each side is (failed, counted, design effect).
    """
    p1, p2 = first[0] / first[1], second[0] / second[1]
    (low1, high1), (low2, high2) = wilson(*first, z=z), wilson(*second, z=z)
    return (
        p1 - p2 - math.hypot(p1 - low1, high2 - p2),
        p1 - p2 + math.hypot(high1 - p1, p2 - low2),
    )
