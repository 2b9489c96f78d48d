"""Exchange what waits in the inboxes, and tell each run as an event, timed around the exchange."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from metrics.events import RunEvent, RunKey
from poc.errors import BadInput
from poc.exchange import Lane, Receipt, exchange
from poc.inbox import alone, put_away, waiting
from poc.ledger import open_ledger
from poc.subject import lane
from poc.transports.http import new_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    import requests

    from metrics.events import Recorder
    from poc.config import Workspace
    from poc.errors import ExchangeError
    from poc.ledger import Entry, Ledger


@dataclass(frozen=True, slots=True)
class Ran:
    """One file that was exchanged: where it lies now and its receipt; or what kept a file or feed from it."""

    partner: str
    feed: str
    path: Path
    receipt: Receipt | None = None
    error: ExchangeError | None = None


def run_inbox(
    workspace: Workspace,
    name: str | None,
    level: int,
    clock: Callable[[], datetime],
    recorder: Recorder,
    release: str,
    wanted: Callable[[Path], bool] = lambda _: True,
) -> Iterator[Ran]:
    """Exchange the files that wait, feed by feed; yields after each.

    What is wrong with one file or feed is told in its turn, and does not keep the others waiting.

    Args:
        workspace: whose inboxes.
        name: PARTNER or PARTNER/FEED; None for all.
        level: the service level to run at.
        clock: the time now, in UTC.
        recorder: where runs are told.
        release: version of the program, for the events.
        wanted: asked before each file; what is not wanted now waits for another run.

    Raises:
        BadInput: an unknown partner or feed.
        TryLater: another run is under way.
        LedgerDamaged: the ledger cannot be used.
    """
    picked = workspace.pick(name)
    with alone(workspace):
        ledger, session = open_ledger(workspace.ledger), new_session()
        try:
            for partner, feed_id in picked:
                inbox = workspace.inbox(partner, feed_id)
                try:
                    ready = lane(workspace, partner, feed_id, level)
                except BadInput as error:
                    yield Ran(partner, feed_id, inbox, error=error)
                    continue
                for path in filter(wanted, waiting(inbox, ready.feed, clock())):
                    try:
                        receipt = measured(ready, path, clock, ledger, session, recorder, release)
                    except BadInput as error:
                        yield Ran(partner, feed_id, path, error=error)
                        continue
                    now_at = put_away(workspace, partner, feed_id, path, receipt.outcome, receipt.sha256)
                    yield Ran(partner, feed_id, now_at, receipt)
        finally:
            session.close()
            ledger.close()


def measured(
    ready: Lane,
    path: Path,
    clock: Callable[[], datetime],
    ledger: Ledger,
    session: requests.Session,
    recorder: Recorder,
    release: str,
) -> Receipt:
    """One exchange, told to the recorder as a start and an end."""
    now = clock()
    began_ns, cpu_began_ns = time.monotonic_ns(), time.process_time_ns()
    blank = RunEvent(
        key=RunKey(
            system="service",
            level=ready.level,
            mode="live",
            faults="real",
            series="",
            round=0,
            exchange_id="",
            attempt=1,
        ),
        release=release,
        partner=ready.partner,
        feed=ready.feed_id,
        file=path.name,
        block=now.date().isoformat(),
        block_end=now.date().isoformat(),
        due_at_us=int(path.stat().st_mtime * 1_000_000),
        started_at_us=int(now.timestamp() * 1_000_000),
        duration_ns=None,
        outcome="running",
        records=0,
        rows={},
    )

    def opened(entry: Entry) -> None:
        key = replace(blank.key, exchange_id=entry.exchange_id, attempt=entry.attempt)
        recorder.record(replace(blank, key=key), started=True)

    receipt = exchange(ready, path, now, ledger, session, opened)
    again = f"#{blank.started_at_us}" if receipt.outcome == "already_received" else ""
    recorder.record(
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
            records=receipt.account.rows_in,
            rows=receipt.account.as_dict(),
            bytes_in=receipt.bytes_in,
            bytes_out=receipt.bytes_out,
            calls=receipt.calls,
            input_sha256=receipt.sha256,
            stages_ns=dict(receipt.stages_ns),
        )
    )
    return receipt
