"""Queries for people: totals, unfinished exchanges, rows in quarantine, unconfirmed requests, circuit breakers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from poc.ledger.exchange_record import COUNT_COLUMNS
from poc.ledger.schema import ASIDE, BREAKER, DECISION, EXCHANGE, PARCEL
from poc.ledger.tables.route import FILE_SENDER
from poc.text import format_utc

if TYPE_CHECKING:
    from poc.ledger.ledger import Ledger


def exchange_totals(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the number of exchanges and rows per partner, feed and outcome; `repeated` are of the delivered rows."""
    c = EXCHANGE.c
    place = (c.partner, c.feed, c.outcome)
    rows = [sa.func.sum(c[name]).label(name.removeprefix("rows_")) for name in (*COUNT_COLUMNS, "rows_repeated")]
    query = sa.select(*place, sa.func.count().label("exchanges"), *rows).group_by(*place).order_by(*place)
    return _read(ledger, query)


def monolith_totals(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the number of files that a monolith has for real, per partner, feed and state of its command."""
    c = FILE_SENDER.c
    place = (c.partner, c.feed, c.state)
    query = sa.select(*place, sa.func.count().label("files")).where(c.side == "monolith")
    return _read(ledger, query.group_by(*place).order_by(*place))


def unfinished_counts(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the number of exchanges that are not done per partner, feed and outcome, without reading the history."""
    c = EXCHANGE.c
    place = (c.partner, c.feed, c.outcome)
    query = sa.select(*place, sa.func.count().label("exchanges")).where(sa.literal_column("outcome != 'done'"))
    return _read(ledger, query.group_by(*place).order_by(*place))


def files_read_again(ledger: Ledger) -> set[tuple[str, str, str]]:
    """Return partner, feed and name of the files that stay in the inbox, as their exchange needs them once more."""
    c = EXCHANGE.c
    query = sa.select(c.partner, c.feed, c.file).where(
        sa.literal_column("outcome != 'done'"), c.outcome.in_(("open", "due", "failed")), c.whole == 0
    )
    return {(row["partner"], row["feed"], row["file"]) for row in _read(ledger, query)}


def unfinished_exchanges(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the exchanges that are not done, newest first, each with its reason.

    What waits for nobody is left out: exchanges that a person gave up, and refused files that a mended one has replaced
    or a person has discarded.
    """
    names = (
        "id",
        "partner",
        "feed",
        "file",
        "attempt",
        "outcome",
        "reason",
        "opened_at_us",
        "closed_at_us",
        "due_at_us",
        "failures",
    )
    # the first is exactly the condition of the index, so that SQLite uses it
    unfinished: list[sa.ColumnElement[bool]] = [
        sa.literal_column("outcome != 'done'"),
        EXCHANGE.c.outcome != "given_up",
    ]
    query = sa.select(*(EXCHANGE.c[name] for name in names)).where(*unfinished)
    rows = _read(ledger, query.order_by(EXCHANGE.c.opened_at_us.desc(), EXCHANGE.c.file))
    _add_redelivery_notes(ledger, rows)
    if not any(row["outcome"] == "refused" for row in rows):
        return rows
    is_open = {row["id"] for row in refused_files(ledger) if row["state"] == "open"}
    return [row for row in rows if row["outcome"] != "refused" or row["id"] in is_open]


def refused_files(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the refused files, newest first, each with its reason and `state`.

    `state` is `discarded` where a person gave the file up (`who`, `why`, `decided_at_us`), `superseded` where a later
    file of the same feed and name was accepted (`superseded_by`: its exchange), and `open` for all others, which need a
    person.
    """
    c = EXCHANGE.c
    names = ("id", "partner", "feed", "file", "sha256", "size_bytes", "attempt", "reason", "opened_at_us")
    # the first is exactly the condition of the index, so that SQLite uses it
    is_refused: list[sa.ColumnElement[bool]] = [sa.literal_column("exchange.outcome != 'done'"), c.outcome == "refused"]
    columns = [*(c[name] for name in names), c.closed_at_us, c.rows_refused.label("rows")]
    rows = _read(ledger, sa.select(*columns).where(*is_refused).order_by(c.opened_at_us.desc(), c.file))
    if not rows:
        return rows
    of_decision = (DECISION.c.exchange_id, DECISION.c.who, DECISION.c.why, DECISION.c.at_us)
    decided = {
        row["exchange_id"]: row
        for row in _read(ledger, sa.select(*of_decision).where(DECISION.c.action == "discard_refused"))
    }
    accepted = _accepted_by_name(ledger, sa.select(c.file).where(*is_refused))
    for row in rows:
        decision = decided.get(row["id"], {})
        later = accepted.get((row["partner"], row["feed"], row["file"]), ())
        by = next((key for closed_at_us, key in later if closed_at_us >= row["closed_at_us"]), "")
        row["state"] = "discarded" if decision else "superseded" if by else "open"
        row["superseded_by"] = by
        row["who"], row["why"] = decision.get("who", ""), decision.get("why", "")
        row["decided_at_us"] = decision.get("at_us")
    return _add_redelivery_notes(ledger, rows)


def _accepted_by_name(
    ledger: Ledger, names: sa.Select[tuple[str]]
) -> dict[tuple[str, str, str], list[tuple[int, str]]]:
    """Return when exchanges of some file names were accepted, and their ids, by partner, feed and name; oldest first.

    It reads the history once, however many names there are: a join would read it once for each.
    """
    c = EXCHANGE.alias("later").c
    query = sa.select(c.partner, c.feed, c.file, c.closed_at_us, c.id).where(
        c.outcome.not_in(("refused", "open")), c.closed_at_us.is_not(None), c.file.in_(names)
    )
    accepted: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    for row in _read(ledger, query.order_by(c.closed_at_us, c.id)):
        accepted.setdefault((row["partner"], row["feed"], row["file"]), []).append((row["closed_at_us"], row["id"]))
    return accepted


def redeliveries(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the exchanges that a person had delivered again, newest first: which, as which, when, by whom and why."""
    c, d = EXCHANGE.c, DECISION.c
    query = (
        sa.select(c.id, d.next_exchange_id.label("again_as"), c.partner, c.feed, c.file, d.at_us, d.who, d.why)
        .join(DECISION, d.exchange_id == c.id)
        .where(d.action == "redeliver")
        .order_by(d.id.desc())
    )
    return _read(ledger, query)


def redelivery_notes(ledger: Ledger) -> dict[str, str]:
    """Return, by the id of an exchange, what is said of it: that it was delivered again, or delivers another again."""
    notes: dict[str, list[str]] = {}
    for row in reversed(redeliveries(ledger)):
        when = f"on {format_utc(row['at_us'])} because: {row['why']} ({row['who']})"
        notes.setdefault(row["again_as"], []).append(f"Delivers {row['id'][:12]} again, {when}.")
        notes.setdefault(row["id"], []).append(f"Delivered again as {row['again_as'][:12]} {when}.")
    return {key: " ".join(texts) for key, texts in notes.items()}


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
    return _add_redelivery_notes(ledger, _read(ledger, query))


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
    return _add_redelivery_notes(ledger, _read(ledger, query))


def circuit_breakers(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the circuit breakers in the ledger: those of partners whose last delivery failed."""
    return _read(ledger, sa.select(BREAKER).order_by(BREAKER.c.partner))


def _add_redelivery_notes(ledger: Ledger, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each exchange the note on its redelivery as `redelivery`, empty for most; return them."""
    notes = redelivery_notes(ledger) if rows else {}
    for row in rows:
        row["redelivery"] = notes.get(row["id"], "")
    return rows


def _read(ledger: Ledger, query: sa.Select[Any]) -> list[dict[str, Any]]:
    with ledger.reporting_errors():
        rows = [dict(row) for row in ledger.connection.execute(query).mappings()]
        ledger.connection.rollback()  # ends the read transaction, so that no writer waits for it
    return rows
