"""Which runs a list holds: the values of a filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.events import FAILED_OUTCOMES, RUN_OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date


#: What stands in `Picked.fingerprint` for failures that tell neither a kind of error nor a text, and in `Picked.aside`
#: for rows of which nobody noted why they were set aside.
NO_ERROR_RECORDED = "-"


#: States that stand for several outcomes.
STATE_OUTCOMES: Mapping[str, tuple[str, ...]] = {"failed": FAILED_OUTCOMES, "ended": RUN_OUTCOMES}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRuns:
    """Runs that a reading counts: only those that the rollup does, of these sides and blocks.

    `sides` has the blocks (their first days) that count by subject; None: all from `start` on that end by `end`.
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
    """Which runs a list holds; an empty tuple picks any. A name that nothing has picks nothing."""

    sides: tuple[str, ...] = ()  #: "monolith", "service" (of any level), "service@3"
    states: tuple[str, ...] = ()  #: outcomes, "running", "failed" for all of FAILED_OUTCOMES, "ended" for all there are
    partners: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    first: date | None = None  #: the block of the run ends on this day or later
    last: date | None = None  #: it begins on this day or earlier
    known: date | None = None  #: its block was over by the end of this day: what was known then, and nothing later
    attempt: str = ""  #: "first" for attempt 1; "last" where no later attempt has ended; "" for any
    fingerprint: str = ""  #: of failures that are alike; `UNTOLD` for those that say nothing
    aside: str = ""  #: code of an error: last attempts that count and have set rows aside for it; or `UNTOLD`
    counted: CountedRuns | None = None  #: exactly the runs that a reading counts
