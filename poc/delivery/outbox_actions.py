"""Actions of a person on unconfirmed requests: send again, mark as arrived, give up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.delivery.outbox import OF_EXCHANGE, RETRY_FAILED, Outbox
from poc.errors import BadInput
from poc.ledger.schema import EXCHANGE, PARCEL
from poc.retries.breaker_store import delete_breakers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger


DELETE_AMBIGUOUS = sa.delete(PARCEL).where(OF_EXCHANGE, PARCEL.c.state == "ambiguous")
DELETE_ALL = sa.delete(PARCEL).where(OF_EXCHANGE, PARCEL.c.joint == "")
DISCARD_PARTS = sa.update(PARCEL).where(OF_EXCHANGE, PARCEL.c.joint != "")
_OTHER = PARCEL.alias("other")
#: Parts of joint requests of which nothing is left to send.
DELETE_DISCARDED = sa.delete(PARCEL).where(
    PARCEL.c.state == "discarded",
    PARCEL.c.joint != "",
    ~sa.exists().where(_OTHER.c.joint == PARCEL.c.joint, _OTHER.c.joint != "", _OTHER.c.state != "discarded"),
)
RESERVE_AGAIN = sa.update(PARCEL).where(OF_EXCHANGE, PARCEL.c.state != "accepted")


@dataclass(frozen=True, slots=True)
class Resent:
    """What is sent again: exchanges and rows. `ambiguous_rows` were left: only a person can tell where they are."""

    exchanges: int
    rows: int
    ambiguous_rows: int


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
    as_reserved = {"state": "reserved", "note": "", "code": "", "key": entry.exchange_id}
    if not arrived and entry.outcome == "due":  # a person who does not want to wait for the schedule
        ledger.execute(RETRY_FAILED, {**as_reserved, "joint": ""})
        rows = entry.rows["due"] + entry.rows["failed"]
        ledger.update(entry, due_at_us=now_us, failures=0, rows_due=rows, rows_failed=0)
        ledger.commit()
        return rows
    rows = entry.rows["ambiguous"] + (0 if arrived else entry.rows["failed"])
    if entry.outcome == "given_up" or not rows or not entry.whole:
        what = "ambiguous" if arrived else "ambiguous, failed or due"
        raise BadInput(f"exchange {entry.exchange_id} has no {what} request; see `milepost outbox ls`")
    if arrived:
        ledger.execute(DELETE_AMBIGUOUS, {"key": entry.exchange_id})
        ledger.execute(DELETE_DISCARDED, {})
    else:
        ledger.execute(RETRY_FAILED, {**as_reserved, "joint": ""})
        ledger.execute(RESERVE_AGAIN, as_reserved)
    values: dict[str, object] = {"rows_ambiguous": 0, "failures": 0}
    if arrived:
        left = next((name for name in ("failed", "due", "refused") if entry.rows[name]), "done")
        # the word counts as an attempt: its event has the number of one
        values |= {"rows_delivered": entry.rows["delivered"] + rows, "outcome": left, "attempt": entry.attempt}
        values["due_at_us"] = (entry.due_at_us or now_us) if left == "due" else None
    else:
        values |= {"rows_failed": 0, "rows_due": entry.rows["due"] + rows, "outcome": "due", "due_at_us": now_us}
    ledger.update(entry, **values)
    ledger.commit()
    Outbox(ledger, entry).remove_unused_files()
    return rows


def resend_all(ledger: Ledger, partners: Sequence[str], now_us: int) -> Resent:
    """Send all failed and due requests of partners again, release these partners, and commit.

    Ambiguous requests stay: the partner may have them. It takes no lease, see `release_partner`.

    Raises TryLater, LedgerDamaged.
    """
    c = EXCHANGE.c
    with ledger.reporting_errors():
        ledger.begin()
        rows = _make_due(ledger, partners, c.outcome.in_(("due", "failed")), now_us, refused=True)
        ambiguous = sa.select(sa.func.coalesce(sa.func.sum(c.rows_ambiguous), 0)).where(c.partner.in_(partners))
        left = int(ledger.connection.execute(ambiguous).scalar_one())
        for partner in partners:
            delete_breakers(ledger, partner)
        ledger.commit()
    return Resent(len(rows), sum(rows), left)


def release_partner(ledger: Ledger, partner: str, now_us: int) -> Resent:
    """Close the circuit breakers of a partner, lift its pause, and make due now what waited for that; commit.

    That includes the exchanges which failed because the partner turned them away. Requests that were refused for good
    stay as they are.

    It takes no lease, so that it need not wait for a partner that hangs. One transaction changes everything, and an
    attempt that is under way neither sends anything twice nor loses it: it works on the requests as it found them, and
    writes its own account when it ends. What it leaves due is due at its own time then, and what it found refused is
    failed in its account; give the command again for these.

    Raises TryLater, LedgerDamaged.
    """
    turned_away = sa.select(PARCEL.c.exchange_id).where(PARCEL.c.code != "", PARCEL.c.state.in_(("reserved", "keyed")))
    waited = sa.or_(
        EXCHANGE.c.outcome == "due", sa.and_(EXCHANGE.c.outcome == "failed", EXCHANGE.c.id.in_(turned_away))
    )
    with ledger.reporting_errors():
        ledger.begin()
        rows = _make_due(ledger, [partner], waited, now_us, refused=False)
        delete_breakers(ledger, partner)
        ledger.commit()
    return Resent(len(rows), sum(rows), 0)


def _make_due(
    ledger: Ledger, partners: Sequence[str], waited: sa.ColumnElement[bool], now_us: int, *, refused: bool
) -> list[int]:
    """Make exchanges due now, and return the due rows of each; with `refused`, also requests refused for good."""
    c = EXCHANGE.c
    of_partners = sa.and_(waited, c.partner.in_(partners))
    # the ledger holds all rows of these; of a file that was not read to its end, the next run reads it again
    held = sa.and_(of_partners, c.whole == 1, c.rows_due + c.rows_failed > 0)
    in_outbox = PARCEL.c.exchange_id.in_(sa.select(c.id).where(held))
    if refused:
        again = sa.update(PARCEL).where(in_outbox, PARCEL.c.state == "failed")
        ledger.connection.execute(again.values(state="reserved", note="", code="", joint=""))
    clean = sa.update(PARCEL).where(in_outbox, PARCEL.c.state.in_(("reserved", "keyed")), PARCEL.c.code != "")
    refused_rows = (
        sa.select(sa.func.coalesce(sa.func.sum(PARCEL.c.rows), 0))
        .where(PARCEL.c.exchange_id == c.id, PARCEL.c.state == "failed")
        .scalar_subquery()
    )
    values = {
        "rows_due": c.rows_due + c.rows_failed - refused_rows, "rows_failed": refused_rows, "outcome": "due",
        "due_at_us": now_us, "failures": 0,
    }  # fmt: skip
    rows = list(
        ledger.connection.execute(sa.update(EXCHANGE).where(held).values(values).returning(c.rows_due)).scalars()
    )
    ledger.connection.execute(clean.values(note="", code=""))
    waiting = sa.update(EXCHANGE).where(of_partners, c.outcome == "due", c.whole == 0)
    ledger.connection.execute(waiting.values(due_at_us=now_us, failures=0))
    return rows


def give_up(ledger: Ledger, entry: ExchangeRecord, why: str) -> int:
    """End an exchange as a person decided, and commit: its undelivered rows count as failed and are never sent.

    Returns:
        The number of rows given up.

    Raises:
        BadInput: the exchange has ended already, or the partner has its rows.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    if entry.outcome not in {"open", "due", "failed", "ambiguous"}:
        raise BadInput(f"exchange {entry.exchange_id} is {entry.outcome}: there is nothing to give up")
    if any(request.state == "accepted" for request in Outbox(ledger, entry).states()):
        resend = (
            f"`milepost outbox resend {entry.exchange_id}` and " if entry.outcome in {"failed", "ambiguous"} else ""
        )
        raise BadInput(
            f"exchange {entry.exchange_id}: the partner has taken its rows, in one request with those of other files; "
            f"{resend}`milepost run` records that"
        )
    ledger.execute(DELETE_ALL, {"key": entry.exchange_id})
    ledger.execute(DISCARD_PARTS, {"state": "discarded", "key": entry.exchange_id})
    ledger.execute(DELETE_DISCARDED, {})
    rows = sum(entry.rows[name] for name in ("due", "failed", "ambiguous"))
    values = {"rows_due": 0, "rows_ambiguous": 0, "rows_failed": rows, "due_at_us": None, "whole": 1}
    values["attempt"] = entry.attempt
    ledger.update(entry, outcome="given_up", reason=f"given up: {why}", **values)
    ledger.commit()
    Outbox(ledger, entry).remove_unused_files()
    return rows
