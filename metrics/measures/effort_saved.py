"""The share of the control's priced effort that the subject saves: hands and machine time, valued by fixed prices."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from metrics.measures.missing import missing_blocks, why_no_time
from metrics.measures.reading import Reading, blank_reading, grade, noise_note
from metrics.stats import confidence, cost_index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from metrics.measures.window import Window
    from metrics.prices import Prices

    Floats = NDArray[np.float64]

#: The names under which a reading has the gain at other times of one touch.
HALF, DOUBLE = "at half the touch_minutes", "at double the touch_minutes"

NO_PRICES = "not valued: `[worth]` in milepost.toml has no prices"
NOT_PAIRED = "both sides have no blocks in common, and effort is compared in the same blocks only"
NO_TOUCHES = "how often a person stepped in was not recorded of both sides"


def effort_saved(window: Window) -> Reading:
    """Compute `effort_saved`: 1 minus the index of priced effort per record that the partner holds, mix held still.

    The weights are the control's shares of effort in the cells that both sides have. `beside` has the gain with half
    and with double `touch_minutes`, because that estimate dominates the number.
    """
    prices = window.question.prices
    blank = blank_reading(window, "effort_saved", "busy_ns", "held", "operator_touches", "attempts", n_of="runs")
    if prices is None:
        return replace(blank, missing=NO_PRICES)
    inputs = hashlib.sha256(f"{blank.inputs_sha256} {prices.sha256}".encode()).hexdigest() if window.hashed else ""
    blank = replace(blank, prices=prices.sha256[:8], inputs_sha256=inputs)
    known = known_cells(window)
    if not known.any():
        shared = window.count_shared_blocks()
        return replace(blank, missing=NO_TOUCHES if shared else why_no_time(window) or NOT_PAIRED)
    index = _index(window, known, prices)
    if index is None:
        return replace(blank, missing=NO_TOUCHES)
    gain = 1 - index.index
    beside = {
        name: 1 - other.index
        for name, factor in ((HALF, 0.5), (DOUBLE, 2.0))
        if (other := _index(window, known, prices.with_touch_minutes(factor))) is not None
    }
    blocks = int(index.z.size)
    attempts = np.nansum(window.subject["attempts"] * known) + np.nansum(window.control["attempts"] * known)
    reading = replace(
        blank,
        estimate=gain,
        n=int(attempts),
        blocks=blocks,
        coverage=_coverage(window, known),
        grade=grade(window),
        missing=_fixed_too_late(window, prices) or missing_blocks(window, blocks),
        beside=beside,
    )
    if blocks < 2:
        return reading
    z = gain - index.index * (index.z - math.log(index.index))  # the linearised index of each block, on the plain scale
    wide = confidence.block_range(
        z, window.question.alpha, window.question.bound, least_se=_least_error(window, known, prices), scale=index.index
    )
    reading = replace(reading, scale="plain", spread=wide.spread, note=noise_note(window, wide))
    if reading.missing:
        return reading
    low, high, ci_low, ci_high = (gain + half for half in (-wide.half, wide.half, -wide.ci_half, wide.ci_half))
    return replace(reading, low=low, high=min(high, 1.0), ci_low=ci_low, ci_high=min(ci_high, 1.0))


def known_cells(window: Window) -> NDArray[np.bool_]:
    """Return the cells in which time, records and touches of both sides are known."""
    sums = [side["operator_touches"] for side in (window.subject, window.control)]
    return np.asarray(window.paired[0].known & ~np.isnan(sums[0] + sums[1]))


def cell_effort(side: Mapping[str, Floats], prices: Prices) -> Floats:
    """Return the priced effort of each cell, over all rounds: steps of people, and busy time."""
    return np.asarray(
        side["operator_touches"] * prices.touch_price + side["busy_ns"] / 3.6e12 * prices.machine_hour, dtype=float
    )


def _index(window: Window, known: NDArray[np.bool_], prices: Prices) -> cost_index.CostIndex | None:
    subject, control = (
        cost_index.known_cells(cell_effort(side, prices), side["held"], known)
        for side in (window.subject, window.control)
    )
    return cost_index.cost_index(subject, control, control.busy_s.sum(axis=1))


def _coverage(window: Window, known: NDArray[np.bool_]) -> float:
    """Return the share of the weights of time saved that both sides have."""
    have = known.any(axis=1)
    return float(window.weights[have].sum()) / (math.fsum(window.weights) or 1.0)


def _least_error(window: Window, known: NDArray[np.bool_], prices: Prices) -> float:
    """Return the least error: that of so few touches of the subject plus one, where each round repeats the same."""
    touches = float(np.nansum(window.subject["operator_touches"][known]))
    rounds = float(np.nanmax(window.subject["rounds"][known]))
    total = float(np.nansum(cell_effort(window.control, prices)[known]))
    return math.sqrt((touches + 1) * rounds) * prices.touch_price / total


def _fixed_too_late(window: Window, prices: Prices) -> str:
    """Return why the prices cannot serve the question; empty where they were fixed before its first day."""
    start = window.question.start
    if prices.since >= start:
        return f"its prices hold since {prices.since}, which is not before the start, {start}"
    if prices.fixed_on is not None and prices.fixed_on > start:
        return f"its prices were recorded on {prices.fixed_on}, after the start, {start}"
    return ""
