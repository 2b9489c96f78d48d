"""Decisions of people about exchanges: who decided what, when and why. They are only added, never changed."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.errors import BadInput
from poc.ledger.queries import refused_files
from poc.ledger.schema import DECISION

if TYPE_CHECKING:
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger

INSERT_DECISION = sa.insert(DECISION)


def user_name() -> str:
    """Return the name of the user who runs this program, by the operating system; its number where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def record_decision(
    ledger: Ledger, entry: ExchangeRecord, action: str, why: str, now_us: int, who: str, *, next_exchange_id: str = ""
) -> None:
    """Add a decision of a person about an exchange; the caller commits.

    Raises:
        BadInput: the reason is blank.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    if not why.strip():
        raise BadInput("--why is blank; write the reason of the decision")
    values = {"at_us": now_us, "who": who, "action": action, "exchange_id": entry.exchange_id}
    ledger.execute(INSERT_DECISION, {**values, "why": why.strip(), "next_exchange_id": next_exchange_id})


def discard_refused(ledger: Ledger, entry: ExchangeRecord, why: str, now_us: int, who: str) -> None:
    """Give a refused file up, and commit: it needs no person any more. Its account stays as it is.

    Raises:
        BadInput: the exchange is not refused, or needs no person any more; or the reason is blank.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    if entry.outcome != "refused":
        raise BadInput(f"exchange {entry.exchange_id} of {entry.file} is {entry.outcome}, not refused")
    (row,) = (row for row in refused_files(ledger) if row["id"] == entry.exchange_id)
    if row["state"] == "superseded":
        raise BadInput(
            f"{entry.file} needs no decision: a later file of this name was accepted as {row['superseded_by']}"
        )
    if row["state"] == "discarded":
        raise BadInput(f"{entry.file} was discarded by {row['who']}: {row['why']}")
    record_decision(ledger, entry, "discard_refused", why, now_us, who)
    ledger.commit()
