"""Exchange what waits in the inboxes, and tell each run as an event, timed around the exchange."""

from __future__ import annotations

import resource
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from metrics.events import RunEvent, RunKey
from poc.errors import BadInput, FileStillChanging, Unbalanced
from poc.ledger.ledger import open_ledger, resumable_exchanges
from poc.pipeline.capabilities import retries_itself
from poc.pipeline.prepared_feed import prepare_feed
from poc.service.exchange import exchange, resume
from poc.transports.http import new_session
from poc.transports.inbox import archive_file, complete_files, workspace_lock
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
    """One exchange: where its file lies now and its receipt; or what kept a file or feed from it.

    An exchange that was to go on from the ledger has its `entry`, and no path but the file's name.
    """

    partner: str
    feed: str
    path: Path
    receipt: Receipt | None = None
    error: ExchangeError | None = None
    entry: ExchangeRecord | None = None


#: What is wrong with one exchange alone, and does not keep the others waiting.
SINGLE_EXCHANGE_ERRORS = (BadInput, FileStillChanging, Unbalanced)


@dataclass(frozen=True, slots=True)
class RunSelection:
    """What is to be run now; the rest waits for another run."""

    file: Callable[[Path], bool] = lambda _: True
    entry: Callable[[ExchangeRecord], bool] = lambda _: True


def run_inbox(
    workspace: Workspace,
    name: str | None,
    level: int,
    clock: Callable[[], datetime],
    recorder: Recorder,
    release: str,
    wanted: RunSelection | None = None,
    *,
    by_person: bool = True,
) -> Iterator[RunResult]:
    """Go on with the exchanges that are due, then exchange the files that wait, feed by feed; yields after each.

    What is wrong with one file or feed is told in its turn, and does not keep the others waiting.

    Args:
        workspace: whose inboxes.
        name: PARTNER or PARTNER/FEED; None for all.
        level: the service level to run at.
        clock: the time now, in UTC.
        recorder: where runs are told.
        release: version of the program, for the events.
        wanted: what to run; everything unless given.
        by_person: whether somebody asked for it; else the service goes on by itself.

    Raises:
        BadInput: an unknown partner or feed.
        TryLater: another run is under way, or the ledger is locked.
        LedgerDamaged: the ledger cannot be used.
    """
    picked = workspace.select_feeds(name)
    asked = wanted or RunSelection()
    with workspace_lock(workspace), closing(open_ledger(workspace.ledger)) as ledger, new_session() as session:
        entries = resumable_exchanges(ledger, int(clock().timestamp() * 1_000_000), failed=not retries_itself(level))
        for partner, feed_id in picked:
            inbox = workspace.inbox(partner, feed_id)
            try:
                ready = prepare_feed(workspace, partner, feed_id, level, session)
            except BadInput as error:
                yield RunResult(partner, feed_id, inbox, error=error)
                continue
            runner = Runner(ready, ledger, clock, recorder, release, by_person=by_person)
            files = complete_files(inbox, ready.feed, clock())
            here = {path.name for path in files}
            for entry in (
                entry for entry in entries if should_resume(entry, partner, feed_id, here) and asked.entry(entry)
            ):
                try:
                    yield RunResult(partner, feed_id, Path(entry.file), runner.resume(entry), entry=entry)
                except SINGLE_EXCHANGE_ERRORS as error:
                    yield RunResult(partner, feed_id, Path(entry.file), error=error, entry=entry)
            for path in filter(asked.file, files):
                try:
                    receipt = runner.exchange(path)
                    lies = archive_if_finished(workspace, partner, feed_id, path, receipt)
                except SINGLE_EXCHANGE_ERRORS as error:
                    yield RunResult(partner, feed_id, path, error=error)
                    continue
                yield RunResult(partner, feed_id, lies, receipt)
        for entry in entries:
            if name is None and (entry.partner, entry.feed) not in picked and asked.entry(entry):
                gone = BadInput(f"exchange {entry.exchange_id} is {entry.outcome}, and there is no such feed any more")
                yield RunResult(entry.partner, entry.feed, Path(entry.file), error=gone, entry=entry)


