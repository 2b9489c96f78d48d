"""The routes of feeds from the monolith to the service, as the front door hands them in: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

#: The stages of a route in their order, each with what it means.
STAGES: Mapping[str, str] = {
    "monolith": "The monolith exchanges every file.",
    "shadow": "The monolith exchanges every file. The service exchanges it too, and sends nothing.",
    "canary": "The service exchanges a share of the files, the monolith the others.",
    "service": "The service exchanges every file. The monolith is kept for the way back.",
    "retired": "The service exchanges every file, and the monolith’s command is refused.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChange:
    """A change of a feed's route; `forced`: against its gate, `automatic`: by a guardrail."""

    partner: str
    feed: str
    at: datetime
    action: str  #: advance, back, hold or release
    before: str  #: the stage before
    position: str  #: the stage after it, of a canary with its share: "canary at 0.1"
    who: str
    why: str
    owner: str = ""  #: who answers for a change against its gate
    forced: bool = False
    automatic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityNow:
    """What the comparisons of a feed's files say, by the dispositions that hold now."""

    files: int = 0
    records: int = 0
    unexplained: int = 0
    accepted: int = 0
    to_fix: int = 0
    by_cause: Mapping[str, int] = field(default_factory=dict)  #: unexplained differences
    newest_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteNow:
    """Where a feed is on its route, and what blocks its next step."""

    partner: str
    feed: str
    stage: str
    share: float  #: of the files that the service gets
    position: str  #: the stage, of a canary with its share
    since: datetime | None  #: None where it has never changed
    is_held: bool
    next_position: str  #: empty for a retired feed
    reasons: tuple[str, ...]  #: why it may not advance; commands are between backticks
    has_failed: bool  #: whether a reason is more than missing evidence
    parity: ParityNow = ParityNow()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayDifferences:
    """Differences of one cause that were found on one day in a partner's files, whether explained or not."""

    partner: str
    day: date
    cause: str
    differences: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedDay:
    """A day on which files of a partner were compared."""

    partner: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationState:
    """All routes at one moment, by partner and feed, with differences by day and the newest changes."""

    at: datetime
    routes: tuple[RouteNow, ...] = ()
    differences: tuple[DayDifferences, ...] = ()
    compared: tuple[ComparedDay, ...] = ()
    changes: tuple[StageChange, ...] = ()  #: newest first


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFiles:
    """The files that one side was given, and how they ended."""

    given: int
    done: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMigration:
    """The route of one feed in full."""

    route: RouteNow
    monolith: SideFiles
    service: SideFiles
    monolith_called_at: datetime | None
    waiting: tuple[tuple[str, str], ...]  #: files that wait for a person, and why
    changes: tuple[StageChange, ...]  #: newest first
    differences: tuple[DayDifferences, ...]
    compared: tuple[ComparedDay, ...]
