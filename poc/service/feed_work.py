"""The work that waits in one feed: its exchanges to resume and the files in its inbox, a quantum in each turn."""

from __future__ import annotations

import time
from collections import deque
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from poc.delivery.outbox import remove_unused_files
from poc.engine.precedence import PrecedenceEndpoint
from poc.errors import ExchangeError, FileBusy, TryLater
from poc.exchanges.file_pass import MAX_PASS_BYTES, can_pass, size_in_pass
from poc.ledger.lease import describe_holder, wall_clock_us
from poc.ledger.lookup import resumable_exchanges
from poc.ledger.pace import Pace
from poc.pipeline.capabilities import retries_itself
from poc.retries.circuit_breaker import longest_waits_us
from poc.route.choice import feed_has_route
from poc.schedule.tick_store import record_arrivals
from poc.service.finished_file import finished_results
from poc.service.runner import Runner, RunResult, as_exchange_error, without_repeats
from poc.transports.inbox import complete_files, is_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from poc.exchanges.receipt import Receipt
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.service.route_work import RouteWork
    from poc.service.run_settings import RunSettings

#: Seconds for which a feed whose lease another process holds is tried: longer than a dead process keeps it.
BUSY_WAIT_S = 18.0

#: Seconds after which a run says that it waits.
BUSY_NOTICE_S = 1.0


