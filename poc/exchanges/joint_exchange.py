"""The exchange of several files as one: checked and mapped as one frame, reserved and confirmed in one commit."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import polars as pl

from metrics.shares import share
from poc.batch import Account, FileRejected
from poc.delivery.joint_request import plan_joint_requests
from poc.delivery.outbox import INLINE_BYTES
from poc.errors import LedgerDamaged, TryLater, Unbalanced
from poc.exchanges.pass_file import PassFile, SendUnit
from poc.joined_batch import JoinedBatch
from poc.pipeline.capabilities import build_file_stages
from poc.retries.breaker_store import FeedBreakers
from poc.stages.check import check_joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from poc.batch import Batch
    from poc.delivery.send_window import SendWindow
    from poc.exchanges.receipt import Receipt
    from poc.ledger.ledger import Ledger
    from poc.pipeline.prepared_feed import PreparedFeed


@dataclass(slots=True)
class JointExchange:
    """The exchange of files of one feed, none of which the ledger knows. Use one once: `reserve`, then `send`.

    All files of it share the partner's circuit breakers, as exchanges that follow one another do. `rows` are those of
    all files, where they were read together.
    """

    prepared: PreparedFeed
    files: Sequence[PassFile]
    ledger: Ledger
    window: SendWindow
    rows: pl.DataFrame | None = None
    _open: list[PassFile] = field(default_factory=list, init=False)  # whose accounts are not closed

    def reserve(self) -> None:
        """Check and map all files, and reserve their requests in one commit; nothing is sent.

        A file that has nothing to send is closed with it, as what is in no request must be on disk, too.
        Raises whatever prevents it: then nothing was written.
        """
        prepared = self.prepared
        probe_us = int(prepared.probe_s * 1_000_000)
        breakers = FeedBreakers(self.ledger, prepared.partner, prepared.feed_id, probe_us)
        self._build(breakers)
        began_ns = time.monotonic_ns()
        if prepared.span_files:
            names = [(file.run.entry.exchange_id, file.run.entry.file) for file in self.files]
            requests = [file.requests for file in self.files]
            planned = plan_joint_requests(names, requests, prepared.feed.request_rows, INLINE_BYTES)
            for file, of_file in zip(self.files, planned, strict=True):
                file.requests = of_file
        receipts: list[tuple[PassFile, Receipt | None]] = []
        with self.ledger.one_commit():
            for file in self.files:
                if file.delivery is not None and file.requests:
                    file.delivery.reserve(file.requests)
                else:
                    receipts.append((file, self._close_account(file)))
        for file, receipt in receipts:
            file.receipt = receipt
        self._note("once", began_ns)

    def _build(self, breakers: FeedBreakers) -> None:
        """Build the requests of all files: of those that are encoded, and of the others, which are one frame."""
        others = []
        for file in self.files:
            file.run.attempt.rows_in = file.rows
            if file.batch.encoded is None:
                others.append(file)
                continue
            file.context = file.run.context({}, file.source, breakers)
            file.delivery = file.context.new_delivery()
            builder = file.delivery.builder
            file.requests = [*builder.add_batch(file.batch), *builder.flush()]
        if not others:
            return
        began_ns = time.monotonic_ns()
        joined = JoinedBatch([file.batch for file in others], self.rows)
        checked = check_joined(self.prepared.contract, joined)
        began_ns = self._note("check", began_ns, others)
        (mapped,) = self.prepared.map(iter([checked]))
        began_ns = self._note("map", began_ns, others)
        parts = joined.split(mapped)
        accepted: list[tuple[PassFile, int, pl.DataFrame]] = []
        for file, offset, part in zip(others, joined.offsets, parts, strict=True):
            self._check_file(file, part, breakers)
            if file.delivery is not None:
                accepted.append((file, offset, part.rows))
        began_ns = self._note("quarantine", began_ns, others)
        if accepted:
            rows = mapped.rows if len(accepted) == len(parts) else pl.concat([frame for *_, frame in accepted])
            bounds = [0, *accumulate(frame.height for *_, frame in accepted)]
            builder = accepted[0][0].run.context({}, None, breakers).new_builder()
            built = builder.build_joined(rows, bounds, [offset for _, offset, _ in accepted])
            for (file, *_), requests in zip(accepted, built, strict=True):
                file.requests = requests
        self._note("once", began_ns, others)

    def send(self) -> None:
        """Send the requests of each file in turn, and close all accounts.

        They are closed in one commit. Where a request fails, those of the files before it are closed before the next is
        sent, so that the ledger is not locked meanwhile.

        Raises:
            TryLater: no file can be exchanged for the moment.
            LedgerDamaged: no file can be exchanged any more.
        """
        units = self._units()
        for at, unit in enumerate(units):
            began_ns = time.monotonic_ns()
            try:
                for following in units[at:]:
                    if self.window.has_room:
                        following.begin()
                unit.send()
            except LedgerDamaged:
                raise
            except TryLater:
                self.ledger.roll_back()
                self._close()
                raise
            except Exception as error:  # noqa: BLE001 (whatever one file raises, the other files are exchanged)
                self.ledger.roll_back()
                for file in unit.files:
                    file.error = error
                continue
            self._open += unit.files
            self._note("once", began_ns, unit.files)
            if self.ledger.is_changing or not self.prepared.honours_keys:
                self._close()
        self._close()

    def _units(self) -> list[SendUnit]:
        """Return what is sent together: the files of a joint request, or one file. A closed account sends nothing."""
        units: dict[str | int, list[PassFile]] = {}
        for at, file in enumerate(self.files):
            if file.delivery is not None and file.receipt is None and file.error is None:
                units.setdefault(file.joint_id or at, []).append(file)
        return [SendUnit(files) for files in units.values()]

    def end(self) -> None:
        """End the requests that are under way, and drop what was not committed."""
        self.window.close()
        self.ledger.roll_back()
        for file in self.files:
            file.run.quarantine.drop()

    def _check_file(self, file: PassFile, part: Batch, breakers: FeedBreakers) -> None:
        """Put the rejected rows of a file into quarantine; refuse the file over its budget."""
        file.context = context = file.run.context({}, file.source, breakers)
        file.delivery = context.new_delivery()
        if not part.rejected and not part.notes:
            return
        batches = iter([part])
        for _, stage in build_file_stages(self.prepared.level, context):
            batches = stage(batches)
        try:
            file.run.attempt.consume(replace(batch, rows=batch.rows.clear()) for batch in batches)
        except FileRejected as breach:
            file.run.quarantine.drop()
            file.run.attempt.refuse(breach, file.run.rows_to_refuse(breach, file.source))
            file.delivery = None

    def _close(self) -> None:
        """Close the accounts of the files whose requests were sent, in one commit."""
        files, self._open = self._open, []
        if not files:
            return
        with self.ledger.one_commit():
            receipts = [self._close_account(file) for file in files]
        for file, receipt in zip(files, receipts, strict=True):
            file.receipt = receipt
            if file.context is not None:
                file.context.outbox.end()  # after the commit, as the bodies in files are needed until then

    def _close_account(self, file: PassFile) -> Receipt | None:
        """Close the account of a file with the next commit; its receipt is valid from then on."""
        attempt = file.run.attempt
        try:
            Account.close(attempt.rows_in, attempt.outcomes)
        except Unbalanced as error:
            file.error = error  # its requests stay, so that nothing is lost
            return None
        if file.delivery is not None:
            file.delivery.confirm()
        assert file.context is not None  # noqa: S101
        return file.run.close_account(file.context, file.stages_ns)

    def _note(self, stage: str, began_ns: int, files: Sequence[PassFile] | None = None) -> int:
        """Share the time since `began_ns` among files, all by default, by their rows; return the present time."""
        now_ns = time.monotonic_ns()
        files = self.files if files is None else files
        shares_ns = share(now_ns - began_ns, [file.rows for file in files])
        for file, part_ns in zip(files, shares_ns, strict=True):
            file.stages_ns[stage] = file.stages_ns.get(stage, 0) + part_ns
        return now_ns
