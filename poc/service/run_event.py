"""The run events of an exchange: one when it starts, one when it ends, and one for a person's word on it."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import add
from typing import TYPE_CHECKING

from metrics.events import RunEvent, RunKey
from metrics.shares import share
from poc.quarantine.store import QuarantineStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from poc.exchanges.receipt import Receipt
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.pipeline.prepared_feed import PreparedFeed


@dataclass(frozen=True, slots=True)
class RunTimer:
    """A run under way: its event without an exchange id, and the clocks at its start."""

    event: RunEvent
    began_ns: int
    cpu_began_ns: int

    @classmethod
    def start(cls, prepared: PreparedFeed, file: str, due_at_us: int, now: datetime, release: str) -> RunTimer:
        """Start the timer of a run over a file that was due at a time."""
        began_ns, cpu_began_ns = time.monotonic_ns(), time.process_time_ns()
        day = now.date().isoformat()
        event = RunEvent(
            key=RunKey(
                system="service",
                level=prepared.level,
                mode="live",
                faults="real",
                series="",
                round=0,
                exchange_id="",
                attempt=1,
            ),
            release=release,
            partner=prepared.partner,
            feed=prepared.feed_id,
            file=file,
            block=day,
            block_end=day,
            due_at_us=due_at_us,
            started_at_us=int(now.timestamp() * 1_000_000),
            duration_ns=None,
            outcome="running",
            records=None,
            rows={},
        )
        return cls(event, began_ns, cpu_began_ns)

    def started(self, entry: ExchangeRecord) -> RunEvent:
        """Return the event that the run has started."""
        return replace(self.event, key=replace(self.event.key, exchange_id=entry.exchange_id, attempt=entry.attempt))

    def ended(self, receipt: Receipt, *, by_person: bool) -> RunEvent:
        """Return the event that the run has ended."""
        duration_ns = time.monotonic_ns() - self.began_ns
        event = replace(
            self.event,
            key=replace(self.event.key, exchange_id=receipt.exchange_id, attempt=receipt.attempt),
            duration_ns=duration_ns,
            blocked_ns=min(int(receipt.blocked_s * 1e9), duration_ns),  # requests under way at once wait together
            cpu_ns=time.process_time_ns() - self.cpu_began_ns,
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
            operator_touch=int(by_person and receipt.attempt > 1),
            stages_ns=dict(receipt.stages_ns),
            aside=dict(receipt.reasons),
        )
        return name_by_start(event)

    def share_pass(self, events: Sequence[RunEvent]) -> list[RunEvent]:
        """Return the end events of the files of a pass, to which this timer belongs, with their shares of its time.

        The shares are by input rows, and follow one another, so that no instant of the pass is counted twice.
        """
        rows = [event.rows.get("in", 0) for event in events]
        pass_ns = time.monotonic_ns() - self.began_ns
        waited_ns = min(sum(event.blocked_ns for event in events), pass_ns)
        blocked_ns, active_ns = share(waited_ns, rows), share(pass_ns - waited_ns, rows)
        durations_ns = list(map(add, blocked_ns, active_ns))
        cpu_ns = share(time.process_time_ns() - self.cpu_began_ns, rows)
        begin_ns = accumulate(durations_ns, initial=0)
        shares = zip(events, begin_ns, durations_ns, blocked_ns, cpu_ns, strict=False)
        return [
            name_by_start(
                replace(
                    event,
                    started_at_us=self.event.started_at_us + begin // 1000 + at,  # never the same for two files
                    duration_ns=duration,
                    blocked_ns=blocked,
                    cpu_ns=cpu,
                )
            )
            for at, (event, begin, duration, blocked, cpu) in enumerate(shares)
        ]


def name_by_start(event: RunEvent) -> RunEvent:
    """Return the event of a file received again, named by the time at which its run started.

    Such a run has no attempt of its own. Any other event is returned unchanged.
    """
    if event.outcome != "already_received":
        return event
    exchange_id = event.key.exchange_id.partition("#")[0]
    return replace(event, key=replace(event.key, exchange_id=f"{exchange_id}#{event.started_at_us}"))


def person_event(
    ledger: Ledger, entry: ExchangeRecord, *, attempt: int, level: int, now: datetime, release: str
) -> RunEvent:
    """Return the event of a person's word on an exchange: that its requests arrived, or that it is given up.

    It is an attempt that took no time and sent nothing. Without it, what was measured would keep the rows as the last
    attempt left them, such as ambiguous, for ever.

    Args:
        ledger: the ledger of the workspace.
        entry: the exchange as the person's word has left it.
        attempt: the number that the word has among the attempts.
        level: the service level of the workspace.
        now: the current time, in UTC.
        release: version of the program.
    """
    day = now.date().isoformat()
    given_up = entry.outcome == "given_up"
    return RunEvent(
        key=RunKey(
            system="service",
            level=level,
            mode="live",
            faults="real",
            series="",
            round=0,
            exchange_id=entry.exchange_id,
            attempt=attempt,
        ),
        release=release,
        partner=entry.partner,
        feed=entry.feed,
        file=entry.file,
        block=day,
        block_end=day,
        due_at_us=entry.opened_at_us,
        started_at_us=int(now.timestamp() * 1_000_000),
        duration_ns=0,
        outcome="failed" if given_up else entry.outcome,
        error_type="given-up" if given_up else "",
        error=entry.reason if given_up else "",
        records=entry.rows["in"],
        rows=dict(entry.rows),
        input_sha256=entry.sha256,
        operator_touch=1,
        aside=QuarantineStore(ledger, entry).reasons(),
    )
