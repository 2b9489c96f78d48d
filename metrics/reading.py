"""A measured number and all that it rests on, and what to say where there is none yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from metrics.store import METHOD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from metrics.window import Window

    Floats = NDArray[np.float64]


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
    grade: str | None  #: "B" for a paired replay
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


def total(values: Floats) -> float | None:
    """The sum of what is there; None when nothing is."""
    there = values[~np.isnan(values)]
    return float(there.sum()) if there.size else None


def reading(window: Window, measure: str, *names: str, missing: str, n_of: str) -> Reading:
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
        missing=missing,
        inputs_sha256=window.sha256(*names),
    )


def grade(window: Window) -> str:
    """How far a number can be trusted: B for a paired replay, D for what merely lies in the past."""
    return "B" if window.question.mode == "replay" else "D"


def too_few(window: Window, have: int) -> str:
    """Empty when there are blocks enough, else what is missing and about when it could be there."""
    asked = window.question
    if have >= asked.min_blocks:
        return ""
    days, word = (7, "week") if asked.mode == "replay" else (1, "day")
    last = date.fromisoformat(window.blocks[-1][1]) if window.blocks else asked.start
    enough = last + timedelta(days=days * (asked.min_blocks - have))
    return f"{have} of {asked.min_blocks} {word}s; enough around {enough.day} {enough:%b %Y} at this rate"


def nothing(window: Window) -> str:
    """That there is no data at all for a question, and which command makes it."""
    asked = window.question
    faults = {"none": " without faults", "standard": " under the standard faults"}.get(asked.faults, "")
    said = f"{asked.subject} has not been measured{faults} since {asked.start.day} {asked.start:%b %Y}"
    command = f"milepost metrics measure --subjects {asked.control},{asked.subject} --faults {asked.faults}"
    return f"{said}; `{command}` does it" if asked.mode == "replay" else said
