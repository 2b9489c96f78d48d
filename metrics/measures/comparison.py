"""A subject against its control: one question in, one number and all that it rests on out.

Each reading is made twice over: by name from a database (`busy_time_saved(db, question)`), and from a `Window` that is
already read (`saved(window)`). A missing number is None, never 0, and `Reading.missing` says what is missing.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from metrics.measures.failure_rates import failure_rate, failure_rate_difference
from metrics.measures.reading import (
    Reading,
    blank_reading,
    grade,
    missing_blocks,
    sum_known,
    why_no_number,
    why_not_counted,
)
from metrics.measures.window import Window, load_window
from metrics.stats import confidence, cost_index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from sqlite_utils import Database

    from metrics.question import Question

    Floats = NDArray[np.float64]


def block_series(db: Database, question: Question) -> list[dict[str, Any]]:
    """Both sides block by block, for charts: sums over strata and rounds.

    Keys: block, block_end (ISO dates), then for `control_` and `subject_`: busy_s, held, exchanges, first_failed,
    still_failed. Busy seconds and held records are of cells whose holdings were counted. None: that side has none.
    """
    window = load_window(db, question)
    rows: list[dict[str, Any]] = []
    for i, (block, block_end) in enumerate(window.blocks):
        row: dict[str, Any] = {"block": block, "block_end": block_end}
        for name, side in (("control", window.control), ("subject", window.subject)):
            counted = ~np.isnan(side["held"][:, i])
            row[f"{name}_busy_s"] = sum_known(side["busy_ns"][counted, i] / 1e9)
            for column in ("held", "exchanges", "first_failed", "still_failed"):
                summed = sum_known(side[column][:, i])
                row[f"{name}_{column}"] = None if summed is None else int(summed)
        rows.append(row)
    return rows


def busy_time_saved(db: Database, question: Question) -> Reading:
    """Share of the control's processing time saved, the mix of files held still."""
    return compute_busy_time_saved(load_window(db, question))


def compute_busy_time_saved(window: Window) -> Reading:
    """`busy_time_saved` of a window: 1 less the cost index, per record that the partner holds.

    Beside it stand the gain by the geometric mean of the same ratios, and that of all the programme.
    """
    blank = blank_reading(window, "busy_time_saved", "busy_ns", "held", "attempts", n_of="runs")
    paired = window.is_paired()
    cells = window.both if paired else window.apart
    index = cost_index.cost_index(*cells, window.weights, paired=paired)
    if index is None:
        return replace(blank, missing=why_no_number(window))
    if not cells[0].held.any():
        none = f"{window.question.subject} delivered none of the {np.nansum(window.subject['due']):,.0f} records due"
        return replace(blank, missing=f"{none}, so a record of it has no cost")
    blocks = index.z.size if index.z_control is None else min(index.z.size, index.z_control.size)
    control = window.control if paired else window.history
    found = replace(
        blank,
        estimate=1 - index.index,
        n=sum(_count_runs(side, used) for side, used in zip((window.subject, control), cells, strict=True)),
        blocks=blocks,
        coverage=index.coverage,
        grade=grade(window, paired=paired),
        paired=paired,
        missing=missing_blocks(window, blocks),
        beside={
            "geometric": 1 - index.geometric,
            "programme": cost_index.programme_gain(1 - index.index, index.coverage),
        },
    )
    if blocks < 2:
        return found
    wide = confidence.block_range(index.z, window.question.alpha, window.question.bound, index.z_control)
    # the noise is known before there are blocks enough for a verdict; forecasts rest on it
    found = replace(found, scale="log_ratio", spread=wide.spread)
    if found.missing:
        return found
    low, high, ci_low, ci_high = (
        1 - math.exp(wide.mean + half) for half in (wide.half, -wide.half, wide.ci_half, -wide.ci_half)
    )
    return replace(found, low=low, high=high, ci_low=ci_low, ci_high=ci_high)


def _count_runs(side: Mapping[str, Floats], used: cost_index.Totals) -> int:
    """Runs in the blocks that count."""
    return int(np.nansum(side["attempts"], axis=0)[used.there.any(axis=0)].sum())


def compute_programme_time_saved(window: Window) -> Reading:
    """`programme_time_saved` of a window: what is not migrated yet counts as 0.

    All of the work is covered by definition, so it has no coverage to fall short of; `beside` says how much is migrated
    and the gain there.
    """
    found = compute_busy_time_saved(window)
    named = replace(found, measure="programme_time_saved", coverage=None, beside={})
    if found.estimate is None or found.coverage is None:
        return named
    covered = found.coverage
    numbers: dict[str, Any] = {
        name: None if value is None else cost_index.programme_gain(value, covered)
        for name in ("estimate", "low", "high", "ci_low", "ci_high")
        for value in [getattr(found, name)]
    }
    if found.spread is not None:  # the noise of a log ratio, carried to the plain scale (delta method)
        numbers |= {"scale": "plain", "spread": found.spread * (1 - found.estimate) * covered}
    return replace(named, **numbers, beside={"migrated": covered, "gain": found.estimate})


def answers_equal(db: Database, question: Question) -> Reading:
    """Share of all compared records that are equal, field for field, with both subjects."""
    return compute_answers_equal(load_window(db, question))


def compute_answers_equal(window: Window) -> Reading:
    """`answers_equal` of a window."""
    blank = blank_reading(window, "answers_equal", n_of="records compared")
    compared = sum(n for _, n, _ in window.answers)
    if not compared:
        return replace(blank, missing=why_not_counted(window, why_no_number(window)))
    blocks = len({end for end, _, _ in window.answers})
    return replace(
        blank,
        estimate=sum(same for *_, same in window.answers) / compared,
        n=compared,
        blocks=blocks,
        grade=grade(window),
        missing=missing_blocks(window, blocks),
    )


def lost_records(db: Database, question: Question) -> Reading:
    """Records that the subject called delivered and the partner does not hold."""
    return compute_census(load_window(db, question), "lost_records", "lost")


def partner_duplicates(db: Database, question: Question) -> Reading:
    """Records that the partner holds more than once, one for each further copy."""
    return compute_census(load_window(db, question), "partner_duplicates", "twice")


def compute_census(window: Window, measure: str, column: str) -> Reading:
    """A census of the subject's records: the sum of a column over all rounds, with the due records as `n`."""
    blank = blank_reading(window, measure, column, "due", n_of="records due")
    summed, due = sum_known(window.subject[column]), sum_known(window.subject["due"])
    if summed is None or not due:
        return replace(blank, missing=why_not_counted(window, why_no_number(window)))
    blocks = int((~np.isnan(window.subject[column])).any(axis=0).sum())
    return replace(
        blank, estimate=summed, n=int(due), blocks=blocks, grade=grade(window), missing=missing_blocks(window, blocks)
    )


def failed_first(db: Database, question: Question) -> Reading:
    """Share of the subject's exchanges whose first attempt failed; ask with the control as subject for its share."""
    return failure_rate(load_window(db, question), "failed_first", "first_failed")


def failed_final(db: Database, question: Question) -> Reading:
    """Share of the subject's exchanges that still stood failed after all attempts."""
    return failure_rate(load_window(db, question), "failed_final", "still_failed")


def failed_difference(db: Database, question: Question, column: str = "first_failed") -> Reading:
    """The control's share of failed exchanges less the subject's: above 0 is better than the control.

    `column` is `first_failed` (first attempt) or `still_failed` (after all attempts).
    """
    return failure_rate_difference(load_window(db, question), f"{column}_less", column)
