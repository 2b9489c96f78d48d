"""The views of a workspace: each is made once for a state of the store and the plan, and kept until either changes.

Judging takes longer than a page may take. So a view is made once for each state of the store, and expensive values are
computed once for each view. While data keeps coming in, readers get the last view, and the next is made in the
background.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import OrderedDict
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from dashboard.cache.empty_state import no_runs, no_store
from dashboard.cache.scoped_plan import scope_plan
from dashboard.cache.scoped_store import open_scoped
from dashboard.cache.view import View, first_day
from dashboard.errors import NoSuchDay, NothingYet, StillReading
from metrics.errors import MetricsError, StoreDamaged, StoreMissing
from metrics.question import block_days
from metrics.store.change_detector import ChangeDetector
from metrics.store.database import clock_of, empty_store
from metrics.store.series import last_evidence_day
from roadmap.errors import PlanError
from roadmap.judge.evaluate import judge_all, judge_as_of
from roadmap.plan.loader import load_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator
    from pathlib import Path

    from sqlite_utils import Database

    from dashboard.config import Config
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Plan

#: Errors that keep a view from being made; every reader who asks for the view gets them.
UNREADABLE = (NothingYet, MetricsError, PlanError, sqlite3.DatabaseError)

#: How many views of earlier days are kept beside the newest.
MAX_EARLIER = 8

#: Making views may take 1/SHARE of one processor: a view that took a second is made again after ten at the earliest.
COST_FACTOR = 10

#: How long a first page waits for another that is already making the view.
PATIENCE_S = 2.0


class _Kept(NamedTuple):
    """A view of an earlier day, or of the plan alone, and the state of the store that it was made from."""

    view: View
    version: Hashable


class Views:
    """The newest view of a workspace, and some of earlier days; safe to use from several threads.

    Args:
        config: what to show.
        preload: functions for `View.cached` that are called before a view is handed out, so that no reader waits.
    """

    def __init__(self, config: Config, preload: Iterable[Callable[[Database, View], object]] = ()) -> None:
        self._config = config
        self._preload = tuple(preload)
        self._changes = ChangeDetector(config.store)
        self._making = threading.Lock()
        self._newest: View | None = None
        self._newest_version: Hashable = None
        self._made_at_s = self._cost_s = 0.0
        self._earlier: OrderedDict[date, _Kept] = OrderedDict()
        self._earlier_lock = threading.Lock()
        self._plan_alone: _Kept | None = None

    def newest(self) -> View:
        """Return the view of today: the newest or, where the settings allow it, one that is a little older.

        Raises:
            NothingYet: there is no store, or no run in it.
            StillReading: the first view is being made; ask again soon.
            StoreDamaged: the file is not a metrics database, or one of the other clock.
            PlanError: the milestone file cannot be used.
        """
        version = self._version()
        view = self._newest
        if view is not None and version == self._newest_version:
            return view
        if view is None or self._config.keep_s is None:
            with self._patiently():
                return self._make_newest(version)
        if self._is_old():
            self._in_background(self.refresh)
        return view

    def refresh(self) -> bool:
        """Make the newest view now, if the store has changed and the last view is old enough; return whether it did.

        An error that keeps it from being made is not raised here; `newest` raises it for every reader from then on.
        """
        version = self._version()
        is_current = self._newest is not None and (version == self._newest_version or not self._is_old())
        if is_current or not self._making.acquire(blocking=False):
            return False
        try:
            self._make_newest(version)
        except UNREADABLE:
            return False
        finally:
            self._making.release()
        return True

    def earlier(self, day: date) -> View:
        """Return the view of an earlier day, by the plans of that day.

        It follows changes of the store as the newest does: late data may change what was known on that day.

        Raises:
            NoSuchDay: the day is after the store's calendar, or before the first run.
            NothingYet, StillReading, StoreDamaged, PlanError: as for `newest`.
        """
        newest = self.newest()
        first = newest.cached(first_day)
        if not first <= day <= newest.today:
            raise NoSuchDay(day, first, newest.today)
        version = self._version()
        with self._earlier_lock:
            stored = self._earlier.get(day)
            if stored is not None:
                self._earlier.move_to_end(day)
        if stored is not None and stored.version == version:
            return stored.view
        if stored is None or self._config.keep_s is None:
            with self._patiently():
                return self._make_earlier(day, version)
        if self._newest is not None and self._newest_version == version:  # the newest is made first
            self._in_background(lambda: self._remake_earlier(day, version))
        return stored.view

    def plan_alone(self) -> View:
        """Return a view of the plan, judged without evidence, for pages that need no run.

        Decisions and spending come from the store, if there is one. A replay's calendar begins with the plan.

        Raises:
            StoreDamaged, PlanError: as for `newest`.
        """
        version = self._version()
        if self._plan_alone is None or self._plan_alone.version != version:
            plan, config = self._plan(), self._config
            store: Path | None = config.store
            begins = min((milestone.start for milestone in plan.milestones), default=date.min)
            today = config.today() if config.clock == "live" and config.today else begins
            try:
                db: Database = self._open()
            except NothingYet:
                store, db = None, empty_store(config.clock)
            with closing(db):
                verdicts = judge_all(db, plan, today, config.built)
            self._plan_alone = _Kept(replace(self._view(plan, verdicts, today), store=store), version)
        return self._plan_alone.view

    def close(self) -> None:
        """Close the store."""
        self._changes.close()

    def _version(self) -> Hashable:
        """Return a value that differs from every earlier one once the store, the plan or the day has changed."""
        try:
            status = self._config.milestones.stat()
            plan = (status.st_mtime_ns, status.st_size)
        except OSError:  # loading it raises an error that says why
            plan = None
        day = self._config.today() if self._config.clock == "live" and self._config.today else None
        return self._changes.version(), plan, day

    def _is_old(self) -> bool:
        return time.monotonic() - self._made_at_s >= max(self._config.keep_s or 0.0, COST_FACTOR * self._cost_s)

    @contextmanager
    def _patiently(self) -> Iterator[None]:
        """Hold the lock of making a view. Raises StillReading where another thread holds it for long."""
        if not self._making.acquire(timeout=PATIENCE_S):
            raise StillReading
        try:
            yield
        finally:
            self._making.release()

    def _in_background(self, make: Callable[[], object]) -> None:
        """Make a view in a thread of its own."""
        if not self._making.locked():
            threading.Thread(target=make, name="view", daemon=True).start()

    def _make_earlier(self, day: date, version: Hashable) -> View:
        """Judge as of a day, unless another thread has done so meanwhile; the caller holds the lock."""
        stored = self._earlier.get(day)
        if stored is not None and stored.version == version:
            return stored.view
        with closing(self._open()) as db:
            plan, verdicts = judge_as_of(db, self._plan(), day, self._config.built)
            view = self._view(plan, verdicts, day, as_of=day)
            self._compute(view, db)
        with self._earlier_lock:
            self._earlier[day] = _Kept(view, version)
            self._earlier.move_to_end(day)
            while len(self._earlier) > MAX_EARLIER:
                self._earlier.popitem(last=False)
        return view

    def _remake_earlier(self, day: date, version: Hashable) -> None:
        if self._making.acquire(blocking=False):
            try:
                self._make_earlier(day, version)
            except UNREADABLE:  # the next reader makes it, and gets the error
                with self._earlier_lock:
                    self._earlier.pop(day, None)
            finally:
                self._making.release()

    def _make_newest(self, version: Hashable) -> View:
        """Make the newest view, unless another thread has done so meanwhile; the caller holds the lock."""
        if self._newest is not None and version == self._newest_version:
            return self._newest
        begun_s = time.thread_time()  # the work of other threads is not part of the cost
        try:
            view = self._read()
        except Exception:
            self._newest = None
            raise
        self._newest, self._newest_version = view, version
        self._made_at_s = time.monotonic()
        self._cost_s = time.thread_time() - begun_s
        return view

    def _read(self) -> View:
        plan = self._plan()
        with closing(self._open()) as db:
            last = last_evidence_day(db)
            if last is None:
                raise no_runs(db, plan, self._config.clock)
            live = self._config.clock == "live" and self._config.today is not None
            today = self._config.today() if live and self._config.today else date.fromisoformat(last)
            view = self._view(plan, judge_all(db, plan, today, self._config.built), today)
            self._compute(view, db)
        return view

    def _compute(self, view: View, db: Database) -> None:
        """Compute what pages need, from the snapshot of the verdicts. What fails, fails again on the pages that ask."""
        with view.snapshot(db):
            for function in self._preload:
                with suppress(Exception):
                    view.cached(function)

    def _view(self, plan: Plan, verdicts: list[Verdict], today: date, as_of: date | None = None) -> View:
        config = self._config
        return View(
            plan=plan, verdicts=verdicts, today=today, mode=config.clock, built=config.built, store=config.store,
            as_of=as_of, scope=config.scope,
        )  # fmt: skip

    def _plan(self) -> Plan:
        plan = load_plan(self._config.milestones, block_days(self._config.clock))
        return scope_plan(plan, self._config.scope)

    def _open(self) -> Database:
        try:
            db = open_scoped(self._config.store, self._config.scope)
        except StoreMissing as error:
            raise no_store(self._config.clock) from error
        clock = clock_of(db)
        if clock != self._config.clock:
            db.close()
            raise StoreDamaged(f"{self._config.store}: holds {clock} runs, not {self._config.clock} ones")
        return db
