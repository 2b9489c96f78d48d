"""Compare a subject with its control: one question in, one reading out.

The `compute_*` functions take a `Window` that is already read; `busy_time_saved(db, question)` and its neighbours read
the window first. A missing number is None, never 0, and `Reading.missing` says what is missing.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from metrics.measures.failure_rates import failure_rate
from metrics.measures.missing import NONE_DUE, missing_blocks, why_no_answers, why_no_time, why_not_counted
from metrics.measures.reading import Reading, blank_reading, grade, noise_note, same_files_grade, sum_known
from metrics.measures.window import Window, load_window
from metrics.stats import confidence, cost_index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from sqlite_utils import Database

    from metrics.question import Question

    Floats = NDArray[np.float64]


def block_series(db: Database, question: Question) -> list[dict[str, Any]]:
    """Return both sides block by block, for charts: sums over strata and rounds.

    Keys: block, block_end (ISO dates), then for `control_` and `subject_`: busy_s, held, exchanges, first_failed,
    still_failed. Busy seconds and held records are of cells whose holdings were counted. None: the side has no data.
    """
    window = load_window(db, question)
    rows: list[dict[str, Any]] = []
    for i, (block, block_end) in enumerate(window.blocks):
        row: dict[str, Any] = {"block": block, "block_end": block_end}
        for name, side in (("control", window.control), ("subject", window.subject)):
            counted = ~np.isnan(side["held"][:, i])
            row[f"{name}_busy_s"] = sum_known(side["busy_ns"][counted, i] / 1e9)
            for column in ("held", "exchanges", "first_failed", "still_failed"):
                value = sum_known(side[column][:, i])
                row[f"{name}_{column}"] = None if value is None else int(value)
        rows.append(row)
    return rows


def busy_time_saved(db: Database, question: Question) -> Reading:
    """Return the share of the control's processing time that the subject saves, at a fixed mix of files."""
    return compute_busy_time_saved(load_window(db, question))


def compute_busy_time_saved(window: Window) -> Reading:
    """Compute `busy_time_saved`: 1 minus the cost index, per record that the partner holds.

    `beside` has the gain by the geometric mean of the same ratios, and the gain over the whole programme.
    """
    blank = blank_reading(window, "busy_time_saved", "busy_ns", "held", "attempts", n_of="runs")
    paired = window.is_paired()
    cells = window.paired if paired else window.unpaired
    index = cost_index.cost_index(*cells, window.weights, paired=paired)
    if index is None:
        return replace(blank, missing=why_no_time(window))
    if not cells[0].held.any():
        text = f"{window.question.subject} delivered none of the {np.nansum(window.subject['due']):,.0f} records due"
        return replace(blank, missing=f"{text}, so a record of it has no cost")
    blocks = index.z.size if index.z_control is None else min(index.z.size, index.z_control.size)
    control = window.control if paired else window.history
    reading = replace(
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
        return reading
    wide = confidence.block_range(index.z, window.question.alpha, window.question.bound, index.z_control)
    # forecasts use the noise before there are enough blocks for a verdict
    reading = replace(reading, scale="log_ratio", spread=wide.spread, note=noise_note(window, wide))
    if reading.missing:
        return reading
    low, high, ci_low, ci_high = (
        1 - math.exp(wide.mean + half) for half in (wide.half, -wide.half, wide.ci_half, -wide.ci_half)
    )
    return replace(reading, low=low, high=high, ci_low=ci_low, ci_high=ci_high)


def _count_runs(side: Mapping[str, Floats], used: cost_index.Totals) -> int:
    """Count the runs in the blocks that count."""
    return int(np.nansum(side["attempts"], axis=0)[used.known.any(axis=0)].sum())


def compute_programme_time_saved(window: Window) -> Reading:
    """Compute `programme_time_saved`: what is not migrated yet counts as a gain of 0.

    All work is covered by definition, so the reading has no coverage; `beside` has the share that is migrated and the
    gain there.
    """
    gain = compute_busy_time_saved(window)
    reading = replace(gain, measure="programme_time_saved", coverage=None, beside={})
    if gain.estimate is None or gain.coverage is None:
        return reading
    covered = gain.coverage
    numbers: dict[str, Any] = {
        name: None if value is None else cost_index.programme_gain(value, covered)
        for name in ("estimate", "low", "high", "ci_low", "ci_high")
        for value in [getattr(gain, name)]
    }
    if gain.spread is not None:  # the noise of a log ratio, transformed to the plain scale (delta method)
        numbers |= {"scale": "plain", "spread": gain.spread * (1 - gain.estimate) * covered}
    return replace(reading, **numbers, beside={"migrated": covered, "gain": gain.estimate})


def answers_equal(db: Database, question: Question) -> Reading:
    """Return the share of all compared records that are equal, field for field, on both sides."""
    return compute_answers_equal(load_window(db, question))


def compute_answers_equal(window: Window) -> Reading:
    """Compute `answers_equal`: of what the partners hold in a replay, and of compared files in production.

    Production cannot see what a partner holds. There, the outputs of both sides for the same files are compared.
    """
    blank = blank_reading(window, "answers_equal", n_of="records compared")
    by_parity = window.question.mode == "live" and not window.answers
    answers = [(b.block_end, b.compared, b.equal) for b in window.movement.blocks] if by_parity else window.answers
    compared = sum(n for _, n, _ in answers)
    if not compared:
        return replace(blank, missing=why_no_answers(window))
    blocks = len({end for end, _, _ in answers})
    return replace(
        blank,
        estimate=sum(same for *_, same in answers) / compared,
        n=compared,
        blocks=blocks,
        grade=same_files_grade(window) if by_parity else grade(window),
        missing=missing_blocks(window, blocks),
    )


def compute_census(window: Window, measure: str, column: str) -> Reading:
    """Compute a census of the subject's records: the sum of a column over all rounds; `n` are the records due."""
    blank = blank_reading(window, measure, column, "due", n_of="records due")
    amount, due = sum_known(window.subject[column]), sum_known(window.subject["due"])
    if amount is None or due is None:
        return replace(blank, missing=why_not_counted(window))
    if not due:
        return replace(blank, missing=NONE_DUE)
    blocks = int((~np.isnan(window.subject[column])).any(axis=0).sum())
    return replace(
        blank, estimate=amount, n=int(due), blocks=blocks, grade=grade(window), missing=missing_blocks(window, blocks)
    )


def failed_first(db: Database, question: Question) -> Reading:
    """Return the share of the subject's exchanges whose first attempt failed; the control may be the subject."""
    return failure_rate(load_window(db, question), "failed_first", "first_failed")


def failed_final(db: Database, question: Question) -> Reading:
    """Return the share of the subject's exchanges that were not completed after all attempts."""
    return failure_rate(load_window(db, question), "failed_final", "still_failed")
