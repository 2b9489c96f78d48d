"""Queries for people: totals, unfinished exchanges, rows in quarantine, unconfirmed requests, circuit breakers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from poc.ledger.exchange_record import COUNT_COLUMNS
from poc.ledger.schema import ASIDE, BREAKER, EXCHANGE, PARCEL

if TYPE_CHECKING:
    from poc.ledger.ledger import Ledger


def exchange_totals(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the number of exchanges and rows per partner, feed and outcome."""
    c = EXCHANGE.c
    place = (c.partner, c.feed, c.outcome)
    rows = [sa.func.sum(c[name]).label(name.removeprefix("rows_")) for name in COUNT_COLUMNS]
    query = sa.select(*place, sa.func.count().label("exchanges"), *rows).group_by(*place).order_by(*place)
    return _read(ledger, query)


def unfinished_exchanges(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the exchanges that are not done, newest first, each with its reason."""
    names = ("id", "partner", "feed", "file", "attempt", "outcome", "reason", "opened_at_us", "due_at_us")
    query = sa.select(*(EXCHANGE.c[name] for name in names)).where(EXCHANGE.c.outcome != "done")
    return _read(ledger, query.order_by(EXCHANGE.c.opened_at_us.desc(), EXCHANGE.c.file))


def quarantined_exchanges(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the exchanges with held rows in quarantine and the count of these rows, newest first."""
    c = EXCHANGE.c
    query = (
        sa.select(c.id, c.partner, c.feed, c.file, sa.func.count().label("rows"), c.opened_at_us)
        .join(ASIDE, ASIDE.c.exchange_id == c.id)
        .where(ASIDE.c.state == "held")
        .group_by(c.id)
        .order_by(c.opened_at_us.desc(), c.id)
    )
    return _read(ledger, query)


def unconfirmed_requests(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the requests that are reserved and not confirmed, exchange by exchange."""
    c, p = EXCHANGE.c, PARCEL.c
    query = (
        sa.select(
            c.id, c.partner, c.feed, c.file, c.outcome, c.due_at_us, c.reason, p.name, p.rows, p.state, p.code, p.note
        )
        .join(PARCEL, p.exchange_id == c.id)
        .where(p.state != "discarded")
        .order_by(c.opened_at_us, c.id, sa.literal_column("parcel.rowid"))
    )
    return _read(ledger, query)


def circuit_breakers(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the circuit breakers in the ledger: those of partners whose last delivery failed."""
    return _read(ledger, sa.select(BREAKER).order_by(BREAKER.c.partner))


def _read(ledger: Ledger, query: sa.Select[Any]) -> list[dict[str, Any]]:
    with ledger.reporting_errors():
        rows = [dict(row) for row in ledger.connection.execute(query).mappings()]
        ledger.connection.rollback()  # ends the read transaction, so that no writer waits for it
    return rows
