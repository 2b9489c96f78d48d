"""Compute the probability that a target is proven after a number of blocks, on the scale of its range.

The scales are those of `Reading.scale` in metrics.measures.reading. On `log_ratio` a gain g becomes -log(1 - g); on
`plain` and `wilson` a value is used as it is. The distance of a value is how far it lies beyond its target, on the good
side; a target is proven when the distance is at least the half width of the bound.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from metrics.stats.confidence import MAX_AUTOCORRELATION, bound_factor

if TYPE_CHECKING:
    from datetime import date

    from metrics.measures.reading import Reading
    from roadmap.plan.targets import EvidenceRules, Target

#: Standard errors of the ordinary two-sided 95% interval.
Z95 = NormalDist().inv_cdf(0.975)

#: Forecasts reach three years ahead.
HORIZON_DAYS = 3 * 365 + 1

#: Points at which a distribution is read to average odds over it.
QUADRATURE_POINTS = 12

#: Simulated paths, each with its mirror image, that count evaluations before the last; most evaluations on each.
SIMULATED_PATHS, MAX_LOOKS = 1000, 32

#: Seed of the paths: the same question has the same answer.
SEED = 2013


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """The course of a measure against its target, block by block."""

    distance: float  #: of the estimate; below 0 it falls short of its target
    bound_noise: float  #: noise of one block in the bound
    noise: float  #: noise of one block in the estimate
    max_distance: float  #: the largest distance there can be
    alpha: float
    bound: str  #: "anytime" or "fixed"

    def half_width(self, blocks: int) -> float:
        """Return the half width of the deciding bound after so many blocks."""
        return self.bound_noise / math.sqrt(blocks) * bound_factor(blocks, self.alpha, self.bound)

    def reaches(self, blocks: int) -> bool:
        """Return whether the target is proven after so many blocks, if estimate and noise stay as they are."""
        half = self.half_width(blocks)
        return half <= self.max_distance and self.distance >= half

    def odds(self, have: int, blocks: int, first: int = 1) -> float:
        """Return the probability that the bound reaches the target by `blocks` blocks, after `have` of them.

        The mean of all blocks is predicted as normal around today's, with variance noise^2 (N - n) / (n N) for n of N
        blocks: the blocks to come, and the uncertainty of today's mean (predictive power with a flat prior;
        Spiegelhalter, Freedman and Blackburn, Controlled Clinical Trials 7, 1986). The noise is taken as measured.

        With `fixed`, only the last block is evaluated. The anytime bound is evaluated after every block from `first`
        on, and reached by the first evaluation that finds it so; what evaluations before the last add is counted on
        `SIMULATED_PATHS` simulated paths, always the same. Up to `MAX_LOOKS` evaluations are made, evenly spread.

        Where the noise is known this is right within a point or two. Measured in 6 to 10 blocks it mostly seems larger
        than it is: in simulation, six weeks or so before the thirteenth, odds called 0.3 came true in 45%, 0.5 in 64%
        and 0.7 in 76%; two weeks more than the least before the sixtieth, 0.5 in 43% and 0.7 in 50%.
        """
        last = self._at(have, blocks)
        if self.bound != "anytime":
            return last
        begin = max(have, first, 1)
        if begin >= blocks:
            return last
        looks = np.unique(np.linspace(begin, blocks, min(blocks - begin + 1, MAX_LOOKS)).round())
        halves = np.array([self.half_width(int(n)) for n in looks])
        halves[halves > self.max_distance] = math.inf
        if begin == have and self.distance >= halves[0]:
            return 1.0
        steps = self.noise * np.sqrt(np.diff(1 / have - 1 / looks, prepend=0.0))
        noise = np.random.default_rng(SEED).standard_normal((SIMULATED_PATHS, looks.size))
        reached = self.distance + np.cumsum(np.concatenate([noise, -noise]) * steps, axis=1) >= halves
        # the last evaluation is known exactly; only those before it are counted
        return min(last + float((reached[:, :-1].any(axis=1) & ~reached[:, -1]).mean()), 1.0)

    def _at(self, have: int, blocks: int) -> float:
        """Return the probability that the bound reaches the target at exactly that block."""
        half = self.half_width(blocks)
        if half > self.max_distance:
            return 0.0
        spread = self.noise * math.sqrt((blocks - have) / (have * blocks))
        if spread == 0:
            return float(self.distance >= half)
        return NormalDist().cdf((self.distance - half) / spread)


def projection(target: Target, reading: Reading, rules: EvidenceRules) -> Projection | None:
    """Return the projection of a reading; None where its noise is unknown.

    On `wilson`, the bound reaches target t exactly when the share is beyond t by z sqrt(t (1 - t) / n), n being the
    exchanges counted over the design effect, which grow with the blocks. The noise is that of a share with half an
    exchange added to either end, as a share that never failed is not free of noise.
    """
    value, goal = reading.estimate, target.value
    if value is None or reading.blocks < 1:
        return None
    if reading.scale == "wilson":
        if not reading.effect or not reading.n or not 0 <= goal <= 1:
            return None
        independent = reading.n / reading.effect
        per_block = independent / reading.blocks
        share = (value * independent + 0.5) / (independent + 1)
        bound_noise, noise = (math.sqrt(p * (1 - p) / per_block) for p in (goal, share))
        max_distance = 1 - goal if target.direction == "at_least" else goal
    elif reading.scale in {"log_ratio", "plain"} and reading.spread is not None:
        bound_noise = noise = reading.spread
        max_distance = math.inf
    else:
        return None
    return Projection(
        distance=distance_to_target(target, value, reading.scale),
        bound_noise=bound_noise,
        noise=noise,
        max_distance=max_distance,
        alpha=rules.alpha,
        bound=rules.mode,
    )


def distance_to_target(target: Target, value: float, scale: str) -> float:
    """Return how far a value lies beyond its target, on its scale; no gain lies beyond a target of 1."""
    if scale == "log_ratio":
        if target.value >= 1 or value >= 1:
            beyond = -math.inf if target.value >= 1 else math.inf
        else:
            beyond = math.log((1 - target.value) / (1 - value))
    else:
        beyond = value - target.value
    return beyond if target.direction == "at_least" else -beyond


def value_at_distance(target: Target, beyond: float, scale: str) -> float:
    """Return the value at a distance: the inverse of `distance_to_target`."""
    signed = beyond if target.direction == "at_least" else -beyond
    return 1 - (1 - target.value) * math.exp(-signed) if scale == "log_ratio" else target.value + signed


def proof_odds(beyond: float, noise: float, blocks: int, rules: EvidenceRules) -> float:
    """Return the odds that a measure is proven after so many independent blocks.

    Its true value is better than its target by `beyond`, in the unit of `noise`, the deviation of one block.

    The noise is estimated from the same blocks and corrected for an apparent autocorrelation; both make the bound wider
    or narrower by chance. So the odds are averaged over the standard deviation (chi-square by Wilson and Hilferty,
    1931) and the autocorrelation (normal, variance by Moran, 1948), each at `QUADRATURE_POINTS` equally likely points.
    """
    if noise <= 0:
        return float(beyond >= 0)
    normal = NormalDist()
    quantiles = [normal.inv_cdf((i + 0.5) / QUADRATURE_POINTS) for i in range(QUADRATURE_POINTS)]
    k = 2 / (9 * (blocks - 1))
    deviations = [max(1 - k + q * math.sqrt(k), 0.0) ** 1.5 for q in quantiles]
    correlation_sd = (blocks - 2) / (blocks * math.sqrt(blocks - 1)) * (1 + 3 / blocks)
    correlations = [min(max(q * correlation_sd, 0.0), MAX_AUTOCORRELATION) for q in quantiles]
    widths = [s * math.sqrt((1 + r) / (1 - r)) for s in deviations for r in correlations]
    standard_error, bound = noise / math.sqrt(blocks), bound_factor(blocks, rules.alpha, rules.mode)
    return sum(normal.cdf(beyond / standard_error - bound * width) for width in widths) / len(widths)


def least_distance(odds: float, noise: float, blocks: int, rules: EvidenceRules) -> float:
    """Return by how much the true value must be better than its target to be proven with such odds."""
    low, high = 0.0, max(noise, 0.0)
    while proof_odds(high, noise, blocks, rules) < odds:
        low, high = high, high * 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if proof_odds(middle, noise, blocks, rules) >= odds else (middle, high)
    return high


def exchanges_without_failure(share: float, effect: float = 1.0, z: float = Z95) -> int:
    """Return how many exchanges without a failure bring Wilson's interval below a share of failures.

    z^2 (1 - p) / p times the design effect: 73 for 5%, 381 for 1% with the ordinary 95% interval.

    Raises:
        ValueError: the share is not between 0 and 1; no sample proves that nothing ever fails.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of failures is between 0 and 1, not {share:g}")
    return math.ceil(z * z * (1 - share) / share * effect - 1e-9)


def first_reaching_block(path: Projection, least: int, most: int) -> int | None:
    """Return the least number of blocks, from `least` to `most`, at which the bound reaches the target, else None."""
    tried = range(least, most + 1)
    # the bound only narrows with more blocks, so that halving finds the first
    at = bisect_left(tried, True, key=path.reaches)
    return tried[at] if at < len(tried) else None


def last_counted_day(today: date, days: int, last_day: date | None) -> date:
    """Return the day after which blocks to come are counted: today, or the last evidence while a block is under way.

    A block is judged when it is complete; what there is of one under way is in the readings already.
    """
    under_way = last_day is not None and 0 <= (today - last_day).days < max(days, 2)
    return last_day if last_day is not None and under_way else today


def blocks_left(due: date, since: date, days: int) -> int:
    """Return the number of whole blocks that can still end by the due date."""
    return max((due - since).days // days, 0)