def should_resume(entry: ExchangeRecord, partner: str, feed: str, here: set[str]) -> bool:
    """Whether an exchange of a feed is to go on from the ledger.

    One that died before its file was put away is not, while a file of that name is there: that takes it up.
    """
    return (entry.partner, entry.feed) == (partner, feed) and not (entry.outcome == "open" and entry.file in here)


def archive_if_finished(workspace: Workspace, partner: str, feed: str, path: Path, receipt: Receipt) -> Path:
    """Put a file away once it needs no further run; one that has taken its name meanwhile stays for the next.

    Raises BadInput where it cannot be put away.
    """
    if receipt.file_version is None or not is_unchanged(path, receipt.file_version):
        return path
    outcome = "done" if receipt.whole and receipt.outcome != "refused" else receipt.outcome
    return archive_file(workspace, partner, feed, path, outcome, receipt.sha256)


class Runner:
    """Runs exchanges of one feed, each told to the recorder as a start and an end."""

    def __init__(
        self,
        ready: PreparedFeed,
        ledger: Ledger,
        clock: Callable[[], datetime],
        recorder: Recorder,
        release: str,
        *,
        by_person: bool = True,
    ) -> None:
        self._prepared = ready
        self._ledger = ledger
        self._clock = clock
        self._recorder = recorder
        self._release = release
        self._by_person = by_person

    def exchange(self, path: Path) -> Receipt:
        """One file. Raises what `poc.exchange.exchange` raises."""
        try:
            due_at_us = int(path.lstat().st_mtime * 1_000_000)
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
        return self._measured(
            path.name, due_at_us, lambda now, opened: exchange(self._prepared, path, now, self._ledger, opened)
        )

    def resume(self, entry: ExchangeRecord) -> Receipt:
        """One exchange that the ledger holds whole. Raises what `poc.exchange.resume` raises."""

        def run(now: datetime, opened: Callable[[ExchangeRecord], None]) -> Receipt:
            opened(entry)
            return resume(self._prepared, entry, now, self._ledger)

        return self._measured(entry.file, entry.opened_at_us, run)

    def _measured(
        self, name: str, due_at_us: int, run: Callable[[datetime, Callable[[ExchangeRecord], None]], Receipt]
    ) -> Receipt:
        now = self._clock()
        began_ns, cpu_began_ns = time.monotonic_ns(), time.process_time_ns()
        blank = RunEvent(
            key=RunKey(
                system="service",
                level=self._prepared.level,
                mode="live",
                faults="real",
                series="",
                round=0,
                exchange_id="",
                attempt=1,
            ),
            release=self._release,
            partner=self._prepared.partner,
            feed=self._prepared.feed_id,
            file=name,
            block=now.date().isoformat(),
            block_end=now.date().isoformat(),
            due_at_us=due_at_us,
            started_at_us=int(now.timestamp() * 1_000_000),
            duration_ns=None,
            outcome="running",
            records=None,
            rows={},
        )

        def opened(entry: ExchangeRecord) -> None:
            key = replace(blank.key, exchange_id=entry.exchange_id, attempt=entry.attempt)
            self._recorder.record(replace(blank, key=key), started=True)

        receipt = run(now, opened)
        again = f"#{blank.started_at_us}" if receipt.outcome == "already_received" else ""
        self._recorder.record(
            replace(
                blank,
                key=replace(blank.key, exchange_id=receipt.exchange_id + again, attempt=receipt.attempt),
                duration_ns=time.monotonic_ns() - began_ns,
                blocked_ns=int(receipt.blocked_s * 1e9),
                cpu_ns=time.process_time_ns() - cpu_began_ns,
                peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                outcome=receipt.outcome,
                error_type=receipt.error_type,
                error=receipt.error,
                records=receipt.account.rows_in or (0 if receipt.outcome == "done" else None),
                rows=receipt.account.as_dict(),
                bytes_in=receipt.bytes_in,
                bytes_out=receipt.bytes_out,
                calls=receipt.calls,
                input_sha256=receipt.sha256,
                operator_touch=int(self._by_person and receipt.attempt > 1),
                stages_ns=dict(receipt.stages_ns),
                aside=dict(receipt.reasons),
            )
        )
        return receipt
