"""A reading: a measured number with all that it rests on, or the reason why there is no number yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from metrics.question import block_word
from metrics.stats.confidence import LEAST_NOISE
from metrics.store.series import METHOD

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from numpy.typing import NDArray

    from metrics.measures.window import Window
    from metrics.stats.confidence import BlockRange

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One measured number and all that it rests on. Shares are 0 to 1."""

    measure: str
    estimate: float | None
    low: float | None  #: the deciding bound; None before `min_blocks`, and for a census, which has none
    high: float | None
    ci_low: float | None  #: ordinary 95% interval, for display only
    ci_high: float | None
    n: int  #: number counted, over all rounds
    n_of: str  #: what `n` counts: "runs", "records compared", ...
    blocks: int  #: blocks that both sides have
    coverage: float | None  #: share of the pinned weight that both sides have
    grade: str | None  #: "A" paired in production on the same files, "B" replay, "C" concurrent, "D" history
    faults: str
    mode: str
    series: str | None
    method: str
    start: date
    end: date
    missing: str  #: what is missing for a verdict, in words; "" where nothing is
    inputs_sha256: str  #: hash of everything from which the number was computed
    faults_sha256: str | None = None  #: of the file of fault rates; None where faults are real, or it was not recorded
    paired: bool = True  #: whether both sides were measured in the same blocks
    scale: str | None = None  #: of the range: "log_ratio", "plain" or "wilson"; None: no range over blocks
    spread: float | None = None  #: noise of one block on that scale, AR(1) corrected: standard error x root of blocks
    effect: float | None = None  #: design effect of a rate
    note: str = ""  #: what was assumed for the range, in words; "" where nothing was
    prices: str = ""  #: hash of the prices by which effort was valued; "" where it was not
    beside: Mapping[str, float] = field(default_factory=dict)  #: other summaries of the same data, by name


def sum_known(values: Floats) -> float | None:
    """Return the sum of the known values; None where none is known."""
    known = values[~np.isnan(values)]
    return float(known.sum()) if known.size else None


def blank_reading(window: Window, measure: str, *names: str, n_of: str) -> Reading:
    """Return a reading without a number yet, with the facts of its window; `names` are the columns that it rests on."""
    question = window.question
    return Reading(
        measure=measure,
        estimate=None,
        low=None,
        high=None,
        ci_low=None,
        ci_high=None,
        n=0,
        n_of=n_of,
        blocks=0,
        coverage=None,
        grade=None,
        faults=question.faults,
        mode=question.mode,
        series=question.series,
        method=METHOD,
        start=question.start,
        end=question.end,
        missing="",
        inputs_sha256=window.sha256(*names),
        faults_sha256=window.faults_sha256,
    )


def grade(window: Window, *, paired: bool = True) -> str:
    """Return the grade of the evidence behind a number.

    B: a replay. In production, where both sides ran on the same days and nothing was imported from a log: A if both
    sides received the same files, C otherwise. D: all that rests on the control's history or on an imported log.
    """
    if window.question.mode == "replay":
        return "B"
    shared = window.paired[0].known
    if not paired or not shared.any() or (shared & window.imported).any():
        return "D"
    return "A" if (window.same_inputs | ~shared).all() else "C"


def same_files_grade(window: Window) -> str:
    """Return the grade of what is counted, not timed: A in production, where both sides get the same files; B else."""
    return "B" if window.question.mode == "replay" else "A"


def noise_note(window: Window, wide: BlockRange) -> str:
    """Return that the range assumes more noise than was seen; empty where what was seen decides the range."""
    if not wide.assumed:
        return ""
    word = block_word(window.question.mode)
    return f"the {word}s hardly vary, so the range assumes a noise of {LEAST_NOISE:.0%} in each {word}"
