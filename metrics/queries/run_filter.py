"""The values of a run filter: which runs a list holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.events import FAILED_OUTCOMES, RUN_OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date


#: Value of `RunFilter.fingerprint` for failures without a recorded kind or text of the error, and of `RunFilter.reason`
#: for quarantined rows without a recorded reason.
NO_ERROR_RECORDED = "-"


#: States that stand for several outcomes.
STATE_OUTCOMES: Mapping[str, tuple[str, ...]] = {"failed": FAILED_OUTCOMES, "ended": RUN_OUTCOMES}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRuns:
    """The runs that a reading counts: those that the rollup counts, of these sides and blocks.

    `sides` maps each subject to its blocks that count (their first days); None: all blocks from `start` on that end by
    `end`.
    """

    sides: Mapping[str, frozenset[str] | None]
    scope: tuple[str, ...]
    mode: str
    faults: str
    series: str
    start: date
    end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs a list holds; an empty tuple selects any. A name that no run has selects nothing."""

    sides: tuple[str, ...] = ()  #: "monolith", "service" (of any level), "service@3"
    states: tuple[str, ...] = ()  #: outcomes, "running", "failed" for all of FAILED_OUTCOMES, "ended" for all outcomes
    partners: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    first: date | None = None  #: the block of the run ends on this day or later
    last: date | None = None  #: the block begins on this day or earlier
    known_by: date | None = None  #: the block was over by the end of this day: what was known then, nothing later
    attempt: str = ""  #: "first" for attempt 1; "last" where no later attempt has ended; "" for any
    fingerprint: str = ""  #: of the error of failures; `NO_ERROR_RECORDED` for failures without one
    reason: str = ""  #: error code: last attempts that count and quarantined rows for it; or `NO_ERROR_RECORDED`
    counted: CountedRuns | None = None  #: exactly the runs that a reading counts
