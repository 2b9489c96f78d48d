"""A reading: a measured number with all that it rests on, or the reason why there is no number yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from metrics.day_text import day_text
from metrics.events import parse_subject
from metrics.question import block_days, block_word
from metrics.store.series import METHOD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from metrics.measures.window import Window

    Floats = NDArray[np.float64]

#: Why an older measurement has no number.
NOT_COUNTED = "it was measured by a release that did not count this; `milepost metrics measure` measures it again"

#: Why production has no number.
NOT_SEEN_LIVE = "live runs do not show what the partner holds; `milepost metrics measure` counts it in a replay"


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


def missing_blocks(window: Window, blocks: int) -> str:
    """Return how many blocks are missing and about when they could be complete; empty where there are enough."""
    question = window.question
    if blocks >= question.min_blocks:
        return ""
    word = block_word(question.mode)
    last = date.fromisoformat(window.blocks[-1][1]) if window.blocks else question.start
    enough = last + timedelta(days=block_days(question.mode) * (question.min_blocks - blocks))
    return f"{blocks} of {question.min_blocks} {word}s; enough around {day_text(enough)} at this rate"


def why_no_number(window: Window) -> str:
    """Return why there is no number at all, and which command produces one."""
    question = window.question
    since = f"since {day_text(question.start)}"
    if question.mode == "replay":
        faults = {"none": " without faults", "standard": " under the standard faults"}.get(question.faults, "")
        command = (
            f"milepost metrics measure --subjects {question.control},{question.subject} --faults {question.faults}"
        )
        return f"{question.subject} has not been measured{faults} {since}; `{command}` does it"
    if not window.subject_blocks():
        level = parse_subject(question.subject)[1]
        command = f"milepost run --level {level}" if level else "milepost metrics record"
        return f"{question.subject} has not run in production {since}; `{command}`, then `milepost metrics collect`"
    if not window.history_blocks:
        control = f"the {question.control}" if question.control == "monolith" else question.control
        return (
            f"nothing is known of {control} to compare it with; `milepost metrics record` measures it, "
            "`milepost metrics import` reads a log of it"
        )
    has_subject, has_control = (bool(side.known.any()) for side in window.unpaired)
    if has_subject and has_control:
        return f"{question.subject} and {question.control} have no feed and size of file in common"
    side = question.control if has_subject else question.subject
    return f"how many records {side} delivered is not known, so nothing is compared"


def why_not_counted(window: Window, otherwise: str) -> str:
    """Return why a count at the partner is missing: production cannot see the partner's store; else `otherwise`."""
    if window.question.mode == "live" and window.subject_blocks():
        return NOT_SEEN_LIVE
    return otherwise
