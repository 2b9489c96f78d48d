"""The views of a workspace: each made once for a state of the store and the plan, and kept until either changes.

Judging takes longer than a page may take. So a view is made once for each state of the store, and whatever else is dear
is made once for each view. While data keeps coming in, readers get the last view, and the next is made beside them.
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
from dashboard.cache.view import View, first_day
from dashboard.errors import NoSuchDay, NothingYet, StillReading
from metrics.errors import MetricsError, StoreDamaged, StoreMissing
from metrics.question import block_days
from metrics.store.change_detector import ChangeDetector
from metrics.store.database import clock_of, empty_store, open_snapshot
from metrics.store.series import last_evidence_day as replayed_today
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

#: What keeps a view from being made, and is told to whoever asks for it.
UNREADABLE = (NothingYet, MetricsError, PlanError, sqlite3.DatabaseError)

#: Views of earlier days that are kept beside the newest.
EARLIER = 8

#: Making a view may take so much of a processor: one that took a second of it is made anew after ten.
SHARE = 10

#: Seconds in which the pages that were asked for last are made from a new view.
RENEWAL_S = 1.0

#: How long a first page waits for another that is reading already.
PATIENCE_S = 2.0


class _Earlier(NamedTuple):
    """A view of an earlier day, or of the plan alone, and the state of the store that it was made from."""

    view: View
    version: Hashable


class Views:
    """The newest view of a workspace, and some of earlier days.

    Args:
        config: what to show.
        dear: functions for `View.made` that are called before a view is handed out, so that no reader waits for them.
    """

    def __init__(self, config: Config, dear: Iterable[Callable[[Database, View], object]] = ()) -> None:
        self._config = config
        self._dear = tuple(dear)
        self._changes = ChangeDetector(config.store)
        self._making = threading.Lock()
        self._newest: View | None = None
        self._before: View | None = None  # the newest before that
        self._version: Hashable = None
        self._made_at_s = self._cost_s = 0.0
        self._earlier: OrderedDict[date, _Earlier] = OrderedDict()
        self._alone: _Earlier | None = None
        self._sorting = threading.Lock()  # of what is kept of earlier days

    def newest(self) -> View:
        """The view of today: the newest there can be or, where the settings let views be kept, one that is nearly so.

        Raises:
            NothingYet: there is no store, or no run in it.
            StillReading: the first view is being made; ask again soon.
            StoreDamaged: the store is not one, or of the other clock.
            PlanError: the milestone file cannot be used.
        """
        version = self.version()
        kept = self._newest
        if kept is not None and version == self._version:
            return kept
        if kept is None or self._config.keep_s is None:
            with self._patiently():
                return self._make(version)
        if self._is_old():
            self._beside(self.refresh)
        return kept

    def holds(self, view: View) -> bool:
        """Whether a page made from this view of today may be sent again.

        Where views are kept, the one that has just been replaced holds a moment longer, until its pages are made anew.
        """
        newest = self.newest()
        replaced = self._config.keep_s is not None and time.monotonic() - self._made_at_s < RENEWAL_S
        return view is newest or (replaced and view is self._before)

    def refresh(self) -> bool:
        """Make the newest view now, if the store has changed and the last one is old enough; returns whether it did.

        What keeps it from being made is not said here: from then on `newest` says it to every reader.
        """
        version = self.version()
        if (self._newest is not None and (version == self._version or not self._is_old())) or not self._making.acquire(
            blocking=False
        ):
            return False
        try:
            self._make(version)
        except UNREADABLE:
            return False
        finally:
            self._making.release()
        return True

    def earlier(self, day: date) -> View:
        """The view of an earlier day, by the plans of that day.

        It is kept as the newest is: what came in late since then may have changed what was known of that day.

        Raises:
            NoSuchDay: the day lies ahead of the store's calendar, or before the first run.
            NothingYet, StillReading, StoreDamaged, PlanError: as for `newest`.
        """
        newest = self.newest()
        first = newest.made(first_day)
        if not first <= day <= newest.today:
            raise NoSuchDay(day, first, newest.today)
        version = self.version()
        with self._sorting:
            kept = self._earlier.get(day)
            if kept is not None:
                self._earlier.move_to_end(day)
        if kept is not None and kept.version == version:
            return kept.view
        if kept is None or self._config.keep_s is None:
            with self._patiently():
                return self._make_earlier(day, version)
        if self._newest is not None and self._version == version:  # the newest goes first
            self._beside(lambda: self._remake_earlier(day, version))
        return kept.view

    def plan_alone(self) -> View:
        """The plan, judged on no evidence: what there is to see where `newest` has nothing yet.

        Decisions and spending are those of the store, if there is one. A replay's calendar begins with the plan.

        Raises:
            StoreDamaged, PlanError: as for `newest`.
        """
        version = self.version()
        if self._alone is None or self._alone.version != version:
            plan, config = self._plan(), self._config
            store: Path | None = config.store
            begins = min(milestone.start for milestone in plan.milestones)
            today = config.today() if config.clock == "live" and config.today else begins
            try:
                db = self._open()
            except NothingYet:
                store, db = None, empty_store(config.clock)
            with closing(db):
                verdicts = judge_all(db, plan, today, config.built)
            self._alone = _Earlier(replace(self._view(plan, verdicts, today), store=store), version)
        return self._alone.view

    def close(self) -> None:
        """Let go of the store."""
        self._changes.close()

    def version(self) -> Hashable:
        """A value that differs from every earlier one once the store, the plan or the day has changed."""
        try:
            status = self._config.milestones.stat()
            plan = (status.st_mtime_ns, status.st_size)
        except OSError:  # whoever loads it says what is wrong with it
            plan = None
        wall = self._config.today() if self._config.clock == "live" and self._config.today else None
        return self._changes.version(), plan, wall

    def _is_old(self) -> bool:
        return time.monotonic() - self._made_at_s >= max(self._config.keep_s or 0.0, SHARE * self._cost_s)

    @contextmanager
    def _patiently(self) -> Iterator[None]:
        """Nobody else makes a view meanwhile; raises StillReading where somebody does for long."""
        if not self._making.acquire(timeout=PATIENCE_S):
            raise StillReading
        try:
            yield
        finally:
            self._making.release()

    def _beside(self, make: Callable[[], object]) -> None:
        """Make a view in a thread of its own."""
        if not self._making.locked():
            threading.Thread(target=make, name="view", daemon=True).start()

    def _make_earlier(self, day: date, version: Hashable) -> View:
        """Judge as of a day, unless another has done so meanwhile; the caller holds the lock."""
        kept = self._earlier.get(day)
        if kept is not None and kept.version == version:
            return kept.view
        with closing(self._open()) as db:
            plan, verdicts = judge_as_of(db, self._plan(), day, self._config.built)
        view = self._view(plan, verdicts, day, as_of=day)
        self._prepare(view)
        with self._sorting:
            self._earlier[day] = _Earlier(view, version)
            self._earlier.move_to_end(day)
            while len(self._earlier) > EARLIER:
                self._earlier.popitem(last=False)
        return view

    def _remake_earlier(self, day: date, version: Hashable) -> None:
        if self._making.acquire(blocking=False):
            try:
                self._make_earlier(day, version)
            except UNREADABLE:  # the next reader makes it, and is told
                with self._sorting:
                    self._earlier.pop(day, None)
            finally:
                self._making.release()

    def _make(self, version: Hashable) -> View:
        """Make the newest view, unless another has done so meanwhile; the caller holds the lock."""
        if self._newest is not None and version == self._version:
            return self._newest
        begun_s = time.thread_time()  # others' work on a busy machine is not what it costs
        try:
            view = self._read()
            self._prepare(view)
        except Exception:
            self._newest = None
            raise
        self._before, self._newest, self._version = self._newest, view, version
        self._made_at_s = time.monotonic()
        self._cost_s = time.thread_time() - begun_s
        return view

    def _prepare(self, view: View) -> None:
        """Make what is dear; what cannot be made is said by the page that asks for it, and by no other."""
        for make in self._dear:
            with suppress(Exception):  # whoever asks makes it again, and is told
                view.made(make)

    def _read(self) -> View:
        plan = self._plan()
        with closing(self._open()) as db:
            last = replayed_today(db)
            if last is None:
                raise no_runs(db, plan, self._config.clock)
            live = self._config.clock == "live" and self._config.today is not None
            today = self._config.today() if live and self._config.today else date.fromisoformat(last)
            return self._view(plan, judge_all(db, plan, today, self._config.built), today)

    def _view(self, plan: Plan, verdicts: list[Verdict], today: date, as_of: date | None = None) -> View:
        config = self._config
        return View(
            plan=plan, verdicts=verdicts, today=today, mode=config.clock, built=config.built, store=config.store,
            as_of=as_of,
        )  # fmt: skip

    def _plan(self) -> Plan:
        return load_plan(self._config.milestones, block_days(self._config.clock))

    def _open(self) -> Database:
        try:
            db = open_snapshot(self._config.store)
        except StoreMissing as error:
            raise no_store(self._config.clock) from error
        if clock_of(db) != self._config.clock:
            held = clock_of(db)
            db.close()
            raise StoreDamaged(f"{self._config.store}: holds {held} runs, not {self._config.clock} ones")
        return db
