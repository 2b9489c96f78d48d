"""Rates of exchanges: how often something happened, and how much more seldom than with the control.

By Wilson, and by Newcombe for a difference, after dividing by the design effect of the blocks: runs of one day are
alike, and an outage fails them all together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from metrics.measures.reading import Reading, blank_reading, grade, missing_blocks, why_no_number
from metrics.stats import confidence, proportions
from metrics.stats.quantiles import NORMAL_95

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from metrics.measures.window import Window

    Floats = NDArray[np.float64]


def failure_rate(window: Window, measure: str, column: str) -> Reading:
    """A sampled share of the subject's exchanges."""
    blank = blank_reading(window, measure, column, "exchanges", "rounds", n_of="exchanges")
    lumped = clusters(window.subject, column)
    if lumped is None:
        return replace(blank, missing=why_no_number(window))
    return rate_of_clusters(window, blank, lumped, lumped[1].size)


def rate_of_clusters(window: Window, blank: Reading, lumped: tuple[Floats, Floats, float], blocks: int) -> Reading:
    """A reading of the rate that lumps make; `blocks` is how many were looked at, lumps in them or not."""
    counts, counted, effect = lumped
    x, n = float(counts.sum()), float(counted.sum())
    ci_low, ci_high = proportions.wilson(x, n, effect)
    found = replace(
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
    if found.missing or counted.size < 2:
        return found
    wide = confidence.bound_factor(counted.size, window.question.alpha, window.question.bound)
    low, high = proportions.wilson(x, n, effect, wide)
    return replace(found, low=low, high=high)


def clusters(side: Mapping[str, Floats], column: str, of: str = "exchanges") -> tuple[Floats, Floats, float] | None:
    """A column and what it is a share of, per block that has any, and their design effect; None when nothing has.

    A cell whose column nobody counted counts in neither: unknown is not 0.
    """
    counted = np.nansum(np.where(np.isnan(side[column]), np.nan, side[of]), axis=0)
    there = counted > 0
    if not there.any():
        return None
    counts, counted = np.nansum(side[column], axis=0)[there], counted[there]
    return counts, counted, proportions.design_effect(counts, counted, floor=float(np.nanmax(side["rounds"])))


def failure_rate_difference(window: Window, measure: str, column: str) -> Reading:
    """The control's share of failed exchanges less the subject's: above 0 is better than the control.

    Like is compared with like: the cells that both sides have, or, where the control is known from its history, the
    feeds and sizes that both have.
    """
    blank = blank_reading(window, measure, column, "exchanges", "rounds", n_of="exchanges")
    names, paired = (column, "exchanges", "rounds"), window.is_paired()
    ours = {name: window.subject[name] for name in names}
    theirs = {name: (window.control if paired else window.history)[name] for name in names}
    lacks = np.asarray(np.isnan(ours["exchanges"] + theirs["exchanges"])) if paired else _unshared_strata(ours, theirs)
    one, two = (clusters({**side, column: np.where(lacks, np.nan, side[column])}, column) for side in (theirs, ours))
    if one is None or two is None:
        return replace(blank, missing=why_no_number(window))
    (x1, n1), (x2, n2) = ((float(counts.sum()), float(counted.sum())) for counts, counted, _ in (one, two))
    first, second, blocks = (x1, n1, one[2]), (x2, n2, two[2]), min(one[1].size, two[1].size)
    ci_low, ci_high = proportions.newcombe(first, second)
    found = replace(
        blank,
        estimate=x1 / n1 - x2 / n2,
        ci_low=ci_low,
        ci_high=ci_high,
        n=int(n1 + n2),
        blocks=blocks,
        grade=grade(window, paired=paired),
        paired=paired,
        missing=missing_blocks(window, blocks),
        effect=max(one[2], two[2]),
    )
    if blocks < 2:
        return found
    # the noise is known before there are blocks enough for a verdict; forecasts rest on it
    found = replace(found, scale="plain", spread=(ci_high - ci_low) / (2 * NORMAL_95) * blocks**0.5)
    if found.missing:
        return found
    low, high = proportions.newcombe(
        first, second, confidence.bound_factor(blocks, window.question.alpha, window.question.bound)
    )
    return replace(found, low=low, high=high)


def _unshared_strata(ours: Mapping[str, Floats], theirs: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """Which strata (as one column) one side or the other has never exchanged."""
    lacks = [np.asarray(np.isnan(side["exchanges"])).all(axis=1) for side in (ours, theirs)]
    return np.asarray(lacks[0] | lacks[1])[:, None]
