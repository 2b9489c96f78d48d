"""Numbers in, numbers out: the index and its ranges, of evidence.md. No database, no clock.

The unit of evidence is the block (a replayed week, a day of production), never the run: runs of one day are alike.
Gains are shares (0.60 means 60 % less time). Two kinds of range are made: the ordinary interval, for the eye, and the
anytime-valid bound, which stays true however often it is looked at, and which alone decides. Sides measured in the same
blocks are paired, one series of differences; a side measured before the other is unpaired, a series each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from metrics.quantiles import t_quantile

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
class Cells:
    """One side's cells that count, strata x blocks: `there` says which, and the others hold 0."""

    busy_s: Floats
    held: Floats
    there: NDArray[np.bool_]

    def first(self, blocks: int) -> Cells:
        """The first so many blocks of it, without a copy."""
        return Cells(busy_s=self.busy_s[:, :blocks], held=self.held[:, :blocks], there=self.there[:, :blocks])

    def of(self, strata: NDArray[np.bool_]) -> Cells:
        """Some strata of it."""
        return Cells(busy_s=self.busy_s[strata], held=self.held[strata], there=self.there[strata])


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Cost of the subject as a share of the control's, the mix held still.

    `index` 0.40 is a gain of 0.60. `geometric` sums up the same ratios by their geometric mean. `z` is the linearised
    log-ratio of each block, its mean `log(index)`. Where the sides are unpaired, `z` is the subject's part alone, and
    `z_control` the control's, whose mean is 0.
    """

    index: float
    geometric: float
    coverage: float  #: share of the weight that both sides have
    z: Floats
    z_control: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A mean with its standard error, and the two half widths around it."""

    mean: float
    se: float
    half: float  #: of the bound that decides
    ci_half: float  #: of the ordinary two-sided 95 % interval
    blocks: int  #: of the side that has fewer

    @property
    def spread(self) -> float:
        """Noise of one block, corrected for the likeness of neighbours."""
        return self.se * math.sqrt(self.blocks)


def cells(busy_s: Floats, held: Floats, there: NDArray[np.bool_] | None = None) -> Cells:
    """The cells of a side whose time and records are both known, or those of them that `there` picks."""
    known = ~np.isnan(busy_s + held) if there is None else there
    return Cells(busy_s=np.where(known, busy_s, 0.0), held=np.where(known, held, 0.0), there=known)


def pair(sides: Sides) -> tuple[Cells, Cells]:
    """Subject and control, of the cells that both have."""
    there = ~np.isnan(sides.subject_busy_s + sides.subject_held + sides.control_busy_s + sides.control_held)
    return cells(sides.subject_busy_s, sides.subject_held, there), cells(
        sides.control_busy_s, sides.control_held, there
    )


