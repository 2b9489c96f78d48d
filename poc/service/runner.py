"""Run exchanges of one feed, and record each run as events."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from poc.errors import BadInput, ExchangeError, LedgerDamaged, UnexpectedError
from poc.exchanges.exchange import exchange, resume
from poc.exchanges.file_pass import exchange_files
from poc.exchanges.joint_resume import resume_together
from poc.exchanges.receipt import Receipt
from poc.service.run_event import RunTimer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from metrics.events import Recorder
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.route.sides.monolith_side import MonolithRun

T = TypeVar("T")

#: New objects after which the garbage collector looks at them, and how many such passes make one over older ones.
COLLECTOR_THRESHOLDS = (10_000, 10, 10)


def tune_garbage_collector() -> None:
    """Set up the garbage collector for exchanges; a program calls this once, when it is ready to work.

    Rejected rows are many small objects, none of them in a cycle. With the defaults, 10,000 of them start a pass over
    all objects of the program and its libraries, which costs as much as storing the rows.
    """
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of one run: the file's current path with its receipt, or the error that prevented the exchange.

    A run that resumed an exchange from the ledger has its `entry`; its path is only the file's name. `note` says what
    became of a file that could not be archived, as it was deleted or replaced meanwhile. `monolith` is what the
    monolith did with a file that it was given.
    """

    partner: str
    feed: str
    path: Path
    receipt: Receipt | None = None
    error: ExchangeError | None = None
    entry: ExchangeRecord | None = None
    note: str = ""
    monolith: MonolithRun | None = None


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs exchanges of one feed, and records each as a start and an end event.

    Attributes:
        prepared: the feed.
        ledger: the ledger of the workspace.
        clock: returns the current time, in UTC.
        recorder: records the run events.
        release: version of the program, for the events.
        by_person: whether a person started the runs; otherwise the service works by itself.
        admit: called with the entry of a file before a row of it is read; raises an error where it may not be sent.
    """

    prepared: PreparedFeed
    ledger: Ledger
    clock: Callable[[], datetime]
    recorder: Recorder
    release: str
    by_person: bool = True
    admit: Callable[[ExchangeRecord], None] = lambda _: None

    def exchange(self, path: Path) -> Receipt:
        """Exchange one file. Raises what `poc.exchanges.exchange.exchange` raises."""
        try:
            due_at_us = int(path.lstat().st_mtime * 1_000_000)
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror}") from error

        def run(now: datetime, opened: Callable[[ExchangeRecord], None]) -> Receipt:
            def admitted(entry: ExchangeRecord) -> None:
                self.admit(entry)
                opened(entry)

            return exchange(self.prepared, path, now, self.ledger, admitted)

        return self._record_run(path.name, due_at_us, run)

    def exchange_files(self, paths: Sequence[Path]) -> list[Receipt | Exception]:
        """Exchange files in one pass; return the receipt of each, or the error that prevented it.

        Their runs are recorded one after the other: each takes its share of the pass's time, by its rows.
        """
        now = self.clock()
        now_us = int(now.timestamp() * 1_000_000)
        timers = {
            path: RunTimer.start(self.prepared, path.name, changed_at_us(path) or now_us, now, self.release)
            for path in paths
        }

        def opened(path: Path, entry: ExchangeRecord) -> None:
            self.admit(entry)
            self.recorder.record(timers[path].started(entry), started=True)

        began = RunTimer.start(self.prepared, "", 0, now, self.release)
        results = exchange_files(self.prepared, paths, now, self.ledger, opened)
        self._record_ends([timers[path] for path in paths], results, began)
        return results

    def resume_together(self, entries: Sequence[ExchangeRecord]) -> list[Receipt | Exception]:
        """Resume exchanges in one pass, as `exchange_files` exchanges files."""
        now = self.clock()
        timers = [RunTimer.start(self.prepared, entry.file, entry.opened_at_us, now, self.release) for entry in entries]
        for timer, entry in zip(timers, entries, strict=True):
            self.recorder.record(timer.started(entry), started=True)
        began = RunTimer.start(self.prepared, "", 0, now, self.release)
        results = resume_together(self.prepared, [(entry, None) for entry in entries], now, self.ledger)
        self._record_ends(timers, results, began)
        return results

    def _record_ends(self, timers: Sequence[RunTimer], results: list[Receipt | Exception], began: RunTimer) -> None:
        """Record the ends of the runs of a pass, each with its share of the time since `began`."""
        ran = [(at, result) for at, result in enumerate(results) if isinstance(result, Receipt)]
        events = [timers[at].ended(receipt, by_person=self.by_person) for at, receipt in ran]
        for (at, _), event in zip(ran, began.share_pass(events), strict=True):
            try:
                self.recorder.record(event)
            except Exception as error:  # noqa: BLE001 (as where its run is recorded on its own: the others go on)
                results[at] = error

    def resume(self, entry: ExchangeRecord) -> Receipt:
        """Resume an exchange whose rows are all in the ledger. Raises what `poc.exchanges.exchange.resume` raises."""

        def run(now: datetime, opened: Callable[[ExchangeRecord], None]) -> Receipt:
            opened(entry)
            return resume(self.prepared, entry, now, self.ledger)

        return self._record_run(entry.file, entry.opened_at_us, run)

    def _record_run(
        self, file: str, due_at_us: int, run: Callable[[datetime, Callable[[ExchangeRecord], None]], Receipt]
    ) -> Receipt:
        now = self.clock()
        timer = RunTimer.start(self.prepared, file, due_at_us, now, self.release)
        receipt = run(now, lambda entry: self.recorder.record(timer.started(entry), started=True))
        self.recorder.record(timer.ended(receipt, by_person=self.by_person))
        return receipt


def changed_at_us(path: Path) -> int | None:
    """Return when a file was last changed, in microseconds since 1970; None where it cannot be looked at."""
    try:
        return int(path.lstat().st_mtime * 1_000_000)
    except OSError:
        return None


def without_repeats(items: Sequence[T], results: Sequence[Receipt | Exception]) -> list[tuple[T, Receipt | Exception]]:
    """Return items with their results; an error that ended a whole pass once, as the others are left to a later run."""
    first_of = {id(result): at for at, result in reversed([*enumerate(results)])}
    return [
        (item, result)
        for at, (item, result) in enumerate(zip(items, results, strict=True))
        if first_of[id(result)] == at
    ]


def as_exchange_error(error: Exception) -> ExchangeError:
    """Return an error as one of this feed alone. Raises LedgerDamaged, which concerns all feeds."""
    if isinstance(error, LedgerDamaged):
        raise error
    if isinstance(error, ExchangeError):
        return error
    if isinstance(error, OSError) and error.filename:
        return BadInput(f"{error.filename}: {error.strerror}; check its permissions")
    return UnexpectedError.of(error)
