"""A measured number and all that it rests on, and what to say where there is none yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from metrics.events import parse_subject
from metrics.question import block_days, block_word
from metrics.store.series import METHOD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from metrics.measures.window import Window

    Floats = NDArray[np.float64]

#: What an older release has left out.
NOT_COUNTED = "it was measured by a release that did not count this; `milepost metrics measure` does it anew"

#: What production cannot show.
NOT_SEEN_LIVE = "live runs do not show what the partner holds; `milepost metrics measure` counts it in a replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One measured number and all that is needed to believe it. Shares are 0 to 1."""

    measure: str
    estimate: float | None
    low: float | None  #: the bound that decides; None before `min_blocks`, and for a census, which has none
    high: float | None
    ci_low: float | None  #: ordinary 95 % interval, for the eye only
    ci_high: float | None
    n: int  #: how many were counted, of all rounds
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
    missing: str  #: "" or what is missing for a verdict, in words
    inputs_sha256: str  #: of everything the number was computed from
    faults_sha256: str | None = None  #: of the file of fault rates; None where faults are real, or nobody recorded it
    paired: bool = True  #: whether both sides were measured in the same blocks
    scale: str | None = (
        None  #: what the range was made on: "log_ratio", "plain" or "wilson"; None: no range over blocks
    )
    spread: float | None = None  #: noise of one block on that scale, AR(1) corrected: standard error x root of blocks
    effect: float | None = None  #: design effect of a rate
    beside: Mapping[str, float] = field(default_factory=dict)  #: other ways to sum up the same, by name


def sum_known(values: Floats) -> float | None:
    """The sum of what is there; None when nothing is."""
    there = values[~np.isnan(values)]
    return float(there.sum()) if there.size else None


def blank_reading(window: Window, measure: str, *names: str, n_of: str) -> Reading:
    """A reading without a number yet, with all that its window says of itself; `names` are the columns it rests on."""
    asked = window.question
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
        faults=asked.faults,
        mode=asked.mode,
        series=asked.series,
        method=METHOD,
        start=asked.start,
        end=asked.end,
        missing="",
        inputs_sha256=window.sha256(*names),
        faults_sha256=window.faults_sha256,
    )


def grade(window: Window, *, paired: bool = True) -> str:
    """How far a number can be trusted.

    B: a replay. In production, where both sides ran on the same days and nothing was read from a log: A with the very
    same files on both sides, else C. D: anything that rests on what merely lies in the past, or in somebody's log.
    """
    if window.question.mode == "replay":
        return "B"
    shared = window.both[0].there
    if not paired or not shared.any() or (shared & window.imported).any():
        return "D"
    return "A" if (window.same_inputs | ~shared).all() else "C"


def missing_blocks(window: Window, have: int) -> str:
    """Empty when there are blocks enough, else what is missing and about when it could be there."""
    asked = window.question
    if have >= asked.min_blocks:
        return ""
    word = block_word(asked.mode)
    last = date.fromisoformat(window.blocks[-1][1]) if window.blocks else asked.start
    enough = last + timedelta(days=block_days(asked.mode) * (asked.min_blocks - have))
    return f"{have} of {asked.min_blocks} {word}s; enough around {enough.day} {enough:%b %Y} at this rate"


def why_no_number(window: Window) -> str:
    """Why there is no number at all, and which command makes one."""
    asked = window.question
    since = f"since {asked.start.day} {asked.start:%b %Y}"
    if asked.mode == "replay":
        faults = {"none": " without faults", "standard": " under the standard faults"}.get(asked.faults, "")
        command = f"milepost metrics measure --subjects {asked.control},{asked.subject} --faults {asked.faults}"
        return f"{asked.subject} has not been measured{faults} {since}; `{command}` does it"
    if not window.seen():
        level = parse_subject(asked.subject)[1]
        command = f"milepost run --level {level}" if level else "milepost metrics record"
        return f"{asked.subject} has not run in production {since}; `{command}`, then `milepost metrics collect`"
    if not window.history_blocks:
        control = f"the {asked.control}" if asked.control == "monolith" else asked.control
        return (
            f"nothing is known of {control} to compare it with; `milepost metrics record` measures it, "
            "`milepost metrics import` reads a log of it"
        )
    ours, theirs = (bool(side.there.any()) for side in window.apart)
    if ours and theirs:
        return f"{asked.subject} and {asked.control} have no feed and size of file in common"
    return f"how many records {asked.control if ours else asked.subject} delivered is not known, so nothing is compared"


def why_not_counted(window: Window, otherwise: str) -> str:
    """Why there is no count of what only shows from outside: in production nobody looks into the partner's store."""
    if window.question.mode == "live" and window.seen():
        return NOT_SEEN_LIVE
    return otherwise
