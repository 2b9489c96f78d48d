"""Rates of exchanges, and their difference to the control.

Ranges are Wilson's, and Newcombe's for a difference, after division by the design effect of the blocks: runs of one day
are alike, and an outage fails them all together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from metrics.measures.missing import missing_blocks, why_no_difference, why_not_recorded
from metrics.measures.reading import Reading, blank_reading, grade
from metrics.stats import confidence, proportions
from metrics.stats.quantiles import NORMAL_95

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from metrics.measures.window import Window

    Floats = NDArray[np.float64]


def failure_rate(window: Window, measure: str, column: str) -> Reading:
    """Compute the share of the subject's exchanges that a column counts, as a sample."""
    blank = blank_reading(window, measure, column, "exchanges", "rounds", n_of="exchanges")
    clustered = clusters(window.subject, column)
    if clustered is None:
        return replace(blank, missing=why_not_recorded(window))
    return rate_of_clusters(window, blank, clustered, clustered[1].size)


def rate_of_clusters(window: Window, blank: Reading, clustered: tuple[Floats, Floats, float], blocks: int) -> Reading:
    """Return a reading of the rate that `clusters` returned; `blocks` is the number of blocks examined."""
    counts, counted, effect = clustered
    x, n = float(counts.sum()), float(counted.sum())
    ci_low, ci_high = proportions.wilson(x, n, effect)
    reading = replace(
        blank,
        estimate=x / n,
        ci_low=ci_low,
        ci_high=ci_high,
        n=int(n),
        blocks=blocks,
        grade=grade(window),
        missing=missing_blocks(window, blocks),
        effect=effect,
        scale="wilson",
    )
    if reading.missing or counted.size < 2:
        return reading
    low, high = deciding_range(clustered, window.question.alpha, window.question.bound)
    return replace(reading, low=low, high=high)


def deciding_range(clustered: tuple[Floats, Floats, float], alpha: float, bound: str) -> tuple[float, float]:
    """Return the range of the rate that `clusters` returned which decides; at least two blocks."""
    counts, counted, effect = clustered
    factor = confidence.bound_factor(counted.size, alpha, bound)
    return proportions.wilson(float(counts.sum()), float(counted.sum()), effect, factor)


def clusters(
    side: Mapping[str, Floats], column: str, of: str = "exchanges", *, own_draws: bool = False
) -> tuple[Floats, Floats, float] | None:
    """Return a column and what it is a share of, per block that has any, and their design effect; None without blocks.

    A cell whose column was not counted is in neither: unknown is not 0. The design effect is at least the number of
    rounds, which meet the same faults; at least 1 with `own_draws`, where each round meets other faults. All rounds of
    a block are one cluster in both cases.
    """
    counted = np.nansum(np.where(np.isnan(side[column]), np.nan, side[of]), axis=0)
    has_any = counted > 0
    if not has_any.any():
        return None
    counts, counted = np.nansum(side[column], axis=0)[has_any], counted[has_any]
    floor = 1.0 if own_draws else float(np.nanmax(side["rounds"]))
    return counts, counted, proportions.design_effect(counts, counted, floor=floor)


def failure_rate_difference(window: Window, measure: str, column: str) -> Reading:
    """Compute the control's share of failed exchanges minus the subject's: above 0 is better than the control.

    Only cells that both sides have are compared; against the control's history, only feeds and sizes that both have.
    """
    blank = blank_reading(window, measure, column, "exchanges", "rounds", n_of="exchanges")
    names, paired = (column, "exchanges", "rounds"), window.is_paired()
    subject = {name: window.subject[name] for name in names}
    control = {name: (window.control if paired else window.history)[name] for name in names}
    if paired:
        unshared = np.asarray(np.isnan(subject["exchanges"] + control["exchanges"]))
    else:
        unshared = _unshared_strata(subject, control)
    of_control, of_subject = (
        clusters({**side, column: np.where(unshared, np.nan, side[column])}, column) for side in (control, subject)
    )
    if of_control is None or of_subject is None:
        return replace(blank, missing=why_no_difference(window))
    (x1, n1), (x2, n2) = (
        (float(counts.sum()), float(counted.sum())) for counts, counted, _ in (of_control, of_subject)
    )
    first, second = (x1, n1, of_control[2]), (x2, n2, of_subject[2])
    blocks = min(of_control[1].size, of_subject[1].size)
    ci_low, ci_high = proportions.newcombe(first, second)
    reading = replace(
        blank,
        estimate=x1 / n1 - x2 / n2,
        ci_low=ci_low,
        ci_high=ci_high,
        n=int(n1 + n2),
        blocks=blocks,
        grade=grade(window, paired=paired),
        paired=paired,
        missing=missing_blocks(window, blocks),
        effect=max(of_control[2], of_subject[2]),
    )
    if blocks < 2:
        return reading
    # forecasts use the noise before there are enough blocks for a verdict
    reading = replace(reading, scale="plain", spread=(ci_high - ci_low) / (2 * NORMAL_95) * blocks**0.5)
    if reading.missing:
        return reading
    low, high = proportions.newcombe(
        first, second, confidence.bound_factor(blocks, window.question.alpha, window.question.bound)
    )
    return replace(reading, low=low, high=high)


def _unshared_strata(subject: Mapping[str, Floats], control: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """Return a mask (one column) of the strata that one of the sides has never exchanged."""
    is_absent = [np.asarray(np.isnan(side["exchanges"])).all(axis=1) for side in (subject, control)]
    return np.asarray(is_absent[0] | is_absent[1])[:, None]
