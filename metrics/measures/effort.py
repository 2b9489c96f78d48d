"""What an exchange costs beside time: calls, memory, a person's hand, and the wait of whoever needs the file."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from metrics.measures.reading import NOT_COUNTED, Reading, blank_reading, grade, missing_blocks, why_no_number
from metrics.stats import confidence, cost_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from metrics.measures.window import Window

    Floats = NDArray[np.float64]

NOTHING_HELD = "no record was delivered in this time, so there is nothing to divide by"
NO_DELAY = "it was measured by a release that did not count this"
NO_MEMORY = "no run told how much memory it took"


def delay(window: Window, measure: str, column: str, quantile: float) -> Reading:
    """Seconds that files wait: the mean over blocks of a block's mean percentile, cells weighed by exchanges.

    Exchanges that were never completed have no delay. Where there are too many of them for the percentile to exist
    (more than one in twenty, for the 95th), there is no number: leaving the slowest out must not flatter.
    """
    blank = blank_reading(window, measure, column, "exchanges", "still_failed", n_of="exchanges")
    exchanges, failed = window.subject["exchanges"], window.subject["still_failed"]
    delays = np.where(np.isnan(failed), np.nan, window.subject[column])
    many = np.where(np.isnan(delays), 0.0, exchanges).sum(axis=0)
    there = many > 0
    if not there.any():
        if np.nansum(exchanges - failed) > 0:
            return replace(blank, missing=NOT_COUNTED if window.question.mode == "replay" else NO_DELAY)
        return replace(blank, missing=why_no_number(window))
    n = float(np.nansum(exchanges))
    never = float(np.nansum(failed)) / n
    if never > 1 - quantile + 1e-12:
        said = f"{never * 100:.1f} % of the exchanges were never completed, and wait for ever"
        return replace(blank, missing=f"{said}: a delay that {quantile * 100:.0f} % stay within cannot be given")
    z = np.nansum(delays * exchanges, axis=0)[there] / many[there] / 1e6
    return _mean_over_blocks(window, replace(blank, n=int(n)), z)


def calls_per_1000_records(window: Window) -> Reading:
    """`calls_per_1000_records`: requests of all attempts, for every 1,000 records that the partner holds."""
    blank = blank_reading(window, "calls_per_1000_records", "calls", "held", n_of="records held")
    lacks = np.isnan(window.subject["calls"] + window.subject["held"])
    made, held = (np.where(lacks, 0.0, window.subject[name]).sum(axis=0) for name in ("calls", "held"))
    there = ~lacks.all(axis=0)
    if not there.any():
        return replace(blank, missing=why_no_number(window))
    if not held.sum():
        return replace(blank, missing=NOTHING_HELD)
    z = 1000 * cost_index.ratio_of_sums(made[there], held[there])
    return _mean_over_blocks(window, replace(blank, n=int(held.sum())), z)


def operator_touches(window: Window) -> Reading:
    """`operator_touches`: how often a person had to start something again, for every 1,000 exchanges."""
    blank = blank_reading(window, "operator_touches", "operator_touches", "exchanges", "rounds", n_of="exchanges")
    lacks = np.isnan(window.subject["operator_touches"] + window.subject["exchanges"])
    made, of = (np.where(lacks, 0.0, window.subject[name]).sum(axis=0) for name in ("operator_touches", "exchanges"))
    there = of > 0
    if not there.any():
        return replace(blank, missing=why_no_number(window))
    made, n = made[there], float(of.sum())
    z = 1000 * cost_index.ratio_of_sums(made, of[there])
    # a quiet time is no proof that it stays quiet: the noise is at least that of so few touches, each round the same
    rounds = float(np.nanmax(window.subject["rounds"]))
    return _mean_over_blocks(
        window, replace(blank, n=int(n)), z, least_se=1000 * math.sqrt((float(made.sum()) + 1) * rounds) / n
    )


def peak_memory(window: Window) -> Reading:
    """`peak_memory`: the most that any run took, in MB of a million bytes. A census: a later run can only raise it."""
    blank = blank_reading(window, "peak_memory", "peak_rss_bytes", "attempts", n_of="runs")
    peaks = window.subject["peak_rss_bytes"]
    told = ~np.isnan(peaks)
    if not told.any():
        return replace(blank, missing=NO_MEMORY if window.seen() else why_no_number(window))
    blocks = int(told.any(axis=0).sum())
    return replace(
        blank,
        estimate=float(peaks[told].max()) / 1e6,
        n=int(window.subject["attempts"][told].sum()),
        blocks=blocks,
        grade=grade(window),
        missing=missing_blocks(window, blocks),
    )


def _mean_over_blocks(window: Window, blank: Reading, z: Floats, least_se: float = 0.0) -> Reading:
    """The mean of a series of blocks, never below 0 unless it is itself."""
    mean = float(z.mean())
    found = replace(blank, estimate=mean, blocks=z.size, grade=grade(window), missing=missing_blocks(window, z.size))
    if z.size < 2:
        return found
    wide = confidence.block_range(z, window.question.alpha, window.question.bound, least_se=least_se)
    # the noise is known before there are blocks enough for a verdict; forecasts rest on it
    found = replace(found, scale="plain", spread=wide.spread)
    if found.missing:
        return found
    least = min(mean, 0.0)
    low, ci_low = (max(mean - half, least) for half in (wide.half, wide.ci_half))
    return replace(
        found,
        low=low,
        high=mean + wide.half,
        ci_low=ci_low,
        ci_high=mean + wide.ci_half,
    )
