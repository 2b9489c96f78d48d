"""One exchange: a file of a feed, from receipt to settlement.

`exchange` sends a file's batches down the line, checks that the account balances, and closes the ledger's entry.
`resume` goes on with what the ledger still has to send of a file. Neither waits nor retries: what is not done is told
in the receipt, and comes back as a new attempt.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from tempfile import gettempdir
from traceback import clear_frames
from typing import TYPE_CHECKING

from poc.batch import Account, FileRejected, Finding, RowOutcome, SecondPassNeeded
from poc.delivery import circuit_breaker
from poc.delivery.failure_policy import FailFast
from poc.delivery.outbox import Outbox
from poc.delivery.sender import TransferStats
from poc.errors import BadInput, ContractBreach, FileStillChanging, TryLater
from poc.formats.header import SchemaDrift
from poc.pipeline.capabilities import StageContext, build_deliver_once, build_stages, equip, has_capability
from poc.pipeline.stage_timer import StageTimer
from poc.quarantine.store import QuarantineStore
from poc.service.attempt import Attempt
from poc.service.receipt import Receipt, reason_to_skip
from poc.transports.folder import NO_SPACE
from poc.transports.source_file import open_regular, sha256_hex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

    from poc.batch import Batch
    from poc.ledger.ledger import ExchangeRecord, Ledger
    from poc.pipeline.prepared_feed import PreparedFeed


def exchange(
    prepared: PreparedFeed,
    path: Path,
    now: datetime,
    ledger: Ledger,
    opened: Callable[[ExchangeRecord], None] = lambda _: None,
) -> Receipt:
    """Exchange one file. `opened` is told of the ledger entry before any row is read.

    Raises:
        BadInput: there is no such file.
        Unbalanced: the account does not add up; the ledger entry stays open.
        TryLater: the ledger is locked, or there is no room to write.
        StillWritten: the file changed while it was read.
    """
    try:
        path.name.encode()  # a name that is no text could be written down nowhere
    except UnicodeEncodeError as error:
        raise BadInput(f"{path.parent}: the file name {path.name!r} is not UTF-8; rename it") from error
    source, seen = open_regular(path)
    with source:
        digest = sha256_hex(source)
        source.seek(0)
        entry = ledger.find(prepared.partner, prepared.feed_id, path.name, digest)
        if note := reason_to_skip(entry, now):
            outcome = "due" if entry.outcome == "due" and not entry.whole else "already_received"
            due_at_us = entry.due_at_us if outcome == "due" else None
            ended = {name: count for name, count in entry.rows.items() if name != "in"}
            account = Account(entry.rows["in"], ended) if outcome == "due" else Account()
            return Receipt(
                entry.exchange_id, entry.attempt - 1, outcome, account, digest, seen.size_bytes,
                error=note,
                reasons=QuarantineStore(ledger, entry).reasons() if account.rows_by_outcome.get("quarantined") else {},
                due_at_us=due_at_us, file_version=seen,
            )  # fmt: skip
        check_settings_unchanged(prepared, entry)
        entry = entry if entry.whole else replace(entry, file=path.name)
        opened(entry)
        attempt = _attempt(prepared, entry, ledger, seen.size_bytes, now)
        if entry.whole:
            return replace(_resumed(prepared, entry, attempt, ledger, seen.size_bytes), file_version=seen)

        def unchanged(batches: Iterator[Batch]) -> Iterator[Batch]:
            yield from batches
            status = os.fstat(source.fileno())
            if (status.st_size, status.st_mtime_ns) != (seen.size_bytes, seen.changed_ns):
                left = "part of it had left early" if attempt.committed else "nothing was sent"
                raise FileStillChanging(f"{path}: changed while it was read; {left}, it is left for the next run")

        try:
            return replace(_sent_down(prepared, source, entry, attempt, ledger, unchanged), file_version=seen)
        finally:
            ledger.roll_back()


def resume(prepared: PreparedFeed, entry: ExchangeRecord, now: datetime, ledger: Ledger) -> Receipt:
    """Go on with an exchange all of whose rows are in the ledger.

    Raises:
        BadInput: not all of them are: its file is needed.
        Unbalanced, TryLater: as for `exchange`.
    """
    if not entry.whole:
        raise BadInput(f"exchange {entry.exchange_id}: its file {entry.file} is needed to go on; hand it in again")
    try:
        return _resumed(prepared, entry, _attempt(prepared, entry, ledger, 0, now), ledger, 0)
    finally:
        ledger.roll_back()


def check_settings_unchanged(prepared: PreparedFeed, entry: ExchangeRecord) -> None:
    """Refuse to go on with a file that was begun under other settings: its requests would not be the same.

    Raises:
        BadInput: feed, contract or level were changed since rows of it were reserved.
    """
    if entry.whole or entry.reserved_to < 0:
        return
    what = f"exchange {entry.exchange_id} of {entry.file} was begun"
    ways = "or give it up with `milepost outbox discard`"
    if not has_capability("once", prepared.level):
        raise BadInput(f"{what} at a level that remembers requests; go on at that level, {ways}")
    if entry.settings_digest != prepared.settings_digest:
        raise BadInput(f"{what} under other settings of {prepared.partner}/{prepared.feed_id}; put them back, {ways}")


def _attempt(prepared: PreparedFeed, entry: ExchangeRecord, ledger: Ledger, size_bytes: int, now: datetime) -> Attempt:
    keys = prepared.honours_keys and prepared.endpoint is not None
    return Attempt(ledger, entry, size_bytes, now, settings_digest=prepared.settings_digest, honours_keys=keys)


def _sent_down(
    prepared: PreparedFeed,
    source: BinaryIO,
    entry: ExchangeRecord,
    attempt: Attempt,
    ledger: Ledger,
    unchanged: Callable[[Iterator[Batch]], Iterator[Batch]],
) -> Receipt:
    """Send a file down the line: once, or twice where rows are called back."""
    stats, watch = TransferStats(), StageTimer()
    quarantine, size_bytes = QuarantineStore(ledger, entry), os.fstat(source.fileno()).st_size
    known: dict[int, tuple[Finding, ...]] = {}
    while True:
        context = _context(prepared, entry, attempt, ledger, known, quarantine, stats, source)
        if entry.outcome:
            quarantine.clear()
        batches = attempt.count_rows(unchanged(watch.over("receive", prepared.reader.read(source))))
        for name, stage in build_stages(prepared.level, context):
            batches = watch.over(name, stage(batches))
        try:
            attempt.consume(batches)
        except SecondPassNeeded as recall:
            attempt.restart()
            source.seek(0)
            known = recall.findings_by_row()
            continue
        except ContractBreach as breach:
            clear_frames(breach.__traceback__)  # lets go of the line, so that nobody reads ahead any more
            _refuse(prepared, source, attempt, breach)
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            place = error.filename or gettempdir()  # what waits for the end of a file waits there, without a name
            raise TryLater(f"{place}: cannot be written: {error.strerror}; make room and try again") from error
        break
    return _closed(prepared, entry, attempt, context, ledger, size_bytes, watch.spent_ns)


def _refuse(prepared: PreparedFeed, source: BinaryIO, attempt: Attempt, breach: ContractBreach) -> None:
    """All rows of a file are refused, but for those that had left already."""
    if not attempt.committed:
        rows_in = attempt.rows_in
        attempt.restart()
        attempt.rows_in = rows_in
    if not isinstance(breach, FileRejected) or prepared.feed.deliver == "early":
        attempt.rows_in = 0
        source.seek(0)
        with suppress(ContractBreach):  # what can be counted of it
            for _ in prepared.reader.rows(source):
                attempt.rows_in += 1
    told = breach.findings if isinstance(breach, FileRejected | SchemaDrift) else ()
    attempt.findings = list(told) or [Finding(0, breach.code, "", str(breach))]
    left = max(attempt.rows_in - sum(part.rows for part in attempt.settled), 0)
    attempt.rows_in = left + sum(part.rows for part in attempt.settled)
    attempt.settled.append(RowOutcome("refused", left, breach.code, str(breach)))
    attempt.whole = attempt.reserved  # of what left early, all that is still to be sent is in the outbox


def _resumed(
    prepared: PreparedFeed, entry: ExchangeRecord, attempt: Attempt, ledger: Ledger, size_bytes: int
) -> Receipt:
    """Send what the ledger has of a file."""
    quarantine = QuarantineStore(ledger, entry)
    context = _context(prepared, entry, attempt, ledger, {}, quarantine, TransferStats(), None)
    attempt.resume(build_deliver_once(context).resume(), quarantine.reasons() if entry.rows["quarantined"] else {})
    return _closed(prepared, entry, attempt, context, ledger, size_bytes, {})


def _context(
    prepared: PreparedFeed,
    entry: ExchangeRecord,
    attempt: Attempt,
    ledger: Ledger,
    known: Mapping[int, tuple[Finding, ...]],
    quarantine: QuarantineStore,
    stats: TransferStats,
    source: BinaryIO | None,
) -> StageContext:
    def lines() -> Iterator[tuple[int, bytes]]:
        assert source is not None  # noqa: S101 (only a file that is read has lines)
        source.seek(0)
        for line in prepared.reader.rows(source):
            attempt.rows_in += 1
            yield line

    stood = circuit_breaker.load_breaker(ledger, prepared.partner)
    context = StageContext(
        prepared=prepared,
        entry=entry,
        outbox=Outbox(ledger, entry),
        keep=quarantine.add,
        lines=lines,
        known=known,
        commit=attempt.commit,
        clock_us=attempt.clock_us,
        stats=stats,
        breaker=stood,
        policy=FailFast(stood),
    )
    return equip(prepared.level, context)


def _closed(
    prepared: PreparedFeed,
    entry: ExchangeRecord,
    attempt: Attempt,
    context: StageContext,
    ledger: Ledger,
    size_bytes: int,
    stages_ns: Mapping[str, int],
) -> Receipt:
    """Close the account, and make out the receipt."""
    if context.policy.breaker != context.breaker:
        circuit_breaker.save_breaker(ledger, prepared.partner, context.policy.breaker)
    outcome, code, reason, account = attempt.close(context.policy)
    context.outbox.remove_empty_file()
    return Receipt(
        exchange_id=entry.exchange_id,
        attempt=entry.attempt,
        outcome=outcome,
        account=account,
        sha256=entry.sha256,
        bytes_in=size_bytes,
        bytes_out=context.stats.bytes_out,
        calls=context.stats.calls,
        blocked_s=context.stats.blocked_s,
        error_type=code,
        error=reason,
        findings=tuple(attempt.findings),
        quarantined_rows=tuple(attempt.quarantined_rows),
        reasons=attempt.reasons,
        due_at_us=context.policy.due_at_us if outcome == "due" else None,
        whole=attempt.whole,
        stages_ns=stages_ns,
    )
