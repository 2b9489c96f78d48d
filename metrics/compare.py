"""A subject against its control: one question in, one number and all that it rests on out.

Each reading is made twice over: by name from a database (`busy_time_saved(db, question)`), and from a `Window` that is
already read (`saved(window)`). A missing number is None, never 0, and `Reading.missing` says what is missing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from metrics import estimate
from metrics.reading import Reading, grade, nothing, reading, too_few, total
from metrics.window import COLUMNS, Question, Window, load, pin_baseline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from sqlite_utils import Database

    Floats = NDArray[np.float64]

__all__ = [
    "Question",
    "Reading",
    "Window",
    "answers_equal",
    "block_series",
    "busy_time_saved",
    "failed_difference",
    "failed_final",
    "failed_first",
    "load",
    "lost_records",
    "partner_duplicates",
    "pin_baseline",
]


def block_series(db: Database, question: Question) -> list[dict[str, Any]]:
    """Both sides block by block, for charts: sums over strata and rounds.

    Keys: block, block_end (ISO dates), then for `control_` and `subject_`: busy_s, held, exchanges, first_failed,
    still_failed. Busy seconds and held records are of cells whose holdings were counted. None: that side has none.
    """
    window = load(db, question)
    rows: list[dict[str, Any]] = []
    for i, (block, block_end) in enumerate(window.blocks):
        row: dict[str, Any] = {"block": block, "block_end": block_end}
        for name, side in (("control", window.control), ("subject", window.subject)):
            counted = ~np.isnan(side["held"][:, i])
            row[f"{name}_busy_s"] = total(side["busy_ns"][counted, i] / 1e9)
            for column in ("held", "exchanges", "first_failed", "still_failed"):
                summed = total(side[column][:, i])
                row[f"{name}_{column}"] = None if summed is None else int(summed)
        rows.append(row)
    return rows


def busy_time_saved(db: Database, question: Question) -> Reading:
    """Share of the control's processing time saved, the mix of files held still."""
    return saved(load(db, question))


def saved(window: Window) -> Reading:
    """`busy_time_saved` of a window: 1 less the cost index, per record that the partner holds."""
    names = ("busy_ns", "held")
    blank = reading(window, "busy_time_saved", *names, missing=nothing(window), n_of="runs")
    paired = window.paired()
    one, two = ({name: side[name][:, paired] for name in COLUMNS} for side in (window.subject, window.control))
    sides = estimate.Sides(
        subject_busy_s=one["busy_ns"] / 1e9,
        subject_held=one["held"],
        control_busy_s=two["busy_ns"] / 1e9,
        control_held=two["held"],
    )
    index = estimate.cost_index(sides, window.weights) if paired.any() else None
    if index is None:
        return blank
    found = replace(
        blank,
        estimate=1 - index.index,
        n=int(np.nansum(one["attempts"]) + np.nansum(two["attempts"])),
        blocks=int(paired.sum()),
        coverage=index.coverage,
        grade=grade(window),
        missing=too_few(window, int(paired.sum())),
    )
    if found.missing or index.z.size < 2:
        return found
    wide = estimate.block_range(index.z, window.question.alpha, window.question.bound)
    low, high, ci_low, ci_high = (
        1 - float(np.exp(wide.mean + half)) for half in (wide.half, -wide.half, wide.ci_half, -wide.ci_half)
    )
    return replace(found, low=low, high=high, ci_low=ci_low, ci_high=ci_high)


def answers_equal(db: Database, question: Question) -> Reading:
    """Share of all compared records that are equal, field for field, with both subjects."""
    return equal(load(db, question))


def equal(window: Window) -> Reading:
    """`answers_equal` of a window."""
    blank = reading(window, "answers_equal", missing=nothing(window), n_of="records compared")
    compared = sum(n for _, n, _ in window.answers)
    if not compared:
        return blank
    blocks = len({end for end, _, _ in window.answers})
    return replace(
        blank,
        estimate=sum(same for *_, same in window.answers) / compared,
        n=compared,
        blocks=blocks,
        grade=grade(window),
        missing=too_few(window, blocks),
    )


def lost_records(db: Database, question: Question) -> Reading:
    """Records that the subject called delivered and the partner does not hold."""
    return count(load(db, question), "lost_records", "lost")


