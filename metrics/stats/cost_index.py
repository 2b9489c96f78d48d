"""The weighted cost index of a subject against its control, stratum by stratum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTotals:
    """Busy seconds and held records per stratum (rows) and block (columns), of both sides.

    `nan` marks a cell that a side lacks. Sums are over rounds, which do not change a ratio.
    """

    subject_busy_s: Floats
    subject_held: Floats
    control_busy_s: Floats
    control_held: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Time and records of one side, strata x blocks: `known` marks the cells that count, the others hold 0."""

    busy_s: Floats
    held: Floats
    known: NDArray[np.bool_]

    def first_blocks(self, count: int) -> Totals:
        """Return the first `count` blocks, without a copy."""
        return Totals(busy_s=self.busy_s[:, :count], held=self.held[:, :count], known=self.known[:, :count])

    def select(self, strata: NDArray[np.bool_] | NDArray[np.intp]) -> Totals:
        """Return some strata, by mask or by position."""
        return Totals(busy_s=self.busy_s[strata], held=self.held[strata], known=self.known[strata])


@dataclass(frozen=True, slots=True, kw_only=True)
class CostIndex:
    """Cost of the subject as a share of the control's, at a fixed mix of strata.

    An `index` of 0.40 is a gain of 0.60. `geometric` is the geometric mean of the same ratios. `z` is the linearised
    log-ratio of each block; its mean is `log(index)`. Where the sides are unpaired, `z` is the subject's part alone,
    and `z_control` the control's, whose mean is 0.
    """

    index: float
    geometric: float
    coverage: float  #: share of the weight that both sides have
    z: Floats
    z_control: Floats | None = None


def known_cells(busy_s: Floats, held: Floats, known: NDArray[np.bool_] | None = None) -> Totals:
    """Return the cells of a side whose time and records are both known, or those that `known` marks."""
    known = ~np.isnan(busy_s + held) if known is None else known
    return Totals(busy_s=np.where(known, busy_s, 0.0), held=np.where(known, held, 0.0), known=known)


def pair_cells(sides: PairedTotals) -> tuple[Totals, Totals]:
    """Return subject and control in the cells that both have."""
    known = ~np.isnan(sides.subject_busy_s + sides.subject_held + sides.control_busy_s + sides.control_held)
    return known_cells(sides.subject_busy_s, sides.subject_held, known), known_cells(
        sides.control_busy_s, sides.control_held, known
    )


def cost_index(subject: Totals, control: Totals, weights: Floats, *, paired: bool = True) -> CostIndex | None:
    """Compute the index over the strata that both sides have; None where there is no such stratum.

    index = sum(w_s r_s) / sum(w_s), r_s = (busy seconds / held records) of the subject over that of the control; its
    log linearised block by block (Taylor linearisation of ratios of sums; Cochran, Sampling Techniques, 6.3):

        z_b = log(index) + n sum(p_s ((busy1_sb - c1_s held1_sb) / busy1_s - (busy0_sb - c0_s held0_sb) / busy0_s))

    with p_s = w_s r_s / sum(w r) and c_s the cost of a record over all blocks. Unpaired sides may have different
    blocks, and a different number of them; each side's part is then a series of its own. A stratum for which the
    subject received records and the partner holds none counts as if the partner held one: to leave it out would
    flatter.
    """
    total1, total0 = subject.busy_s.sum(axis=1), control.busy_s.sum(axis=1)
    have = (total1 > 0) & (total0 > 0) & (control.held.sum(axis=1) > 0) & (weights > 0)
    if not have.any():
        return None
    if not have.all():
        # selected, not weighted by 0: strata without data then change no sum, not even in its last digit
        subject, control = subject.select(have), control.select(have)
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
    in1, in0 = subject.known.any(axis=0), control.known.any(axis=0)
    return CostIndex(
        index=index,
        geometric=math.exp(float((weight * np.log(ratio)).sum() / weight.sum())),
        coverage=float(weight.sum()) / math.fsum(weights),
        z=math.log(index) + int(in1.sum()) * ((pull1 - pull0) if paired else pull1)[in1],
        z_control=None if paired else -int(in0.sum()) * pull0[in0],
    )


def ratio_of_sums(amounts: Floats, counts: Floats) -> Floats:
    """Return a ratio of sums as one value per block, whose mean is the ratio: calls per record, touches per exchange.

    z_b = R + n (amount_b - R count_b) / sum(count), R = sum(amount) / sum(count): the usual linearised ratio estimator
    (Cochran, Sampling Techniques, 6.3).

    Raises:
        ValueError: the counts add up to 0.
    """
    counted = float(counts.sum())
    if counted <= 0:
        raise ValueError("a ratio needs something counted")
    ratio = float(amounts.sum()) / counted
    return np.asarray(ratio + counts.size * (amounts - ratio * counts) / counted)


def programme_gain(share: float, coverage: float) -> float:
    """Return a gain, or its bound, over the whole programme: gain x coverage, as what is not migrated counts as 0.

    It equals the sum over the covered strata of w_s (1 - r_s), divided by the weight of all strata.
    """
    return share * coverage
