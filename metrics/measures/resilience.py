"""Resilience: good rows beside broken ones, recovery from transient faults, calls to a partner that is down.

The measures of rows are censuses: every row is counted. Recoveries are a sampled share. Outages are few (three
partner-days in a year of the standard faults), so their measure is a mean over outages with Student's t range. With
fewer than `MIN_OUTAGES` there is no range, and without an outage there is no number: it is unknown, not 0 calls.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from metrics.measures.failure_rates import clusters, rate_of_clusters
from metrics.measures.missing import NONE_DUE, missing_blocks, why_not_counted
from metrics.measures.reading import Reading, blank_reading, grade, sum_known
from metrics.stats.quantiles import t_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from metrics.measures.window import Window

    Floats = NDArray[np.float64]

#: The fewest outages for a range: two have a spread, but it says next to nothing.
MIN_OUTAGES = 3

NO_BROKEN_ROWS = "no broken row was replayed in this period"
NO_FAILURES = "no exchange failed by a transient fault in this period, so nothing had to recover"
NO_OUTAGES = "no partner was down in this period, so no call could be wasted"
OUTAGES_NOT_RECORDED = "in production the days on which a partner is down are not recorded; a replay records them"


def good_rows_delivered(window: Window) -> Reading:
    """Compute `good_rows_delivered`: the share of the good rows, in files with broken ones, that the partner holds."""
    names = ("broken", "broken_due", "broken_held")
    blank = blank_reading(window, "good_rows_delivered", *names, n_of="good rows due beside broken ones")
    blocks = _counted_blocks(window, "broken")
    if not blocks:
        return replace(blank, missing=why_not_counted(window))
    due, held = sum_known(window.subject["broken_due"]), sum_known(window.subject["broken_held"])
    if not due or held is None:
        return replace(blank, missing=NO_BROKEN_ROWS)
    return replace(
        blank,
        estimate=held / due,
        n=int(due),
        blocks=blocks,
        grade=grade(window),
        missing=missing_blocks(window, blocks),
    )


def false_rejects(window: Window) -> Reading:
    """Compute `false_rejects`: good rows that the subject quarantined, row by row or with a refused file."""
    blank = blank_reading(window, "false_rejects", "broken", "good_aside", "due", n_of="good rows due")
    blocks = _counted_blocks(window, "good_aside")
    quarantined, due = sum_known(window.subject["good_aside"]), sum_known(window.subject["due"])
    if not blocks or quarantined is None or due is None:
        return replace(blank, missing=why_not_counted(window))
    if not due:
        return replace(blank, missing=NONE_DUE)
    # a subject that met no broken row has not shown that it can tell good rows from broken ones
    missing = missing_blocks(window, blocks) if sum_known(window.subject["broken"]) else NO_BROKEN_ROWS
    return replace(blank, estimate=quarantined, n=int(due), blocks=blocks, grade=grade(window), missing=missing)


def recovered_unattended(window: Window) -> Reading:
    """Compute `recovered_unattended`: of the exchanges failed by a transient fault, the share completed untouched.

    Weeks without such a failure count as examined blocks, but the range is computed from the other weeks.
    """
    names = ("recovered", "passing", "rounds")
    blank = blank_reading(window, "recovered_unattended", *names, n_of="exchanges with a transient fault")
    blocks = _counted_blocks(window, "passing")
    if not blocks:
        return replace(blank, missing=why_not_counted(window))
    clustered = clusters(window.subject, "recovered", of="passing", own_draws=window.question.own_draws)
    return (
        replace(blank, missing=NO_FAILURES) if clustered is None else rate_of_clusters(window, blank, clustered, blocks)
    )


def wasted_calls(window: Window) -> Reading:
    """Compute `wasted_calls`: calls to a partner that was down, per hour of the outage, as the mean over outages.

    An outage (a partner and a day) counts once, in however many rounds it occurred.
    """
    blank = blank_reading(window, "wasted_calls", "attempts", n_of="outages of a day")
    blocks = _counted_blocks(window, "passing")
    if not blocks:
        return replace(blank, missing=why_not_counted(window))
    outages = window.outages
    if not outages:
        return replace(blank, missing=NO_OUTAGES if window.question.mode == "replay" else OUTAGES_NOT_RECORDED)
    rates = np.array([outage.calls / outage.hours for outage in outages])
    few = "" if rates.size >= MIN_OUTAGES else f"{rates.size} of {MIN_OUTAGES} outages that a range requires"
    reading = replace(
        blank,
        estimate=float(rates.mean()),
        n=rates.size,
        blocks=blocks,
        grade=grade(window),
        missing=missing_blocks(window, blocks) or few,
    )
    if few:
        return reading
    clusters_of_outages = [outage.block_end for outage in outages] if window.question.own_draws else None
    hours = np.array([outage.hours for outage in outages])
    se = outage_error(rates, hours, clusters_of_outages)
    look_risk = outage_risk(window.question.alpha, window.question.bound, rates.size)
    half, ci_half = (se * t_quantile(1 - risk, rates.size - 1) for risk in (look_risk, 0.025))
    mean = float(rates.mean())
    reading = replace(reading, ci_low=max(mean - ci_half, 0.0), ci_high=mean + ci_half)
    return reading if reading.missing else replace(reading, low=max(mean - half, 0.0), high=mean + half)


def outage_error(rates: Floats, hours: Floats, clusters_of_outages: Sequence[str] | None) -> float:
    """Return the standard error of the mean of calls per hour over outages.

    Outages that happen to be alike do not prove that all are: the error is at least that of so few calls. With
    `clusters_of_outages`, one name per outage, it is also at least that of the clusters: where every round has outages
    of its own, those of a block meet the same files.
    """
    errors = [
        float(rates.std(ddof=1)) / math.sqrt(rates.size),
        math.sqrt(float(rates @ hours) + 1) / float(hours.sum()),
    ]
    names = sorted(set(clusters_of_outages or ()))
    if clusters_of_outages and len(names) > 1:
        deviations = rates - rates.mean()
        sums = np.array([deviations[[name == own for own in clusters_of_outages]].sum() for name in names])
        errors.append(math.sqrt(len(names) / (len(names) - 1) * float(sums @ sums)) / rates.size)
    return max(errors)


def outage_risk(alpha: float, bound: str, outages: int) -> float:
    """Return the one-sided risk of this look: all of alpha for a single look, else spent over one look per outage."""
    return alpha if bound == "fixed" else alpha / (outages * (outages + 1))


def _counted_blocks(window: Window, column: str) -> int:
    """Count the blocks in which a column was counted."""
    return int((~np.isnan(window.subject[column])).any(axis=0).sum())
