"""One exchange: a file of a feed, from receipt to settlement.

`exchange` passes a file's batches through the pipeline, checks that the account balances, and closes the ledger's
entry. `resume` continues with what the ledger still has to send of a file. Neither waits nor retries: the receipt says
what is not done, and a new attempt does it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from tempfile import gettempdir
from traceback import clear_frames
from typing import TYPE_CHECKING

from poc.batch import FileRejected, Finding, SecondPassNeeded
from poc.delivery.outbox import Outbox
from poc.delivery.sender import TransferStats
from poc.errors import BadInput, ContractBreach, FileStillChanging, TryLater
from poc.exchanges.attempt import Attempt
from poc.exchanges.receipt import Receipt, check_settings_unchanged, check_whole, reason_to_skip, skipped_receipt
from poc.ledger.lookup import find_exchange
from poc.pipeline.capabilities import StageContext, build_deliver_once, build_stages, equip, new_window
from poc.pipeline.small_file import encode_small
from poc.pipeline.stage_timer import StageTimer
from poc.quarantine.store import QuarantineStore
from poc.retries.breaker_store import FeedBreakers
from poc.retries.circuit_breaker import longest_wait_us
from poc.retries.failure_policy import FailFast
from poc.transports.folder import NO_SPACE
from poc.transports.source_file import open_regular, read_small, sha256_hex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

    from poc.batch import Batch
    from poc.delivery.send_window import SendWindow
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.stages.deliver_file import DeliverFile
    from poc.stages.deliver_once import DeliverOnce
    from poc.transports.source_file import FileVersion


def exchange(
    prepared: PreparedFeed,
    path: Path,
    now: datetime,
    ledger: Ledger,
    opened: Callable[[ExchangeRecord], None] = lambda _: None,
) -> Receipt:
    """Exchange one file. Calls `opened` with the ledger entry before any row is read.

    Raises:
        BadInput: there is no such file.
        Unbalanced: the account does not add up; the ledger entry stays open.
        TryLater: the ledger is locked, or there is no room to write.
        FileStillChanging: the file changed while it was read.
    """
    try:
        path.name.encode()  # a name that is not text cannot be stored
    except UnicodeEncodeError as error:
        raise BadInput(f"{path.parent}: the file name {path.name!r} is not UTF-8; rename it") from error
    source, version = open_regular(path)
    with source:
        content = read_small(source, version) or source
        digest = sha256_hex(content)
        content.seek(0)
        entry = find_exchange(ledger, prepared.partner, prepared.feed_id, path.name, digest)
        if entry.outcome and (reason := reason_to_skip(entry, now, longest_wait_us(prepared.retry))):
            return skipped_receipt(entry, ledger, version, reason)
        check_settings_unchanged(prepared, entry)
        entry = entry if entry.whole or entry.file == path.name else replace(entry, file=path.name)
        opened(entry)
        run = open_attempt(prepared, entry, ledger, now, version)

        def unchanged(batches: Iterator[Batch]) -> Iterator[Batch]:
            yield from batches
            if not version.is_content_of(source):
                sent = "part of it was sent early" if run.attempt.committed else "nothing was sent"
                raise FileStillChanging(f"{path}: changed while it was read; {sent}, it is left for the next run")

        try:
            return run.send_reserved() if entry.whole else run.process(content, unchanged)
        finally:
            run.end()


def resume(prepared: PreparedFeed, entry: ExchangeRecord, now: datetime, ledger: Ledger) -> Receipt:
    """Continue an exchange whose rows are all in the ledger.

    Raises:
        BadInput: not all of them are: the file is needed.
        Unbalanced, TryLater: as for `exchange`.
    """
    check_whole(entry)
    run = open_attempt(prepared, entry, ledger, now)
    try:
        return run.send_reserved()
    finally:
        run.end()


def open_attempt(
    prepared: PreparedFeed,
    entry: ExchangeRecord,
    ledger: Ledger,
    now: datetime,
    version: FileVersion | None = None,
    window: SendWindow | None = None,
) -> ExchangeRun:
    """Open the account of an attempt.

    `version` is None for an exchange that continues without its file; `window` is that of a pass, for all its files.
    """
    keys = prepared.honours_keys and prepared.endpoint is not None
    digest = prepared.settings_digest
    quarantine = QuarantineStore(ledger, entry)
    size_bytes = 0 if version is None else version.size_bytes
    attempt = Attempt(
        ledger, entry, size_bytes, now, settings_digest=digest, honours_keys=keys, before_commit=quarantine.flush
    )
    return ExchangeRun(prepared, entry, ledger, attempt, quarantine, window or new_window(prepared), version)


@dataclass(slots=True)
class ExchangeRun:
    """One attempt at one exchange while it runs, with everything that its steps share."""

    prepared: PreparedFeed
    entry: ExchangeRecord
    ledger: Ledger
    attempt: Attempt
    quarantine: QuarantineStore
    window: SendWindow
    version: FileVersion | None
    stats: TransferStats = field(default_factory=TransferStats)

    @property
    def size_bytes(self) -> int:
        """The size of the file; 0 for an exchange that continues without it."""
        return 0 if self.version is None else self.version.size_bytes

    def process(self, source: BinaryIO, unchanged: Callable[[Iterator[Batch]], Iterator[Batch]]) -> Receipt:
        """Pass a file through the pipeline: once, or twice where duplicate keys are found at its end."""
        prepared, attempt = self.prepared, self.attempt
        timer = StageTimer()
        known: dict[int, tuple[Finding, ...]] = {}
        while True:
            context = self.context(known, source)
            self.quarantine.drop()
            if self.entry.outcome:
                self.quarantine.clear()
            encoded = None if known else encode_small(prepared.small_files, source, self.size_bytes, timer.spent_ns)
            received = timer.over("receive", prepared.reader.read(source)) if encoded is None else iter([encoded])
            batches = attempt.count_rows(unchanged(received))
            for name, stage in build_stages(prepared.level, context, encoded=encoded is not None):
                batches = timer.over(name, stage(batches))
            try:
                attempt.consume(batches)
            except SecondPassNeeded as second_pass:
                attempt.restart()
                source.seek(0)
                known = second_pass.findings_by_row()
                continue
            except ContractBreach as breach:
                clear_frames(breach.__traceback__)  # closes the generators of the stages, so that no thread reads on
                if not attempt.committed:
                    self.quarantine.drop()
                attempt.refuse(breach, self.rows_to_refuse(breach, source))
            except OSError as error:
                if error.errno not in NO_SPACE:
                    raise
                place = error.filename or gettempdir()  # bodies wait for the end of a file in an unnamed file there
                raise TryLater(f"{place}: cannot be written: {error.strerror}; make room and try again") from error
            return self._close(context, timer.spent_ns)

    def send_reserved(self) -> Receipt:
        """Send the requests of a file that the ledger holds."""
        context, delivery = self.send_pending()
        delivery.confirm()
        return self._close(context, {})

    def send_pending(self, breakers: FeedBreakers | None = None) -> tuple[StageContext, DeliverOnce | DeliverFile]:
        """Send the requests that the ledger holds; return the stage that confirms them, with its context."""
        context = self.context({}, None, breakers)
        reasons = self.quarantine.reasons() if self.entry.rows["quarantined"] else {}
        delivery = build_deliver_once(context)
        self.attempt.resume(delivery.resume(), reasons)
        return context, delivery

    def end(self) -> None:
        """End the requests that are under way, and roll back what was not committed."""
        self.window.close()
        self.ledger.roll_back()
        self.quarantine.drop()

    def rows_to_refuse(self, breach: ContractBreach, source: BinaryIO) -> int:
        """Return the number of rows in the file; where it was not read to its end, count what can be counted.

        A file over its budget has at least the rows that were looked at; the others are not counted.
        """
        if isinstance(breach, FileRejected) and self.prepared.feed.deliver != "early":
            return self.attempt.rows_in if breach.rows is None else breach.rows
        rows = 0
        source.seek(0)
        with suppress(ContractBreach):
            for _ in self.prepared.reader.rows(source):
                rows += 1
        return rows

    def context(
        self,
        known: Mapping[int, tuple[Finding, ...]],
        source: BinaryIO | None,
        breakers: FeedBreakers | None = None,
    ) -> StageContext:
        """Return what the stages may use; `breakers` are those of a pass, which its files share."""
        prepared, attempt = self.prepared, self.attempt

        def original_lines() -> Iterator[tuple[int, bytes]]:
            assert source is not None  # noqa: S101 (only a file that is read has lines)
            source.seek(0)
            for line in prepared.reader.rows(source):
                attempt.rows_in += 1
                yield line

        def before_send() -> None:
            prepared.pace()
            self.ledger.check_before_send()

        probe_us = int(prepared.probe_s * 1_000_000)
        context = StageContext(
            prepared=prepared,
            entry=self.entry,
            outbox=Outbox(self.ledger, self.entry),
            add_to_quarantine=self.quarantine.add,
            original_lines=original_lines,
            known_findings=known,
            commit=attempt.commit,
            clock_us=attempt.clock_us,
            before_send=before_send,
            stats=self.stats,
            breakers=breakers or FeedBreakers(self.ledger, prepared.partner, prepared.feed_id, probe_us),
            policy=FailFast(),
            window=self.window,
        )
        equip(prepared.level, context)
        return context

    def _close(self, context: StageContext, stages_ns: Mapping[str, int]) -> Receipt:
        receipt = self.close_account(context, stages_ns)
        context.outbox.end()
        return receipt

    def close_account(self, context: StageContext, stages_ns: Mapping[str, int]) -> Receipt:
        """Close the account, commit, and return the receipt; the outbox is to be ended after the commit."""
        entry, attempt, policy = self.entry, self.attempt, context.policy
        context.breakers.save()
        outcome, code, reason, account = attempt.close(policy, self.stats.repeated_rows)
        return Receipt(
            exchange_id=entry.exchange_id,
            attempt=entry.attempt,
            outcome=outcome,
            account=account,
            sha256=entry.sha256,
            bytes_in=self.size_bytes,
            bytes_out=self.stats.bytes_out,
            calls=self.stats.calls,
            blocked_s=self.stats.blocked_s,
            repeated_rows=self.stats.repeated_rows,
            error_type=code,
            error=reason,
            findings=tuple(attempt.findings),
            quarantined_rows=tuple(attempt.quarantined_rows),
            reasons=attempt.reasons,
            due_at_us=policy.due_at_us if outcome == "due" else None,
            whole=attempt.whole,
            file_version=self.version,
            stages_ns=stages_ns,
        )