class InboxWork:
    """The exchanges of one feed that were due, and the files that waited, when its first turn began.

    Args:
        settings: what all feeds of the run share.
        partner: the feed's partner.
        feed: the feed.
        emit: takes each result.
        ended: called once, after the last result.
    """

    def __init__(
        self,
        settings: RunSettings,
        partner: str,
        feed: str,
        emit: Callable[[RunResult], None],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self.partner = partner
        self.feed = feed
        self.key = (partner, feed)
        work = settings.workspace.settings.work
        self.cap = settings.workspace.partners[partner].cap or work.default_cap
        self._quantum = work
        self._settings = settings
        self._emit = emit
        self._ended = ended
        self._inbox = settings.workspace.inbox(partner, feed)
        self._pace: Pace | None = None
        self._most_files = work.quantum_files  # in one turn
        self._endpoint: PrecedenceEndpoint | None = None
        self._is_first, self._has_new_file = True, False
        self._prepared: PreparedFeed | None = None
        self._has_route = False
        self._route: RouteWork | None = None  # of this turn
        self._entries: deque[ExchangeRecord] = deque()
        self._files: deque[Path] = deque()
        self._busy_since_s: float | None = None

    def turn(self, ledger: Ledger) -> float | None:
        """Work for a quantum; see `poc.engine.lanes.FeedWork`. Raises LedgerDamaged."""
        self._busy_since_s = None
        try:
            later_turn = self._prepared is not None
            prepared = self._prepared or self._begin(ledger)
        except Exception as error:  # noqa: BLE001 (whatever one feed raises, the other feeds have their turns)
            self.fail(as_exchange_error(error))
            return None
        settings = self._settings
        runner = Runner(prepared, ledger, settings.clock, settings.recorder, settings.release, settings.by_person)
        if not self._has_route:
            return self._work(runner, later_turn=later_turn)
        from poc.service import route_work  # a service without routes starts without parity and capture

        with closing(route_work.RouteWork(settings, prepared, ledger)) as self._route:
            runner = replace(runner, admit=self._route.admit)
            try:
                next_turn_s = self._work(runner, later_turn=later_turn)
                if breach := self._route.check_guardrails():
                    self._emit(breach)
            except Exception as error:  # noqa: BLE001 (whatever one feed raises, the other feeds have their turns)
                self.fail(as_exchange_error(error))
                return None
            return next_turn_s

    def _work(self, runner: Runner, *, later_turn: bool) -> float | None:
        """Work for a quantum, and return what `turn` returns."""
        until_s = time.monotonic() + self._quantum.quantum_s
        left = self._most_files
        while left > 0 and time.monotonic() < until_s:
            if not self._entries and not self._files and self._route is not None and self._route.shadow_next():
                left -= 1
                continue
            if (not self._entries and not self._files) or self._waits_for_its_hours():
                return None
            waiting = len(self._entries) + len(self._files)
            with self._precedence():
                results = self._next(runner, left, later_turn=later_turn)
            left -= waiting - len(self._entries) - len(self._files)
            for result in results:
                self._emit(result)
            if any(isinstance(result.error, TryLater) and not isinstance(result.error, FileBusy) for result in results):
                return None  # what cannot be written now, or belongs to another process, is left to a later run
        return 0.0 if self._entries or self._files or self._route is not None else None

    def _waits_for_its_hours(self) -> bool:
        """Return whether nothing may be begun now, because it is outside the feed's sending hours."""
        send = self._settings.workspace.partners[self.partner].feed[self.feed].send
        return send is not None and self._settings.send_hours.waits_until(send, self._settings.clock()) is not None

    @contextmanager
    def _precedence(self) -> Iterator[None]:
        """Let the feed's first file go before backlogs, and its others after the first files of other feeds."""
        if not self._is_first:
            if self._endpoint is not None:
                self._endpoint.has_new_file = False
            self._settings.precedence.give_way()
            yield
            return
        self._is_first, self._has_new_file = False, True
        with self._settings.precedence.new_file():
            if self._endpoint is not None:
                self._endpoint.has_new_file = True
            yield
        self._has_new_file = False

    def busy(self, ledger: Ledger) -> bool:
        """Say that another process works on the feed. Return whether to try again; see `poc.engine.lanes.FeedWork`."""
        now_s = time.monotonic()
        self._busy_since_s = now_s if self._busy_since_s is None else self._busy_since_s
        if (waited_s := now_s - self._busy_since_s) < self._settings.busy_wait_s:
            if waited_s >= BUSY_NOTICE_S:
                self._settings.notify(f"{self.partner}/{self.feed}: waits for {describe_holder(ledger, *self.key)}")
            return True
        feed = self._settings.workspace.get_feed(*self.key)[1]
        try:
            if self._settings.busy_wait_s and complete_files(self._inbox, feed, self._settings.clock()):
                who = describe_holder(ledger, *self.key)
                self.fail(TryLater(f"{who} exchanges the files of this feed; it goes on with them, or try again later"))
        except Exception as error:  # noqa: BLE001 (whatever one feed raises, the other feeds have their turns)
            self.fail(as_exchange_error(error))
        return False

    def fail(self, error: ExchangeError) -> None:
        """Report an error of the whole feed, such as a lease that cannot be taken: it has no turn."""
        self._emit(RunResult(self.partner, self.feed, self._inbox, error=error))

    def end(self) -> None:
        """Close what the work opened, and say that it has ended."""
        try:
            if self._pace is not None:
                self._pace.close()
            if self._prepared is not None and self._prepared.target is not None:
                self._prepared.target.close()
        finally:
            self._ended()

    def _begin(self, ledger: Ledger) -> PreparedFeed:
        """Prepare the feed, and list what waits. Raises BadInput, TryLater, LedgerDamaged."""
        settings = self._settings
        prepared = settings.feeds.get(settings.workspace, *self.key, settings.level)
        rate = settings.workspace.partners[self.partner].rate
        if rate is not None:
            a_second = float(rate.removesuffix("/s"))
            self._pace = Pace(ledger.sibling(), self.partner, a_second, wall_clock_us)
            self._most_files = max(min(self._most_files, int(a_second * self._quantum.quantum_s)), 1)
            prepared = replace(prepared, pace=self._pace.wait)
        if prepared.endpoint is not None:
            self._endpoint = PrecedenceEndpoint(prepared.endpoint, settings.precedence)
            prepared = replace(prepared, endpoint=self._endpoint)
        if prepared.target is not None:
            prepared = replace(prepared, target=prepared.target.kept())
        now = settings.clock()
        self._has_route = feed_has_route(ledger, prepared.feed, *self.key)
        remove_unused_files(ledger, self.key)
        files = complete_files(self._inbox, prepared.feed, now)
        record_arrivals(ledger, *self.key, prepared.feed, files, now)
        names = {path.name for path in files}
        failed = not retries_itself(settings.level)
        now_us, longest_us = int(now.timestamp() * 1_000_000), longest_waits_us(settings.workspace.partners)
        entries = resumable_exchanges(ledger, now_us, failed=failed, feed=self.key, longest_us=longest_us)
        self._entries.extend(entry for entry in entries if should_resume(entry, names))
        self._files.extend(files)
        self._prepared = prepared
        return prepared

    def _next(self, runner: Runner, most: int, *, later_turn: bool) -> list[RunResult]:
        """Resume the next exchanges, or exchange the next files, at most `most`; return what was run now."""
        if self._entries:
            count = min(most, len(self._entries)) if can_pass(runner.prepared) else 1
            return self._resume(runner, [self._entries.popleft() for _ in range(count)], later_turn=later_turn)
        paths = self._take_files(runner.prepared, most, later_turn=later_turn)
        if len(paths) > 1:
            results = without_repeats(paths, runner.exchange_files(paths))
            return finished_results(self._settings, self.key, runner.ledger, results)
        return [self._exchange(runner, path) for path in paths]

    def _take_files(self, prepared: PreparedFeed, most: int, *, later_turn: bool) -> list[Path]:
        """Remove the next files from those that wait: as many as fit in a pass, or one that is exchanged alone."""
        paths: list[Path] = []
        size_bytes = 0
        while self._files and len(paths) < most:
            path = self._files[0]
            if not self._is_wanted(path, prepared, later_turn=later_turn):
                self._files.popleft()
                continue
            is_alone = self._is_for_monolith(path) or not can_pass(prepared)
            of_file = None if is_alone else size_in_pass(path)
            if paths and (of_file is None or size_bytes + of_file > MAX_PASS_BYTES):
                break
            paths.append(self._files.popleft())
            if of_file is None:
                break
            size_bytes += of_file
        return paths

    def _is_wanted(self, path: Path, prepared: PreparedFeed, *, later_turn: bool) -> bool:
        """Return whether a file is to be exchanged now.

        Between two turns, another process may have exchanged it, or its sender may have begun another of its name.
        """
        if not self._settings.selection.file(path):
            return False
        try:
            return not later_turn or is_complete(path, prepared.feed, self._settings.clock())
        except OSError:  # reported by its exchange
            return True

    def _is_for_monolith(self, path: Path) -> bool:
        """Return whether the monolith exchanges a file, as its feed has a route; give it to its side before."""
        return self._route is not None and self._route.takes(path)

    def _exchange(self, runner: Runner, path: Path) -> RunResult:
        if self._route is not None and self._route.has(path):
            with self._settings.precedence.waiting_for_partner(new_file=self._has_new_file):
                return self._route.exchange(path)  # the command uses a processor of its own, and no slot
        try:
            result: Receipt | Exception = runner.exchange(path)
        except Exception as error:  # noqa: BLE001 (whatever one file raises, the others are exchanged)
            result = error
        return finished_results(self._settings, self.key, runner.ledger, [(path, result)])[0]

    def _resume(self, runner: Runner, entries: list[ExchangeRecord], *, later_turn: bool) -> list[RunResult]:
        """Resume exchanges together, or one; see `poc.exchanges.joint_resume`."""
        try:
            # between two turns, another process may have resumed one, or a person settled or discarded it
            wanted = [
                entry
                for entry in entries
                if self._settings.selection.entry(entry)
                and not (later_turn and runner.ledger.get(entry.exchange_id) != entry)
            ]
            results: list[Receipt | Exception] = (
                runner.resume_together(wanted) if len(wanted) > 1 else [runner.resume(entry) for entry in wanted]
            )
        except Exception as error:  # noqa: BLE001 (whatever one file raises, the others are exchanged)
            wanted, results = entries, [error] * len(entries)
        return [
            RunResult(*self.key, Path(entry.file), error=as_exchange_error(result), entry=entry)
            if isinstance(result, Exception)
            else RunResult(*self.key, Path(entry.file), result, entry=entry)
            for entry, result in without_repeats(wanted, results)
        ]


def should_resume(entry: ExchangeRecord, inbox_names: set[str]) -> bool:
    """Return whether an exchange of a feed resumes from the ledger.

    One that was interrupted before its file was archived does not, while the inbox has a file of that name: the
    exchange of that file continues it.
    """
    return not (entry.outcome == "open" and entry.file in inbox_names)
