"""Resume the exchanges that are due, exchange the files in the inboxes, and record each run as events."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from poc.delivery.circuit_breaker import longest_waits_us
from poc.delivery.outbox import remove_unused_files
from poc.errors import BadInput, FileStillChanging, Unbalanced
from poc.ledger.ledger import open_ledger, resumable_exchanges
from poc.pipeline.capabilities import retries_itself
from poc.pipeline.prepared_feed import prepare_feed
from poc.service.exchange import exchange, resume
from poc.service.run_event import RunTimer
from poc.transports.archive import archive_file
from poc.transports.http import new_session
from poc.transports.inbox import complete_files, workspace_lock
from poc.transports.source_file import is_unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from metrics.events import Recorder
    from poc.config.workspace import Workspace
    from poc.errors import ExchangeError
    from poc.ledger.ledger import ExchangeRecord, Ledger
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.service.receipt import Receipt


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of one run: the file's current path with its receipt, or the error that prevented the exchange.

    A run that resumed an exchange from the ledger has its `entry`; its path is only the file's name. `note` says what
    became of a file that could not be archived, as it was deleted or replaced meanwhile.
    """

    partner: str
    feed: str
    path: Path
    receipt: Receipt | None = None
    error: ExchangeError | None = None
    entry: ExchangeRecord | None = None
    note: str = ""


#: Errors that concern one exchange only; the run continues with the others.
SINGLE_EXCHANGE_ERRORS = (BadInput, FileStillChanging, Unbalanced)


@dataclass(frozen=True, slots=True)
class RunSelection:
    """Which files and which exchanges in the ledger are run now; the others wait for another run."""

    file: Callable[[Path], bool] = lambda _: True
    entry: Callable[[ExchangeRecord], bool] = lambda _: True


def run_inbox(
    workspace: Workspace,
    name: str | None,
    level: int,
    clock: Callable[[], datetime],
    recorder: Recorder,
    release: str,
    selection: RunSelection | None = None,
    *,
    by_person: bool = True,
) -> Iterator[RunResult]:
    """Resume the exchanges that are due, then exchange the files in the inboxes, feed by feed; yield each result.

    An error of one file or feed is yielded in its turn; the run continues with the others.

    Args:
        workspace: the workspace of the inboxes.
        name: PARTNER or PARTNER/FEED; None for all.
        level: the service level to run at.
        clock: returns the current time, in UTC.
        recorder: records the run events.
        release: version of the program, for the events.
        selection: what to run; everything by default.
        by_person: whether a person started the run; otherwise the service works by itself.

    Raises:
        BadInput: an unknown partner or feed.
        TryLater: another run is under way, or the ledger is locked.
        LedgerDamaged: the ledger cannot be used.
    """
    feeds = workspace.select_feeds(name)
    selection = selection or RunSelection()
    with workspace_lock(workspace), closing(open_ledger(workspace.ledger)) as ledger, new_session() as session:
        remove_unused_files(ledger)
        now_us, longest_us = int(clock().timestamp() * 1_000_000), longest_waits_us(workspace.partners)
        entries = resumable_exchanges(ledger, now_us, failed=not retries_itself(level), longest_us=longest_us)
        for partner, feed_id in feeds:
            inbox = workspace.inbox(partner, feed_id)
            try:
                prepared = prepare_feed(workspace, partner, feed_id, level, session)
            except BadInput as error:
                yield RunResult(partner, feed_id, inbox, error=error)
                continue
            runner = Runner(prepared, ledger, clock, recorder, release, by_person=by_person)
            files = complete_files(inbox, prepared.feed, clock())
            names = {path.name for path in files}
            for entry in entries:
                if not (should_resume(entry, partner, feed_id, names) and selection.entry(entry)):
                    continue
                try:
                    yield RunResult(partner, feed_id, Path(entry.file), runner.resume(entry), entry=entry)
                except SINGLE_EXCHANGE_ERRORS as error:
                    yield RunResult(partner, feed_id, Path(entry.file), error=error, entry=entry)
            for path in filter(selection.file, files):
                try:
                    receipt = runner.exchange(path)
                    current_path, note = archive_if_finished(workspace, partner, feed_id, path, receipt)
                except SINGLE_EXCHANGE_ERRORS as error:
                    yield RunResult(partner, feed_id, path, error=error)
                    continue
                yield RunResult(partner, feed_id, current_path, receipt, note=note)
        for entry in entries:
            if name is None and (entry.partner, entry.feed) not in feeds and selection.entry(entry):
                no_feed = BadInput(f"exchange {entry.exchange_id} is {entry.outcome}, and its feed no longer exists")
                yield RunResult(entry.partner, entry.feed, Path(entry.file), error=no_feed, entry=entry)


def should_resume(entry: ExchangeRecord, partner: str, feed: str, inbox_names: set[str]) -> bool:
    """Return whether an exchange of a feed resumes from the ledger.

    One that was interrupted before its file was archived does not, while the inbox has a file of that name: the
    exchange of that file continues it.
    """
    interrupted = entry.outcome == "open" and entry.file in inbox_names
    return (entry.partner, entry.feed) == (partner, feed) and not interrupted


def archive_if_finished(
    workspace: Workspace, partner: str, feed: str, path: Path, receipt: Receipt
) -> tuple[Path, str]:
    """Archive a file that needs no further run; a file that has replaced it meanwhile stays.

    Returns:
        The file's path, and a note for a person where the exchanged file is no longer there.

    Raises:
        BadInput: it cannot be archived.
    """
    if receipt.file_version is None:
        return path, ""
    if not is_unchanged(path, receipt.file_version):
        event = "replaced or changed" if os.path.lexists(path) else "deleted"
        return path, f"{path} was {event} while it was exchanged, so that it is not archived"
    outcome = "done" if receipt.whole and receipt.outcome != "refused" else receipt.outcome
    return archive_file(workspace, partner, feed, path, outcome, receipt.sha256), ""


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
    """

    prepared: PreparedFeed
    ledger: Ledger
    clock: Callable[[], datetime]
    recorder: Recorder
    release: str
    by_person: bool = True

    def exchange(self, path: Path) -> Receipt:
        """Exchange one file. Raises what `poc.service.exchange.exchange` raises."""
        try:
            due_at_us = int(path.lstat().st_mtime * 1_000_000)
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
        return self._record_run(
            path.name, due_at_us, lambda now, opened: exchange(self.prepared, path, now, self.ledger, opened)
        )

    def resume(self, entry: ExchangeRecord) -> Receipt:
        """Resume an exchange whose rows are all in the ledger. Raises what `poc.service.exchange.resume` raises."""

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
