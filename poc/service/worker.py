"""The worker of a running service: exchanges the files in the inboxes by itself, partners side by side."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from stat import S_ISREG
from typing import TYPE_CHECKING, Self, TypeAlias

from metrics.events import SpoolRecorder
from poc.delivery.body_files import remove_stray_files
from poc.engine.lanes import Lanes
from poc.errors import BadInput, LedgerDamaged, TryLater
from poc.ledger.lease import LeaseHolder
from poc.ledger.lookup import resumable_attempts
from poc.ledger.opening import open_ledger
from poc.pipeline.capabilities import resolve_level, retries_itself
from poc.retries.circuit_breaker import longest_waits_us
from poc.service.feed_work import InboxWork
from poc.service.run_settings import RunSelection, RunSettings
from poc.transports.inbox import has_complete_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from poc.config.workspace import Workspace
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.service.runner import RunResult

#: A file by path and time of its last change, or an exchange by its id and the number of its next attempt.
AttemptKey: TypeAlias = "tuple[str, float]"

#: Wait before a failed file is retried, as an operator would do it; a file that changes is retried at once.
RETRY_AFTER = timedelta(days=1)

#: Wait before a file or an exchange is tried again that could not be worked on at the moment (TryLater).
TRY_LATER_AFTER = timedelta(seconds=10)


#: Times of next tries at which those that are over are forgotten for the first time, and then whenever they doubled.
MIN_KEPT_TIMES = 1_000

#: The most messages that are remembered, so that each is reported once.
MAX_KEPT_MESSAGES = 10_000


class InboxWorker:
    """Exchanges what is waiting, and reports once what needs a person. Use it in a `with` block.

    Args:
        workspace: the workspace of the inboxes.
        clock: returns the current time, in UTC.
        release: version of the program, for the events.
        stop: returns True when the service is to end; files under way are finished, no other one is started.
        report: prints a line for a person.
        log: is told each result with a receipt, and a message that is empty for a success; without it, `report` gets
            those messages that need a person.
        refresh: returns the workspace as it is now; called by each scan.
    """

    def __init__(
        self,
        workspace: Workspace,
        clock: Callable[[], datetime],
        release: str,
        stop: Callable[[], bool],
        report: Callable[[str], None],
        log: Callable[[RunResult, str], None] | None = None,
        refresh: Callable[[], Workspace] | None = None,
    ) -> None:
        self._workspace = workspace
        self._log = log
        self._clock = clock
        self._stop = stop
        self._report = report
        self._refresh = refresh or (lambda: workspace)
        self._level = resolve_level(workspace.settings.level)
        self._set_longest_waits()
        self._not_before: dict[AttemptKey, datetime] = {}
        self._kept_times = MIN_KEPT_TIMES
        self._reported: dict[tuple[str, str, Path], str] = {}
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._problem = ""
        self._new_feeds = set(workspace.select_feeds(None))  # each gets a turn, so that mistakes are reported
        self._resources = ExitStack()
        self._recorder = SpoolRecorder(workspace.spool)
        self._settings = RunSettings(
            workspace=workspace, level=self._level, clock=clock, recorder=self._recorder, release=release,
            by_person=False, selection=RunSelection(self._is_file_due, self._is_entry_due), busy_wait_s=0,
        )  # fmt: skip
        self._lanes_and_ledger: tuple[Lanes, Ledger] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self._settings.feeds.close()
        self._recorder.close()

    def _close(self) -> None:
        if self._lanes_and_ledger is not None:
            self._lanes_and_ledger[0].stop()
            self._lanes_and_ledger[0].join()
        self._lanes_and_ledger = self._failure = None
        self._resources.close()

    def scan(self) -> None:
        """Give a turn to each feed in which something waits; to a new or changed one, so that mistakes are reported.

        A ledger that cannot be used is reported once, and opened again by the next scan.
        """
        try:
            if self._failure is not None:
                raise self._failure
            self._renew()
            lanes, ledger = self._lanes_and_ledger or self._open()
            if not lanes:
                self._recorder.close()  # so that the collector can finish its file
            feeds = list(self._waiting(lanes, ledger))
            lanes.offer(InboxWork(self._settings, *feed, self._handle) for feed in feeds)
            self._new_feeds.difference_update(feeds)
        except (LedgerDamaged, TryLater) as error:
            if str(error) != self._problem:
                self._report(str(error))
            self._problem = str(error)
            self._close()
        except Exception:
            if self._failure is not None:  # it ended the lanes; the next scan starts others
                self._close()
            raise
        else:
            self._problem = ""

    def _renew(self) -> None:
        """Go on with the workspace as it is now; feeds that are new or have changed get a turn."""
        now, before = self._refresh(), self._workspace
        if now is before:
            return
        try:
            level = resolve_level(now.settings.level)
        except BadInput as error:
            self._report(f"{now.root / 'milepost.toml'}: {error}; the service goes on at level {self._level}")
            level = self._level
        changed = {name for name, partner in now.partners.items() if before.partners.get(name) != partner}
        self._new_feeds |= {feed for feed in now.select_feeds(None) if feed[0] in changed}
        self._workspace, self._level = now, level
        self._settings = replace(self._settings, workspace=now, level=level)
        self._set_longest_waits()

    def _set_longest_waits(self) -> None:
        self._longest_us = longest_waits_us(self._workspace.partners)
        waits = (timedelta(microseconds=wait_us) for wait_us in self._longest_us.values())
        self._longest_wait = max([RETRY_AFTER, *waits])

    def wait(self) -> None:
        """Wait until all turns have ended, for a caller that does not scan meanwhile."""
        if self._lanes_and_ledger is not None:
            self._lanes_and_ledger[0].wait()

    def _open(self) -> tuple[Lanes, Ledger]:
        ledger = self._resources.enter_context(closing(open_ledger(self._workspace.ledger)))
        remove_stray_files(ledger)
        leases = self._resources.enter_context(closing(ledger.sibling()))
        holder = self._resources.enter_context(LeaseHolder(leases, lease_s=self._workspace.settings.work.lease_s))
        lanes = Lanes(ledger, holder, self._workspace.settings.work.slots, self._fail, self._settings.precedence)
        self._lanes_and_ledger = (lanes, ledger)
        return lanes, ledger

    def _waiting(self, lanes: Lanes, ledger: Ledger) -> Iterator[tuple[str, str]]:
        now = self._clock()
        now_us, failed = int(now.timestamp() * 1_000_000), not retries_itself(self._level)
        attempts = resumable_attempts(ledger, now_us, failed=failed, longest_us=self._longest_us)
        due = {
            (partner, feed) for partner, feed, exchange_id, attempt in attempts if self._is_due((exchange_id, attempt))
        }
        for partner, feed_id in self._workspace.select_feeds(None):
            if (partner, feed_id) in lanes:
                continue
            waits = (partner, feed_id) in due or self._has_file(partner, feed_id, now)
            if (partner, feed_id) in self._new_feeds or (waits and self._may_send(partner, feed_id, now)):
                yield partner, feed_id

    def _may_send(self, partner: str, feed_id: str, now: datetime) -> bool:
        send = self._workspace.get_feed(partner, feed_id)[1].send
        return send is None or self._settings.send_hours.waits_until(send, now) is None

    def _has_file(self, partner: str, feed_id: str, now: datetime) -> bool:
        feed = self._workspace.get_feed(partner, feed_id)[1]
        try:
            return has_complete_file(self._workspace.inbox(partner, feed_id), feed, now, self._is_file_due)
        except OSError:  # a turn of the feed says why its inbox cannot be read
            return True

    def _is_file_due(self, path: Path) -> bool:
        modified_s = last_change_s(path)
        return modified_s is not None and self._is_due((str(path), modified_s))

    def _is_entry_due(self, entry: ExchangeRecord) -> bool:
        return self._is_due((entry.exchange_id, entry.attempt))

    def _is_due(self, key: AttemptKey) -> bool:
        not_before = self._not_before.get(key)
        return not self._stop() and (not_before is None or self._is_over(not_before))

    def _is_over(self, not_before: datetime) -> bool:
        now = self._clock()
        # a time further ahead than any wait was noted while the clock was wrong
        return not now < not_before <= now + self._longest_wait

    def _fail(self, error: BaseException) -> None:
        self._failure = error

    def _handle(self, result: RunResult) -> None:
        """Report once what needs a person, and set the time of the next try for what stays."""
        with self._lock:
            self._note(result)

    def _note(self, result: RunResult) -> None:
        receipt, message = result.receipt, str(result.error or result.note)
        inbox = self._workspace.inbox(result.partner, result.feed)
        modified_s = None if result.note or result.path.parent != inbox else last_change_s(result.path)
        stays = modified_s is not None
        later = isinstance(result.error, TryLater)
        next_try = self._clock() + (TRY_LATER_AFTER if later else RETRY_AFTER)
        if receipt is not None and receipt.outcome != "done":
            message = receipt.error
            if receipt.due_at_us is not None:
                next_try = datetime.fromtimestamp(receipt.due_at_us / 1_000_000, UTC)
            elif receipt.outcome == "failed" and receipt.whole and retries_itself(self._level):
                message = f"{message}; it needs you: see `milepost outbox ls`"
            elif receipt.outcome == "failed" or stays:
                message = f"{message}; retried in a day, or by `milepost run`"
            in_ledger = receipt.outcome == "due" or retries_itself(self._level)
            if not (in_ledger and receipt.whole):  # else the ledger has its time, which a person may change
                self._not_before[receipt.exchange_id, receipt.attempt + 1] = next_try
        elif stays and not later:
            message = f"{message}; retried in a day, or by `milepost run`"
        if result.entry is not None and result.error is not None:
            self._not_before[result.entry.exchange_id, result.entry.attempt] = next_try
        if modified_s is not None:
            self._not_before[str(result.path), modified_s] = next_try
        if self._log is not None and receipt is not None:
            self._log(result, message)
            message = ""
        self._report_once(result, message)
        self._forget()

    def _report_once(self, result: RunResult, message: str) -> None:
        key = (result.partner, result.feed, result.path)
        reported = self._reported.pop(key, "")
        if message:
            self._reported[key] = message  # behind all others, the oldest of which are forgotten
            if reported != message:
                self._report(f"{result.partner}/{result.feed} {result.path.name}: {message}")

    def _forget(self) -> None:
        """Forget times that are over, and the oldest messages of files that nothing was heard of for long."""
        if len(self._not_before) > self._kept_times:
            self._not_before = {key: time for key, time in self._not_before.items() if not self._is_over(time)}
            self._kept_times = max(MIN_KEPT_TIMES, 2 * len(self._not_before))
        while len(self._reported) > MAX_KEPT_MESSAGES:
            del self._reported[next(iter(self._reported))]


def last_change_s(path: Path) -> float | None:
    """Return when a file was last changed, in seconds since 1970; None where there is no file."""
    try:
        status = path.stat()
    except OSError:  # archived, or removed
        return None
    return status.st_mtime if S_ISREG(status.st_mode) else None
