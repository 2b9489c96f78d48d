"""The runs that a reading counts, so that the number beside it leads to exactly these."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metrics.picked import Counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from metrics.window import Block, Window

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

#: Measures that compare the processing time of both sides, and of exchanges that failed.
TIMES = frozenset({"busy_time_saved", "programme_time_saved"})
AVOIDED = {"failed_first_avoided": "first_failed", "failed_final_avoided": "still_failed"}

#: What has to be known of the subject in a block for the other measures to count it; nothing but a run where a measure
#: is not named here.
NEEDED: Mapping[str, tuple[str, ...]] = {
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


def counted(window: Window, measure: str) -> Counted:
    """The runs that the reading of a measure counts: of the subject, and of the control where it is compared with.

    For processing time these are exactly the runs of `Reading.n`; for other measures, whose `n` may be exchanges or
    records, all runs of the blocks that count.
    """
    asked = window.question
    sides = _sides(window, measure)
    found: dict[str, frozenset[str] | None] = {}
    for name, blocks in sides:
        found[name] = blocks | (found.get(name) or frozenset())
    return Counted(
        sides=found,
        scope=asked.scope,
        mode=asked.mode,
        faults=asked.faults,
        series=asked.series or "",
        start=asked.start,
        end=asked.end,
    )


def _sides(window: Window, measure: str) -> list[tuple[str, frozenset[str]]]:
    names = (window.question.subject, window.question.control)
    paired = window.is_paired()
    past = window.blocks if paired else window.history_blocks
    if measure in TIMES:
        cells = window.both if paired else window.apart
        return [
            (name, _first_days(blocks, side.there))
            for name, blocks, side in zip(names, (window.blocks, past), cells, strict=True)
        ]
    if measure in AVOIDED:
        ours, theirs = window.subject, window.control if paired else window.history
        there = [~np.isnan(side[AVOIDED[measure]] + side["exchanges"]) for side in (ours, theirs)]
        if paired:
            there = [there[0] & there[1]] * 2
        else:
            shared = (there[0].any(axis=1) & there[1].any(axis=1))[:, None]
            there = [one & shared for one in there]
        return [
            (name, _first_days(blocks, one))
            for name, blocks, one in zip(names, (window.blocks, past), there, strict=True)
        ]
    if measure == "answers_equal":
        ends = {end for end, compared, _ in window.answers if compared}
        days = frozenset(first for first, end in window.blocks if end in ends)
        return [(name, days) for name in names]
    needed = [~np.isnan(window.subject[name]) for name in NEEDED.get(measure, ("attempts",))]
    return [(names[0], _first_days(window.blocks, np.asarray(np.logical_and.reduce(needed))))]


def _first_days(blocks: tuple[Block, ...], there: Bools) -> frozenset[str]:
    """First days of the blocks in which any cell counts."""
    return frozenset(blocks[i][0] for i in np.flatnonzero(there.any(axis=0)))
