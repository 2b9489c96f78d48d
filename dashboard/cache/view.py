"""A view: the plan with its verdicts as of one day, and the values computed from the store for that day."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

from dashboard.cache.scoped_store import open_scoped
from dashboard.scope import WHOLE, Scope
from metrics.store.database import empty_store

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from pathlib import Path

    from sqlite_utils import Database

    from roadmap.model import Verdict
    from roadmap.plan.milestones import Plan

T = TypeVar("T")
Args = TypeVarTuple("Args")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The plan with its verdicts as of one day, and every value that pages have computed for it so far."""

    plan: Plan
    verdicts: list[Verdict]
    today: date
    mode: str  #: "replay" or "live"
    built: int
    store: Path | None  #: the metrics database; None: there is none yet, and an empty one is read instead
    as_of: date | None = None  #: the day asked for; None: today
    scope: Scope = WHOLE  #: the partners that it covers
    _values: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)
    _open: list[Database] = field(default_factory=list, compare=False, repr=False)  #: the snapshot in use, if any
    _lock: threading.RLock = field(default_factory=threading.RLock, compare=False, repr=False)

    def cached(self, function: Callable[[Database, View, *Args], T], *args: *Args) -> T:
        """Return the value of a function of the store, this view and some arguments; it is called once for each view.

        The arguments must be hashable. A function that raises is called again for the next reader.
        """
        key = (function, *args)
        if key not in self._values:
            with self.snapshot() as db:
                if key not in self._values:
                    self._values[key] = function(db, self, *args)
        return cast("T", self._values[key])

    @contextmanager
    def snapshot(self, db: Database | None = None) -> Iterator[Database]:
        """Open the store as of one moment, or use `db`; calls within the block share it, other threads wait."""
        with self._lock:
            if self._open:
                yield self._open[-1]
                return
            opened = db or (open_scoped(self.store, self.scope) if self.store else empty_store(self.mode))
            with nullcontext(opened) if db else closing(opened):
                self._open.append(opened)
                try:
                    yield opened
                finally:
                    self._open.pop()


def first_day(db: Database, view: View) -> date:
    """Return the first day of the first block that has a run; without any run, the view's day."""
    first = db.execute("SELECT MIN(block) FROM run_block").fetchone()[0]
    return date.fromisoformat(first) if first else view.today
