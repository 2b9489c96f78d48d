"""Actions of a person on unconfirmed requests: send again, mark as arrived, give up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.delivery.outbox import OF_EXCHANGE, Outbox
from poc.errors import BadInput
from poc.ledger.schema import PARCEL

if TYPE_CHECKING:
    from poc.ledger.ledger import ExchangeRecord, Ledger


DELETE_AMBIGUOUS = sa.delete(PARCEL).where(OF_EXCHANGE, PARCEL.c.state == "ambiguous")
DELETE_ALL = sa.delete(PARCEL).where(OF_EXCHANGE)
RESERVE_AGAIN = sa.update(PARCEL).where(OF_EXCHANGE)


def settle(ledger: Ledger, entry: ExchangeRecord, now_us: int, *, arrived: bool) -> int:
    """Settle the ambiguous, failed or due requests of an exchange as a person decided, and commit.

    Args:
        ledger: the ledger that holds them.
        entry: the exchange.
        now_us: the current time; requests to send again are due at it.
        arrived: the partner has the ambiguous requests; otherwise all are sent again.

    Returns:
        The number of rows in these requests.

    Raises:
        BadInput: the exchange has no such request.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    if entry.outcome == "open":
        raise BadInput(f"exchange {entry.exchange_id} was interrupted; `milepost run` resumes it, then try again")
    if not arrived and entry.outcome == "due":  # a person who does not want to wait for the schedule
        ledger.update(entry, due_at_us=now_us, failures=0)
        ledger.commit()
        return entry.rows["due"]
    rows = entry.rows["ambiguous"] + (0 if arrived else entry.rows["failed"])
    if entry.outcome == "given_up" or not rows or not entry.whole:
        what = "ambiguous" if arrived else "ambiguous, failed or due"
        raise BadInput(f"exchange {entry.exchange_id} has no {what} request; see `milepost outbox ls`")
    if arrived:
        ledger.execute(DELETE_AMBIGUOUS, {"key": entry.exchange_id})
    else:
        ledger.execute(RESERVE_AGAIN, {"state": "reserved", "note": "", "key": entry.exchange_id})
    values: dict[str, object] = {"rows_ambiguous": 0, "failures": 0}
    if arrived:
        left = next((name for name in ("failed", "due", "refused") if entry.rows[name]), "done")
        values |= {"rows_delivered": entry.rows["delivered"] + rows, "outcome": left}
        values["due_at_us"] = (entry.due_at_us or now_us) if left == "due" else None
    else:
        values |= {"rows_failed": 0, "rows_due": entry.rows["due"] + rows, "outcome": "due", "due_at_us": now_us}
    ledger.update(entry, **values)
    ledger.commit()
    return rows


def give_up(ledger: Ledger, entry: ExchangeRecord, why: str) -> int:
    """End an exchange as a person decided, and commit: its undelivered rows count as failed and are never sent.

    Returns:
        The number of rows given up.

    Raises:
        BadInput: the exchange has ended already.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    if entry.outcome not in {"open", "due", "failed", "ambiguous"}:
        raise BadInput(f"exchange {entry.exchange_id} is {entry.outcome}: there is nothing to give up")
    ledger.execute(DELETE_ALL, {"key": entry.exchange_id})
    rows = sum(entry.rows[name] for name in ("due", "failed", "ambiguous"))
    values = {"rows_due": 0, "rows_ambiguous": 0, "rows_failed": rows, "due_at_us": None, "whole": 1}
    ledger.update(entry, outcome="given_up", reason=f"given up: {why}", **values)
    ledger.commit()
    Outbox(ledger, entry).remove_empty_file()
    return rows
