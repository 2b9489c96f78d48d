"""What a dashboard is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a dashboard shows, and how long it may keep what it has read."""

    store: Path  #: the metrics database
    milestones: Path  #: the workspace's milestone file
    built: int  #: the highest service level that stands
    workspace_name: str
    clock: str = "replay"  #: or "live"
    today: Callable[[], date] | None = None  #: for the live clock; a replay has its own calendar
    now: Callable[[], datetime] | None = None  #: the wall clock, for how old the data is; None: ages are not told
    spool: Path | None = None  #: where runs wait to be collected, for whether the data is late
    keep_s: float | None = (
        None  #: a view is shown so long before another is made beside it; None: it is always the newest
    )
