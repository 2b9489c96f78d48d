"""The runs that a reading counts, so that the number beside it leads to exactly these."""

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

#: Measures that compare the processing time of both sides, and of exchanges that failed.
TIME_MEASURES = frozenset({"busy_time_saved", "programme_time_saved"})
DIFFERENCE_COLUMNS = {"failed_first_avoided": "first_failed", "failed_final_avoided": "still_failed"}

#: What has to be known of the subject in a block for the other measures to count it; nothing but a run where a measure
#: is not named here.
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
}


def runs_behind(window: Window, measure: str) -> CountedRuns:
    """The runs that the reading of a measure counts: of the subject, and of the control where it is compared with.

    For processing time these are exactly the runs of `Reading.n`; for other measures, whose `n` may be exchanges or
    records, all runs of the blocks that count.
    """
    asked = window.question
    found: dict[str, frozenset[str] | None] = {}
    for name, blocks in _blocks_by_side(window, measure):
        found[name] = blocks | (found.get(name) or frozenset())
    return CountedRuns(
        sides=found,
        scope=asked.scope,
        mode=asked.mode,
        faults=asked.faults,
        series=asked.series or "",
        start=asked.start,
        end=asked.end,
    )


def _blocks_by_side(window: Window, measure: str) -> list[tuple[str, frozenset[str]]]:
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
        there = [side.there for side in (window.both if paired else window.apart)]
    else:
        there = _compared_cells(window, DIFFERENCE_COLUMNS[measure], paired=paired)
    past = window.blocks if paired else window.history_blocks
    sides = zip(names, (window.blocks, past), there, strict=True)
    return [(name, _first_days(blocks, cells)) for name, blocks, cells in sides]


def _compared_cells(window: Window, column: str, *, paired: bool) -> list[Bools]:
    """The cells of subject and control whose exchanges are held against each other; see `failure_rate_difference`."""
    sides = (window.subject, window.control if paired else window.history)
    ours, theirs = (np.asarray(~np.isnan(side["exchanges"])) for side in sides)
    alike = ours & theirs if paired else np.asarray(ours.any(axis=1) & theirs.any(axis=1))[:, None]
    return [np.asarray(alike & ~np.isnan(side[column])) for side in sides]


def _first_days(blocks: tuple[Block, ...], there: Bools) -> frozenset[str]:
    """First days of the blocks in which any cell counts."""
    return frozenset(blocks[i][0] for i in np.flatnonzero(there.any(axis=0)))
