"""The run event of a person's word on an exchange: that its requests arrived, or that it is given up.

Without it, what was measured would keep the rows as the last attempt left them, such as ambiguous, for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrics.events import RunEvent, RunKey
from poc.quarantine.store import QuarantineStore

if TYPE_CHECKING:
    from datetime import datetime

    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger


def person_event(
    ledger: Ledger, entry: ExchangeRecord, *, attempt: int, level: int, now: datetime, release: str
) -> RunEvent:
    """Return the event of an attempt that took no time and sent nothing.

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