def cost_index(subject: Cells, control: Cells, weights: Floats, *, paired: bool = True) -> Index | None:
    """The index over the strata that both sides have, or None when there is none.

    index = sum(w_s r_s) / sum(w_s), r_s = (busy seconds / held records) of the subject over that of the control; its
    log linearised block by block (Taylor linearisation of ratios of sums; Cochran, Sampling Techniques, 6.3):

        z_b = log(index) + n sum(p_s ((busy1_sb - c1_s held1_sb) / busy1_s - (busy0_sb - c0_s held0_sb) / busy0_s))

    with p_s = w_s r_s / sum(w r) and c_s the cost of a record over all blocks. Unpaired, the blocks of the sides need
    not be the same, nor as many, and each side's part is a series of its own. A stratum of which the subject was given
    records and the partner holds none is counted as if it held one: it cannot be left out, which would flatter.
    """
    total1, total0 = subject.busy_s.sum(axis=1), control.busy_s.sum(axis=1)
    have = (total1 > 0) & (total0 > 0) & (control.held.sum(axis=1) > 0) & (weights > 0)
    if not have.any():
        return None
    if not have.all():
        # picked, not weighed by 0: strata of which there is nothing yet then move no sum, not even in its last digit
        subject, control = subject.of(have), control.of(have)
        total1, total0 = total1[have], total0[have]
    weight, busy1, held1, busy0, held0 = weights[have], subject.busy_s, subject.held, control.busy_s, control.held
    lost = held1.sum(axis=1) == 0
    if lost.any():
        held1 = np.where(lost[:, None], busy1 / total1[:, None], held1)
    ratio = total1 / held1.sum(axis=1) / (total0 / held0.sum(axis=1))
    parts = weight * ratio / (weight * ratio).sum()
    index = float((weight * ratio).sum() / weight.sum())
    pull1, pull0 = (
        (parts / total) @ busy - (parts / held.sum(axis=1)) @ held
        for busy, held, total in ((busy1, held1, total1), (busy0, held0, total0))
    )
    in1, in0 = subject.there.any(axis=0), control.there.any(axis=0)
    return Index(
        index=index,
        geometric=math.exp(float((weight * np.log(ratio)).sum() / weight.sum())),
        coverage=float(weight.sum()) / math.fsum(weights),
        z=math.log(index) + int(in1.sum()) * ((pull1 - pull0) if paired else pull1)[in1],
        z_control=None if paired else -int(in0.sum()) * pull0[in0],
    )


def ratio_of_sums(amounts: Floats, counts: Floats) -> Floats:
    """A ratio of sums as one value a block, whose mean is the ratio: calls per record, touches per exchange.

    z_b = R + n (amount_b - R count_b) / sum(count), R = sum(amount) / sum(count): the usual linearised ratio estimator
    (Cochran, Sampling Techniques, 6.3).

    Raises:
        ValueError: nothing was counted.
    """
    counted = float(counts.sum())
    if counted <= 0:
        raise ValueError("a ratio needs something counted")
    ratio = float(amounts.sum()) / counted
    return np.asarray(ratio + counts.size * (amounts - ratio * counts) / counted)


def programme(share: float, coverage: float) -> float:
    """A gain over all of the programme: what is not migrated yet counts as 0. Gain x coverage; bounds alike.

    sum over the covered strata of w_s (1 - r_s), divided by the weight of all, is just that.
    """
    return share * coverage


def autocorrelation(z: Floats) -> float:
    """Lag-1 autocorrelation, corrected for short series and clipped to 0 ... 0.9.

    r + (1 + 3r) / n, where r is the sample's own: it is too small by that much in short series (Kendall 1954; Marriott
    and Pope 1954).
    """
    apart = z - z.mean()
    spread = float(apart @ apart)
    raw = float(apart[1:] @ apart[:-1]) / spread if spread > 0 else 0.0
    return min(max(raw + (1 + 3 * raw) / z.size, 0.0), MAX_AUTOCORRELATION)


def standard_error(z: Floats) -> float:
    """Standard error of the mean of a series of blocks, AR(1) corrected: s / sqrt(n) sqrt((1 + r) / (1 - r)).

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


def block_range(
    z: Floats, alpha: float, bound: str = "anytime", z_control: Floats | None = None, least_se: float = 0.0
) -> Range:
    """Mean of a series of blocks and how far from it the truth may be; `alpha` is the one-sided risk.

    `z_control` is the control's own series where the sides are unpaired: then se^2 = se_subject^2 + se_control^2, and
    the side with fewer blocks says how wide. `least_se` is a standard error that no luck may undercut.

    Raises:
        ValueError: fewer than two blocks.
    """
    se, blocks, mean = standard_error(z), z.size, float(z.mean())
    if z_control is not None:
        se, blocks = math.hypot(se, standard_error(z_control)), min(blocks, z_control.size)
        mean += float(z_control.mean())
    se = max(se, least_se)
    return Range(
        mean=mean,
        se=se,
        half=se * factor(blocks, alpha, bound),
        ci_half=se * t_quantile(0.975, blocks - 1),
        blocks=blocks,
    )
