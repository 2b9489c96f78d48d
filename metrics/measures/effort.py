"""Effort of an exchange besides processing time: delay, calls, memory, and operator touches."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from metrics.measures.missing import NOT_COUNTED, missing_blocks, why_not_recorded
from metrics.measures.reading import Reading, blank_reading, grade, noise_note
from metrics.stats import confidence, cost_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from metrics.measures.window import Window

    Floats = NDArray[np.float64]

NOTHING_HELD = "no record was delivered in this period, so calls per record have no value"
NO_DELAY = "it was measured by a release that did not count this"
NO_MEMORY = "no run recorded how much memory it used"


def delay(window: Window, measure: str, column: str, quantile: float) -> Reading:
    """Compute the delay in seconds: the mean over blocks of a block's mean percentile, cells weighted by exchanges.

    Exchanges that were never completed have no delay. Where they are too many for the percentile to exist (more than
    one in twenty for the 95th), there is no number, as leaving out the slowest would flatter.
    """
    blank = blank_reading(window, measure, column, "exchanges", "still_failed", n_of="exchanges")
    exchanges, failed = window.subject["exchanges"], window.subject["still_failed"]
    delays = np.where(np.isnan(failed), np.nan, window.subject[column])
    completed = np.where(np.isnan(delays), 0.0, exchanges).sum(axis=0)
    counted = completed > 0
    if not counted.any():
        if np.nansum(exchanges - failed) > 0:
            return replace(blank, missing=NOT_COUNTED if window.question.mode == "replay" else NO_DELAY)
        return replace(blank, missing=why_not_recorded(window))
    n = float(np.nansum(exchanges))
    never = float(np.nansum(failed)) / n
    if never > 1 - quantile + 1e-12:
        failed_n = int(np.nansum(failed))
        text = f"{failed_n:,} of {int(n):,} exchanges were never completed, so they have no delay"
        return replace(blank, missing=f"{text}: the percentile {quantile * 100:.0f} does not exist")
    z = np.nansum(delays * exchanges, axis=0)[counted] / completed[counted] / 1e6
    return _mean_over_blocks(window, replace(blank, n=int(n)), z)


def calls_per_1000_records(window: Window) -> Reading:
    """Compute `calls_per_1000_records`: requests of all attempts per 1,000 records that the partner holds."""
    blank = blank_reading(window, "calls_per_1000_records", "calls", "held", n_of="records held")
    unknown = np.isnan(window.subject["calls"] + window.subject["held"])
    calls, held = (np.where(unknown, 0.0, window.subject[name]).sum(axis=0) for name in ("calls", "held"))
    counted = ~unknown.all(axis=0)
    if not counted.any():
        return replace(blank, missing=why_not_recorded(window))
    if not held.sum():
        return replace(blank, missing=NOTHING_HELD)
    z = 1000 * cost_index.ratio_of_sums(calls[counted], held[counted])
    return _mean_over_blocks(window, replace(blank, n=int(held.sum())), z)


def operator_touches(window: Window) -> Reading:
    """Compute `operator_touches`: attempts that a person started again, per 1,000 exchanges."""
    blank = blank_reading(window, "operator_touches", "operator_touches", "exchanges", "rounds", n_of="exchanges")
    unknown = np.isnan(window.subject["operator_touches"] + window.subject["exchanges"])
    touches, exchanges = (
        np.where(unknown, 0.0, window.subject[name]).sum(axis=0) for name in ("operator_touches", "exchanges")
    )
    counted = exchanges > 0
    if not counted.any():
        return replace(blank, missing=why_not_recorded(window))
    touches, n = touches[counted], float(exchanges.sum())
    z = 1000 * cost_index.ratio_of_sums(touches, exchanges[counted])
    # a quiet period does not prove that it stays quiet: the noise is at least that of so few touches plus one, where
    # each round repeats the same
    rounds = float(np.nanmax(window.subject["rounds"]))
    return _mean_over_blocks(
        window, replace(blank, n=int(n)), z, least_se=1000 * math.sqrt((float(touches.sum()) + 1) * rounds) / n
    )


def peak_memory(window: Window) -> Reading:
    """Compute `peak_memory`: the most that any run used, in MB of a million bytes; a later run can only raise it."""
    blank = blank_reading(window, "peak_memory", "peak_rss_bytes", "attempts", n_of="runs")
    peaks = window.subject["peak_rss_bytes"]
    known = ~np.isnan(peaks)
    if not known.any():
        return replace(blank, missing=NO_MEMORY if window.subject_blocks() else why_not_recorded(window))
    blocks = int(known.any(axis=0).sum())
    return replace(
        blank,
        estimate=float(peaks[known].max()) / 1e6,
        n=int(window.subject["attempts"][known].sum()),
        blocks=blocks,
        grade=grade(window),
        missing=missing_blocks(window, blocks),
    )


def _mean_over_blocks(window: Window, blank: Reading, z: Floats, least_se: float = 0.0) -> Reading:
    """Return the mean of a series of blocks and its range, which is not below 0 unless the mean is."""
    mean = float(z.mean())
    reading = replace(blank, estimate=mean, blocks=z.size, grade=grade(window), missing=missing_blocks(window, z.size))
    if z.size < 2:
        return reading
    wide = confidence.block_range(z, window.question.alpha, window.question.bound, least_se=least_se, scale=abs(mean))
    # forecasts use the noise before there are enough blocks for a verdict
    reading = replace(reading, scale="plain", spread=wide.spread, note=noise_note(window, wide))
    if reading.missing:
        return reading
    floor = min(mean, 0.0)
    low, ci_low = (max(mean - half, floor) for half in (wide.half, wide.ci_half))
    return replace(
        reading,
        low=low,
        high=mean + wide.half,
        ci_low=ci_low,
        ci_high=mean + wide.ci_half,
    )
