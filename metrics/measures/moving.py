"""Measures of feeds that move from the monolith to the service: parity, feeds cut over, and calls of the monolith."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from metrics.measures.missing import missing_blocks
from metrics.measures.reading import Reading, blank_reading, same_files_grade

if TYPE_CHECKING:
    from metrics.measures.window import Window

#: Measures of a state, which may become better again.
STATES = frozenset({"parity_unexplained", "feeds_cut_over"})

NOT_COMPARED = "no file was compared by parity in this period; a feed at stage `shadow` compares each of its files"
NO_ROUTE = "no feed has a route yet; `milepost route advance PARTNER/FEED` begins one"
NOT_CUT_OVER = "no feed is at stage `service` yet, so the monolith still has work to do"
IN_REPLAY = "a replay runs the monolith as the control, so its calls mean nothing; production counts them"


def parity_unexplained(window: Window) -> Reading:
    """Compute `parity_unexplained`: differences of all compared files that no disposition explains."""
    blank = blank_reading(window, "parity_unexplained", n_of="records compared")
    blocks = window.movement.blocks
    if not blocks:
        return replace(blank, missing=NOT_COMPARED)
    days = len({block.block_end for block in blocks})
    return replace(
        blank,
        estimate=float(sum(block.unexplained for block in blocks)),
        n=sum(block.compared for block in blocks),
        blocks=days,
        grade=same_files_grade(window),
        missing=missing_blocks(window, days),
    )


def feeds_cut_over(window: Window) -> Reading:
    """Compute `feeds_cut_over`: the share of all feeds that the service alone sends at the end of the period."""
    blank = blank_reading(window, "feeds_cut_over", "attempts", n_of="feeds")
    if not window.movement.changes:
        return replace(blank, missing=NO_ROUTE)
    feeds = {stratum[:2] for stratum in window.strata} | window.movement.feeds()
    days = len(window.subject_blocks())
    return replace(
        blank,
        estimate=len(window.movement.cut_over()) / len(feeds),
        n=len(feeds),
        blocks=days,
        grade=same_files_grade(window),
        missing=missing_blocks(window, days),
    )


def monolith_calls(window: Window) -> Reading:
    """Compute `monolith_calls`: runs of the control on feeds that are cut over, after the block of that change."""
    blank = blank_reading(window, "monolith_calls", "attempts", n_of="runs of the monolith")
    if window.question.mode == "replay":
        return replace(blank, missing=IN_REPLAY)
    since = window.movement.cut_over()
    if not since:
        return replace(blank, missing=NOT_CUT_OVER)
    attempts = np.nan_to_num(window.control["attempts"])
    calls = 0.0
    for row, (partner, feed, _) in enumerate(window.strata):
        change = since.get((partner, feed))
        if change is not None:
            later = np.array([block > change.block_end for block, _ in window.blocks], dtype=bool)
            calls += float(attempts[row][later].sum())
    days = len(window.subject_blocks())
    return replace(
        blank,
        estimate=calls,
        n=int(attempts.sum()),
        blocks=days,
        grade=same_files_grade(window),
        missing=missing_blocks(window, days),
    )
