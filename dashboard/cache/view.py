"""What pages are made from: the plan, judged as of one day, and whatever else was made of the store for that day."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar, cast

from metrics.store.database import empty_store, open_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from pathlib import Path

    from sqlite_utils import Database

    from roadmap.model import Verdict
    from roadmap.plan.milestones import Plan

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class View:
    """The plan with its verdicts as of one day, and all that was made from them so far."""

    plan: Plan
    verdicts: list[Verdict]
    today: date
    mode: str  #: "replay" or "live"
    built: int
    store: Path | None  #: the metrics database; None: there is none yet, and all that is asked finds nothing
    as_of: date | None = None  #: the day asked for; None: today
    _made: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)
    _making: threading.RLock = field(default_factory=threading.RLock, compare=False, repr=False)

    def made(self, make: Callable[[Database, View], T]) -> T:
        """What a function of the store and this view gives; it is asked once, and its value kept with the view."""
        if make not in self._made:
            with self._making:
                if make not in self._made:
                    with closing(open_snapshot(self.store) if self.store else empty_store(self.mode)) as db:
                        self._made[make] = make(db, self)
        return cast("T", self._made[make])


def first_day(db: Database, view: View) -> date:
    """The first day of the first block that has a run."""
    found = db.execute("SELECT MIN(block) FROM run_block").fetchone()[0]
    return date.fromisoformat(found) if found else view.today
