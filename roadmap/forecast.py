"""Where the numbers lead, and what it takes to prove a target. Pure: no database, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from metrics.reading import Reading
    from roadmap.plan import Milestone


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Where one measure leads, as of one day; what cannot be said is None, and `text` says why."""

    name: str
    role: str  #: "metric" or "guardrail"
    faults: str
    as_of: date
    due: date
    points: int  #: weeks of evidence that it rests on
    estimate: float
    odds: float | None  #: that the target is proven by the due date, 0 to 1
    expected_on: date | None  #: when it would be proven if the estimate stays as it is; None: not within three years
    ceiling: float | None  #: the best it can still be by the due date, if every block to come were perfect
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What it takes to prove one target; what cannot be said is None, and `text` says why."""

    name: str
    role: str  #: "metric" or "guardrail"
    faults: str
    target: float
    blocks: int | None  #: blocks in all, those measured included
    true_gain: float | None  #: the least true value that is proven by the due date with odds of 80 %
    earliest: date | None
    assumed: str  #: "" or what was assumed where nothing was measured
    text: str


def forecasts(
    milestone: Milestone, readings: Mapping[tuple[str, str], Reading], today: date, last_day: date | None = None
) -> tuple[Forecast, ...]:
    """A forecast of every target that has a number."""
    del milestone, readings, today, last_day
    return ()


def needs(
    milestone: Milestone,
    readings: Mapping[tuple[str, str], Reading],
    today: date,
    first_day: date | None,
    block_days: int,
) -> tuple[Need, ...]:
    """What it takes to prove every target."""
    del milestone, readings, today, first_day, block_days
    return ()
