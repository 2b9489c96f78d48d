"""What a person can do with unconfirmed requests: send again, mark as arrived, give up."""

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
    """Take a person's word for the requests of an exchange that are ambiguous, failed or due; commits.

    Args:
        ledger: which holds them.
        entry: the exchange.
        now_us: the time; what did not arrive is due now.
        arrived: the partner holds the ambiguous ones.

    Returns:
        The rows this was about.

    Raises:
        BadInput: there is none such.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    if entry.outcome == "open":
        raise BadInput(f"exchange {entry.exchange_id} died under way; `milepost run` goes on with it, then ask again")
    if not arrived and entry.outcome == "due":  # somebody who does not want to wait
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
    """End an exchange by a person's word: what of it was not delivered counts as failed, for good; commits.

    Returns:
        The rows given up.

    Raises:
        BadInput: it has ended already.
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