def partner_duplicates(db: Database, question: Question) -> Reading:
    """Records that the partner holds more than once, one for each further copy."""
    return count(load(db, question), "partner_duplicates", "twice")


def count(window: Window, measure: str, column: str) -> Reading:
    """A census of the subject's records: the sum of a column over all rounds, with the due records as `n`."""
    blank = reading(window, measure, column, "due", missing=nothing(window), n_of="records due")
    summed, due = total(window.subject[column]), total(window.subject["due"])
    if summed is None or not due:
        return blank
    blocks = int((~np.isnan(window.subject[column])).any(axis=0).sum())
    return replace(
        blank, estimate=summed, n=int(due), blocks=blocks, grade=grade(window), missing=too_few(window, blocks)
    )


def failed_first(db: Database, question: Question) -> Reading:
    """Share of the subject's exchanges whose first attempt failed; ask with the control as subject for its share."""
    return rate(load(db, question), "failed_first", "first_failed")


def failed_final(db: Database, question: Question) -> Reading:
    """Share of the subject's exchanges that still stood failed after all attempts."""
    return rate(load(db, question), "failed_final", "still_failed")


def rate(window: Window, measure: str, column: str) -> Reading:
    """A sampled share of exchanges, by Wilson after dividing by the block design effect."""
    blank = reading(window, measure, column, "exchanges", "rounds", missing=nothing(window), n_of="exchanges")
    lumped = lumps(window.subject, column)
    return blank if lumped is None else share(window, blank, lumped, lumped[1].size)


def share(window: Window, blank: Reading, lumped: tuple[Floats, Floats, float], blocks: int) -> Reading:
    """A reading of the rate that lumps make; `blocks` is how many were looked at, lumps in them or not."""
    counts, counted, effect = lumped
    x, n = float(counts.sum()), float(counted.sum())
    ci_low, ci_high = estimate.wilson(x, n, effect)
    found = replace(
        blank,
        estimate=x / n,
        ci_low=ci_low,
        ci_high=ci_high,
        n=int(n),
        blocks=blocks,
        grade=grade(window),
        missing=too_few(window, blocks),
    )
    if found.missing or counted.size < 2:
        return found
    wide = estimate.factor(counted.size, window.question.alpha, window.question.bound)
    low, high = estimate.wilson(x, n, effect, wide)
    return replace(found, low=low, high=high)


def lumps(side: Mapping[str, Floats], column: str, of: str = "exchanges") -> tuple[Floats, Floats, float] | None:
    """A column and what it is a share of, per block that has any, and their design effect; None when nothing has."""
    counted = np.nansum(side[of], axis=0)
    there = counted > 0
    if not there.any():
        return None
    counts, counted = np.nansum(side[column], axis=0)[there], counted[there]
    return counts, counted, estimate.design_effect(counts, counted, floor=float(np.nanmax(side["rounds"])))


def failed_difference(db: Database, question: Question, column: str = "first_failed") -> Reading:
    """The control's share of failed exchanges less the subject's, by Newcombe: above 0 is better than the control.

    `column` is `first_failed` (first attempt) or `still_failed` (after all attempts).
    """
    window = load(db, question)
    blank = reading(window, f"{column}_less", column, "exchanges", "rounds", missing=nothing(window), n_of="exchanges")
    ours, theirs = lumps(window.subject, column), lumps(window.control, column)
    if ours is None or theirs is None:
        return blank
    one, two = ((float(x.sum()), float(n.sum()), effect) for x, n, effect in (theirs, ours))
    blocks = min(ours[0].size, theirs[0].size)
    ci_low, ci_high = estimate.newcombe(one, two)
    found = replace(
        blank,
        estimate=one[0] / one[1] - two[0] / two[1],
        ci_low=ci_low,
        ci_high=ci_high,
        n=int(one[1] + two[1]),
        blocks=blocks,
        grade=grade(window),
        missing=too_few(window, blocks),
    )
    if found.missing or blocks < 2:
        return found
    low, high = estimate.newcombe(one, two, estimate.factor(blocks, question.alpha, question.bound))
    return replace(found, low=low, high=high)
