"""Find exchanges in the ledger: those to resume, and one by the beginning of its id."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import sqlalchemy as sa

from poc.errors import BadInput
from poc.ledger.due import due_now
from poc.ledger.exchange_record import ExchangeRecord
from poc.ledger.schema import DECISION, EXCHANGE
from poc.ledger.sqlite.connection import translate_database_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from poc.ledger.ledger import Ledger
    from poc.ledger_address import LedgerAddress, PostgresAddress

#: Characters of an id that are shown, and the most ids that an error lists.
SHORT_ID = 12
MAX_LISTED_IDS = 5


#: Seconds to wait for another program that has the ledger locked.
LOCK_TIMEOUT_S = 3.0

#: Outcomes of an exchange that has ended for good, and whose file a person may have delivered again.
SETTLED = ("done", "given_up")

SELECT_NEXT = sa.select(DECISION.c.next_exchange_id).where(
    DECISION.c.exchange_id == sa.bindparam("key"), DECISION.c.action == "redeliver"
)


def find_exchange(ledger: Ledger, partner: str, feed: str, file: str, digest: str) -> ExchangeRecord:
    """Return the entry of a file: that of its last redelivery, if there was one; a new one for a new file.

    Raises TryLater, LedgerDamaged.
    """
    entry = ledger.find(partner, feed, file, digest)
    while entry.outcome in SETTLED and (key := next_exchange_id(ledger, entry.exchange_id)):
        entry = ledger.get(key) or ExchangeRecord(key, partner, feed, file, digest)
    return entry


def next_exchange_id(ledger: Ledger, exchange_id: str) -> str:
    """Return the id of the exchange that delivers the file of another one again; empty where there is none."""
    rows = ledger.execute(SELECT_NEXT, {"key": exchange_id})
    return str(rows[0][0]) if rows else ""


def resumable_attempts(
    ledger: Ledger,
    now_us: int,
    *,
    failed: bool,
    feed: tuple[str, str] | None = None,
    longest_us: Mapping[str, int] | None = None,
) -> list[tuple[str, str, str, int]]:
    """Return partner, feed, id and number of the next attempt of the exchanges to resume.

    The interrupted ones come first, then those that are due, oldest first. `failed`: include those that failed, for a
    service that does not retry by itself. `feed`: partner and feed to which they belong; of all feeds without it.
    `longest_us`: the longest wait of each partner with settings of its own.
    """
    c = EXCHANGE.c
    always = ["open", "failed"] if failed else ["open"]
    query = sa.select(c.partner, c.feed, c.id, c.attempt + 1).where(
        sa.literal_column("outcome != 'done'"),  # exactly the condition of the index, so that SQLite uses it
        c.whole == 1,
        sa.or_(c.outcome.in_(always), due_now(now_us, longest_us or {})),
    )
    if feed is not None:
        query = query.where(c.partner == feed[0], c.feed == feed[1])
    with ledger.reporting_errors():
        rows = ledger.connection.execute(query.order_by(c.outcome.desc(), c.due_at_us, c.opened_at_us)).all()
        ledger.connection.rollback()
    return [tuple(row) for row in rows]


def resumable_exchanges(
    ledger: Ledger,
    now_us: int,
    *,
    failed: bool,
    feed: tuple[str, str] | None = None,
    longest_us: Mapping[str, int] | None = None,
) -> list[ExchangeRecord]:
    """Return the records of the exchanges to resume, in the order and with the arguments of `resumable_attempts`."""
    attempts = resumable_attempts(ledger, now_us, failed=failed, feed=feed, longest_us=longest_us)
    return [entry for _, _, key, _ in attempts if (entry := ledger.get(key)) is not None]


def find_by_prefix(ledger: Ledger, start: str) -> ExchangeRecord:
    """Return the exchange whose id begins with a text, or else whose file has that name.

    Raises BadInput where there is none, or more than one.
    """
    c = EXCHANGE.c
    with ledger.reporting_errors():
        keys = _first_ids(ledger, c.id.startswith(start, autoescape=True)) if start else []
        keys = keys or _first_ids(ledger, c.file == start)
    if not keys:
        raise BadInput(f"{start!r} begins the id of no exchange, and no file has this name; see `milepost status`")
    if len(keys) > 1:
        ids = ", ".join(key[:SHORT_ID] for key in keys[:MAX_LISTED_IDS])
        more = ", ..." if len(keys) > MAX_LISTED_IDS else ""
        raise BadInput(f"{start!r} is more than one exchange: {ids}{more}; give more of the id of one")
    entry = ledger.get(keys[0])
    assert entry is not None  # noqa: S101 (selected above; tells the type checker)
    return entry


def _first_ids(ledger: Ledger, condition: sa.ColumnElement[bool]) -> list[str]:
    """Return the ids of the newest exchanges that meet a condition, one more than are listed."""
    query = sa.select(EXCHANGE.c.id).where(condition).order_by(EXCHANGE.c.opened_at_us.desc())
    return list(ledger.connection.execute(query.limit(MAX_LISTED_IDS + 1)).scalars())


class ReceivedBefore(NamedTuple):
    """An exchange of the same bytes in the same feed."""

    exchange_id: str
    file: str
    outcome: str
    reason: str
    opened_at_us: int


#: With the columns that a ledger of every release has.
SELECT_RECEIVED = """
SELECT id, file, outcome, reason, opened_at_us FROM exchange
WHERE sha256 = ? AND partner = ? AND feed = ? ORDER BY opened_at_us DESC LIMIT 1
"""


def received_before(address: LedgerAddress, partner: str, feed: str, sha256: str) -> ReceivedBefore | None:
    """Return the newest exchange of a file by its digest; None before there is a ledger.

    The ledger is only read: it is neither created nor upgraded, and no file beside it is.

    Raises TryLater, LedgerDamaged.
    """
    if not isinstance(address, Path):
        return _received_before(address, partner, feed, sha256)
    path = address
    if not path.is_file() or not path.stat().st_size:
        return None
    # without a write-ahead log no program has the ledger open; reading it must not create one
    immutable = "" if Path(f"{path}-wal").exists() else "&immutable=1"
    location = f"file:{quote(str(path))}?mode=ro{immutable}"
    with translate_database_errors(str(path)), closing(sqlite3.connect(location, uri=True)) as connection:
        row = connection.execute(SELECT_RECEIVED, (sha256, partner, feed)).fetchone()
    return None if row is None else ReceivedBefore(*row)


def _received_before(address: PostgresAddress, partner: str, feed: str, sha256: str) -> ReceivedBefore | None:
    """Return the newest exchange of a file by its digest, from a ledger in PostgreSQL."""
    from poc.ledger.postgres.opening import open_postgres_read_only

    ledger = open_postgres_read_only(address, LOCK_TIMEOUT_S)
    if ledger is None:
        return None
    c = EXCHANGE.c
    query = sa.select(c.id, c.file, c.outcome, c.reason, c.opened_at_us).where(
        c.sha256 == sha256, c.partner == partner, c.feed == feed
    )
    with closing(ledger), ledger.reporting_errors():
        row = ledger.connection.execute(query.order_by(c.opened_at_us.desc()).limit(1)).first()
    return None if row is None else ReceivedBefore(*row)
