"""What became of broken rows, of exchanges that failed in passing, and of calls to a partner that was down.

The first two are censuses: every row was counted. Recoveries are a sampled share. Outages are few (three partner-days
in a replayed year), so theirs is a mean over outages with Student's range, and before `LEAST_OUTAGES` there is no range
at all: what is missing is said, and no outage is never "no calls".
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from metrics.measures.failure_rates import clusters, rate_of_clusters
from metrics.measures.reading import (
    NOT_COUNTED,
    NOT_SEEN_LIVE,
    Reading,
    blank_reading,
    grade,
    missing_blocks,
    sum_known,
    why_no_number,
)
from metrics.stats.quantiles import t_quantile

if TYPE_CHECKING:
    from metrics.measures.window import Window
    from metrics.question import Question

#: Outages before a range is given: two have a spread, and it says next to nothing.
MIN_OUTAGES = 3

NO_BROKEN_ROWS = "no broken row was replayed in this time"
NO_FAILURES = "no exchange failed in passing in this time, so nothing had to recover"
NO_OUTAGES = "no partner was down in this time, so nobody could be called in vain"
OUTAGES_NOT_RECORDED = "in production nobody notes on which days a partner is down; a replay knows"


def good_rows_delivered(window: Window) -> Reading:
    """Share of the good rows, in files that have broken ones, that the partner holds: a census."""
    names = ("broken", "broken_due", "broken_held")
    blank = blank_reading(window, "good_rows_delivered", *names, n_of="good rows due beside broken ones")
    blocks = _counted_blocks(window, "broken")
    if not blocks:
        return _without_count(window, blank)
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
    """Good rows that the subject set aside, by themselves or with a file that it refused: a census of all due."""
    blank = blank_reading(window, "false_rejects", "broken", "good_aside", "due", n_of="good rows due")
    blocks = _counted_blocks(window, "good_aside")
    aside, due = sum_known(window.subject["good_aside"]), sum_known(window.subject["due"])
    if not blocks or aside is None or not due:
        return _without_count(window, blank)
    # a subject that never met a broken row has not shown that it can tell one
    missing = missing_blocks(window, blocks) if sum_known(window.subject["broken"]) else NO_BROKEN_ROWS
    return replace(blank, estimate=aside, n=int(due), blocks=blocks, grade=grade(window), missing=missing)


def recovered_unattended(window: Window) -> Reading:
    """Share of the exchanges first failed by a passing fault that were completed without a touch: Wilson, by lumps.

    Weeks in which nothing failed are looked at and count as evidence of nothing: the range is made from the others.
    """
    names = ("recovered", "passing", "rounds")
    blank = blank_reading(window, "recovered_unattended", *names, n_of="exchanges that failed in passing")
    blocks = _counted_blocks(window, "passing")
    if not blocks:
        return _without_count(window, blank)
    lumped = clusters(window.subject, "recovered", of="passing")
    return replace(blank, missing=NO_FAILURES) if lumped is None else rate_of_clusters(window, blank, lumped, blocks)


def wasted_calls(window: Window) -> Reading:
    """Calls to a partner that was down, per hour that it was down: the mean over outages.

    An outage (a partner and a day) is one witness, however many rounds met it.
    """
    blank = blank_reading(window, "wasted_calls", "attempts", n_of="outages of a day")
    blocks = _counted_blocks(window, "passing")
    if not blocks:
        return _without_count(window, blank)
    outages = window.outages
    if not outages:
        return replace(blank, missing=NO_OUTAGES if window.question.mode == "replay" else OUTAGES_NOT_RECORDED)
    rates = np.array([outage.calls / outage.hours for outage in outages])
    few = "" if rates.size >= MIN_OUTAGES else f"{rates.size} of {MIN_OUTAGES} outages that a range takes"
    found = replace(
        blank,
        estimate=float(rates.mean()),
        n=rates.size,
        blocks=blocks,
        grade=grade(window),
        missing=missing_blocks(window, blocks) or few,
    )
    if few:
        return found
    # outages that happen to be alike are no proof that all are: the spread is at least that of so few calls
    calls, hours = sum(outage.calls for outage in outages), sum(outage.hours for outage in outages)
    se = max(float(rates.std(ddof=1)) / math.sqrt(rates.size), math.sqrt(calls + 1) / hours)
    half, ci_half = (se * t_quantile(1 - risk, rates.size - 1) for risk in (_risk(window.question, rates.size), 0.025))
    mean = float(rates.mean())
    found = replace(found, ci_low=max(mean - ci_half, 0.0), ci_high=mean + ci_half)
    return found if found.missing else replace(found, low=max(mean - half, 0.0), high=mean + half)


def _risk(asked: Question, outages: int) -> float:
    """One-sided risk of this look: all of it where there is one look, else spent over one look an outage."""
    return asked.alpha if asked.bound == "fixed" else asked.alpha / (outages * (outages + 1))


def _counted_blocks(window: Window, column: str) -> int:
    """Blocks in which a column was counted."""
    return int((~np.isnan(window.subject[column])).any(axis=0).sum())


def _without_count(window: Window, blank: Reading) -> Reading:
    """Nothing measured, not to be seen in production, or measured before this was counted."""
    if not window.seen():
        return replace(blank, missing=why_no_number(window))
    return replace(blank, missing=NOT_SEEN_LIVE if window.question.mode == "live" else NOT_COUNTED)
