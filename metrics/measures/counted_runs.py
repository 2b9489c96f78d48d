"""Find the runs that a reading counts, so that its number links to a list of exactly these runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metrics.queries.run_filter import CountedRuns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from metrics.measures.window import Block, Window

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

#: The measures that compare the processing time of both sides.
TIME_MEASURES = frozenset({"busy_time_saved", "programme_time_saved"})

#: The measures that compare the failures of both sides, with the column that each compares.
DIFFERENCE_COLUMNS = {"failed_first_avoided": "first_failed", "failed_final_avoided": "still_failed"}

#: The columns that must be known of the subject in a block for the other measures to count the block; for a measure
#: that is not named here a run is enough.
REQUIRED_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "lost_records": ("lost",),
    "partner_duplicates": ("twice",),
    "good_rows_delivered": ("broken",),
    "false_rejects": ("good_aside",),
    "recovered_unattended": ("passing",),
    "wasted_calls": ("passing",),
    "failed_first": ("first_failed", "exchanges"),
    "failed_final": ("still_failed", "exchanges"),
    "delay_p50": ("delay_p50_us", "still_failed"),
    "delay_p95": ("delay_p95_us", "still_failed"),
    "peak_memory": ("peak_rss_bytes",),
    "calls_per_1000_records": ("calls", "held"),
    "operator_touches": ("operator_touches", "exchanges"),
    "effort_saved": ("operator_touches", "busy_ns", "held"),
}


def runs_behind(window: Window, measure: str) -> CountedRuns:
    """Return the runs that the reading of a measure counts: of the subject, and of the control where both are compared.

    For processing time these are exactly the runs of `Reading.n`. For other measures, whose `n` may be exchanges or
    records, they are all runs of the blocks that count.
    """
    question = window.question
    sides: dict[str, frozenset[str] | None] = {}
    for name, blocks in _blocks_by_side(window, measure):
        sides[name] = blocks | (sides.get(name) or frozenset())
    return CountedRuns(
        sides=sides,
        scope=question.scope,
        mode=question.mode,
        faults=question.faults,
        series=question.series or "",
        start=question.start,
        end=question.end,
    )


def _blocks_by_side(window: Window, measure: str) -> list[tuple[str, frozenset[str]]]:
    """Return each side by name with the first days of the blocks that count; a side may occur twice."""
    names = (window.question.subject, window.question.control)
    if measure == "answers_equal":
        ends = {end for end, compared, _ in window.answers if compared}
        days = frozenset(first for first, end in window.blocks if end in ends)
        return [(name, days) for name in names]
    if measure not in TIME_MEASURES and measure not in DIFFERENCE_COLUMNS:
        known = [~np.isnan(window.subject[name]) for name in REQUIRED_COLUMNS.get(measure, ("attempts",))]
        return [(names[0], _first_days(window.blocks, np.asarray(np.logical_and.reduce(known))))]
    paired = window.is_paired()
    if measure in TIME_MEASURES:
        counted = [side.known for side in (window.paired if paired else window.unpaired)]
    else:
        counted = _compared_cells(window, DIFFERENCE_COLUMNS[measure], paired=paired)
    past = window.blocks if paired else window.history_blocks
    sides = zip(names, (window.blocks, past), counted, strict=True)
    return [(name, _first_days(blocks, cells)) for name, blocks, cells in sides]


def _compared_cells(window: Window, column: str, *, paired: bool) -> list[Bools]:
    """Return the cells of subject and control whose exchanges are compared; see `failure_rate_difference`."""
    sides = (window.subject, window.control if paired else window.history)
    subject, control = (np.asarray(~np.isnan(side["exchanges"])) for side in sides)
    shared = subject & control if paired else np.asarray(subject.any(axis=1) & control.any(axis=1))[:, None]
    return [np.asarray(shared & ~np.isnan(side[column])) for side in sides]


def _first_days(blocks: tuple[Block, ...], counted: Bools) -> frozenset[str]:
    """Return the first days of the blocks in which any cell counts."""
    return frozenset(blocks[i][0] for i in np.flatnonzero(counted.any(axis=0)))
