"""Resume several exchanges of one feed, whose rows are all in the ledger, and close them in as few commits as possible.

Files of a joint request that failed are due at the same time, and so are the files of a pass that was killed. Taken up
together, they cost one commit or two: the first exchange sends the joint request, the others find it accepted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from poc.errors import LedgerDamaged, TryLater
from poc.exchanges.exchange import open_attempt
from poc.exchanges.receipt import check_whole
from poc.pipeline.capabilities import new_window
from poc.retries.breaker_store import FeedBreakers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from poc.delivery.send_window import SendWindow
    from poc.exchanges.exchange import ExchangeRun
    from poc.exchanges.receipt import Receipt
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.pipeline.capabilities import StageContext
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.stages.deliver_file import DeliverFile
    from poc.stages.deliver_once import DeliverOnce
    from poc.transports.source_file import FileVersion

#: An exchange to resume, and the version of its file if it was handed in again.
Resumable: TypeAlias = "tuple[ExchangeRecord, FileVersion | None]"


def resume_together(
    prepared: PreparedFeed, exchanges: Sequence[Resumable], now: datetime, ledger: Ledger
) -> list[Receipt | Exception]:
    """Resume exchanges of one feed in their order; return the receipt of each, or the error that prevented it.

    Raises:
        LedgerDamaged: no exchange can be resumed any more.
    """
    work = _JointResume(prepared, now, ledger)
    try:
        for at, (entry, version) in enumerate(exchanges):
            work.resume(at, entry, version)
        work.close()
    finally:
        work.window.close()
        ledger.roll_back()
    return [work.results[at] for at in range(len(exchanges))]


@dataclass(slots=True)
class _JointResume:
    """Exchanges that are resumed together. `stopped` says why none can be resumed for the moment."""

    prepared: PreparedFeed
    now: datetime
    ledger: Ledger
    results: dict[int, Receipt | Exception] = field(default_factory=dict)
    window: SendWindow = field(init=False)
    stopped: TryLater | None = None
    _breakers: FeedBreakers = field(init=False)
    _open: dict[int, tuple[ExchangeRun, StageContext, DeliverOnce | DeliverFile]] = field(default_factory=dict)
    _began_ns: int = field(default_factory=time.monotonic_ns)

    def __post_init__(self) -> None:
        prepared = self.prepared
        self.window = new_window(prepared)
        probe_us = int(prepared.probe_s * 1_000_000)
        self._breakers = FeedBreakers(self.ledger, prepared.partner, prepared.feed_id, probe_us)

    def resume(self, at: int, entry: ExchangeRecord, version: FileVersion | None) -> None:
        """Send the requests of one exchange; its account is closed with those of others."""
        if self.stopped is not None:
            self.results[at] = self.stopped
            return
        try:
            check_whole(entry)
            now = self.now + timedelta(microseconds=(time.monotonic_ns() - self._began_ns) / 1000)
            run = open_attempt(self.prepared, entry, self.ledger, now, version, self.window)
            self._open[at] = (run, *run.send_pending(self._breakers))
        except Exception as error:  # noqa: BLE001 (whatever one exchange raises, the others are resumed)
            self.ledger.roll_back()
            self._fail([at], error)
        # so that the ledger is not locked while the next one is sent
        if self.stopped is not None or self.ledger.is_changing or not self.prepared.honours_keys:
            self.close()

    def close(self) -> None:
        """Close the accounts of the exchanges whose requests were sent, in one commit."""
        closing, self._open = self._open, {}
        if not closing:
            return
        receipts: dict[int, Receipt] = {}
        try:
            with self.ledger.one_commit():
                for at, (run, context, delivery) in closing.items():
                    receipts[at] = run.close_account(context, {})
                    delivery.confirm()
        except Exception as error:  # noqa: BLE001 (whatever one exchange raises, the others are resumed)
            self._fail(list(closing), error)
            return
        self.results.update(receipts)
        for _, context, _ in closing.values():
            context.outbox.end()  # after the commit, as the bodies in files are needed until then

    def _fail(self, failed: Sequence[int], error: Exception) -> None:
        if isinstance(error, LedgerDamaged):
            raise error
        if isinstance(error, TryLater):
            self.stopped = error
        self.results.update(dict.fromkeys(failed, error))
