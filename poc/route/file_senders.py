"""Which side each file of a feed was given to, in the ledger: by its bytes, and the state of the monolith's command.

A file is given to one side before either begins, and stays with it. The service's own account of a file is its
exchange; here is only that it has the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import sqlalchemy as sa

from poc.ledger.schema import EXCHANGE
from poc.ledger.tables.route import FILE_SENDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from poc.ledger.ledger import Ledger
    from poc.route.stages import Side

#: `given`: the side has not begun, or it is the service. Of the monolith's command: `begun` (it runs, or ran when its
#: process died), `done`, `failed` (it ended with an error, and runs again), `ambiguous` (it was killed, and a person
#: decides), `given_up` (a person decided that it does not run again).
SenderState: TypeAlias = Literal["given", "begun", "done", "failed", "ambiguous", "given_up"]

#: Outcomes of an exchange after which the service has nothing more to do with a file of that name.
SETTLED_OUTCOMES = ("done", "refused", "given_up")

_C = FILE_SENDER.c
_OF_FEED = sa.and_(_C.partner == sa.bindparam("of_partner"), _C.feed == sa.bindparam("of_feed"))
_OF_FILE = sa.and_(_OF_FEED, _C.sha256 == sa.bindparam("of_sha256"))
SELECT_SENDER = sa.select(FILE_SENDER).where(_OF_FILE)
#: Exactly the condition of the index, so that SQLite uses it.
_UNSETTLED = sa.and_(sa.literal_column("side = 'monolith' AND state != 'done'"), _C.state != "given_up")
SELECT_OPEN_OF_NAME = sa.select(_C.side).where(_OF_FEED, _C.file == sa.bindparam("of_file"), _UNSETTLED)
SELECT_OPEN_EXCHANGE_OF_NAME = sa.select(EXCHANGE.c.id).where(
    sa.literal_column("outcome != 'done'"),  # exactly the condition of the index, so that SQLite uses it
    sa.and_(*(EXCHANGE.c.outcome != outcome for outcome in SETTLED_OUTCOMES)),
    EXCHANGE.c.partner == sa.bindparam("of_partner"),
    EXCHANGE.c.feed == sa.bindparam("of_feed"),
    EXCHANGE.c.file == sa.bindparam("of_file"),
)
SELECT_UNSETTLED = sa.select(FILE_SENDER).where(_UNSETTLED).order_by(_C.given_at_us)
SELECT_TO_SHADOW = sa.select(FILE_SENDER).where(_C.shadow == "waits", _OF_FEED).order_by(_C.ended_at_us)
SELECT_UNCOMPARED = (
    sa.select(FILE_SENDER)
    .where(_C.shadow == "failed", _OF_FEED, _C.side == "monolith", _C.given_at_us >= sa.bindparam("since_us"))
    .order_by(_C.ended_at_us.desc())
    .limit(1)
)
#: Files that both sides are done with; of the service's, whose exchange is no longer in the ledger.
DELETE_OLD = sa.delete(FILE_SENDER).where(
    _C.given_at_us < sa.bindparam("before_us"),
    _C.shadow != "waits",
    sa.or_(
        sa.and_(_C.side == "monolith", sa.or_(_C.state == "done", _C.state == "given_up")),
        sa.and_(_C.side == "service", ~sa.exists().where(EXCHANGE.c.id == _C.exchange_id)),
    ),
)
INSERT_SENDER = sa.insert(FILE_SENDER)
UPDATE_SENDER = sa.update(FILE_SENDER).where(_OF_FILE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSender:
    """The side that has a file for real, and what its command did where that is the monolith."""

    partner: str
    feed: str
    sha256: str
    file: str
    size_bytes: int
    side: Side
    exchange_id: str  #: that the service has for it, or would have
    state: SenderState = "given"
    change_id: int = 0  #: the change of the route under which it was given; 0: the route had never changed
    given_at_us: int = 0
    attempt: int = 0  #: how often the command was begun
    begun_at_us: int | None = None
    ended_at_us: int | None = None
    exit_code: int | None = None
    process: str = ""  #: that ran the command
    note: str = ""
    shadow: str = ""  #: of the service's exchange without sending: empty, waits, done, failed
    shadow_note: str = ""


def find_sender(ledger: Ledger, partner: str, feed: str, sha256: str) -> FileSender | None:
    """Return the side that has a file, by its bytes; None for a new file. Raises TryLater, LedgerDamaged."""
    rows = ledger.execute(SELECT_SENDER, {"of_partner": partner, "of_feed": feed, "of_sha256": sha256})
    return _sender_of(rows[0]) if rows else None


def side_of_open_name(ledger: Ledger, partner: str, feed: str, file: str) -> Side | None:
    """Return the side that is not done with a file of that name; None where neither has one.

    Raises TryLater, LedgerDamaged.
    """
    values = {"of_partner": partner, "of_feed": feed, "of_file": file}
    if ledger.execute(SELECT_OPEN_OF_NAME, values):
        return "monolith"
    return "service" if ledger.execute(SELECT_OPEN_EXCHANGE_OF_NAME, values) else None


def unsettled_files(ledger: Ledger, partner: str = "", feed: str = "") -> list[FileSender]:
    """Return the files that the monolith has and is not done with, of one feed or of all, oldest first.

    Raises TryLater, LedgerDamaged.
    """
    senders = map(_sender_of, ledger.execute(SELECT_UNSETTLED, {}))
    return [sender for sender in senders if not partner or (sender.partner, sender.feed) == (partner, feed)]


def files_to_shadow(ledger: Ledger, partner: str, feed: str) -> list[FileSender]:
    """Return the files that wait for the service's exchange without sending, oldest first.

    Raises TryLater, LedgerDamaged.
    """
    return [_sender_of(row) for row in ledger.execute(SELECT_TO_SHADOW, {"of_partner": partner, "of_feed": feed})]


def newest_uncompared(ledger: Ledger, partner: str, feed: str, since_us: int) -> FileSender | None:
    """Return the newest file, given since a time, whose shadow or comparison failed; None without any.

    Raises TryLater, LedgerDamaged.
    """
    rows = ledger.execute(SELECT_UNCOMPARED, {"of_partner": partner, "of_feed": feed, "since_us": since_us})
    return _sender_of(rows[0]) if rows else None


def add_sender(ledger: Ledger, sender: FileSender) -> None:
    """Record the side that a file is given to; the caller commits. Raises TryLater, LedgerDamaged."""
    names = [column.name for column in FILE_SENDER.columns]
    ledger.execute(INSERT_SENDER, {name: getattr(sender, name) for name in names})


def update_sender(ledger: Ledger, sender: FileSender, **values: object) -> None:
    """Update columns of a file's row; the caller commits. Raises TryLater, LedgerDamaged."""
    key = {"of_partner": sender.partner, "of_feed": sender.feed, "of_sha256": sender.sha256}
    ledger.execute(UPDATE_SENDER, {**values, **key})


def delete_old_senders(ledger: Ledger, before_us: int) -> None:
    """Delete the sides of files that were given before a time and are done; the caller commits.

    The same bytes are a new file then. Raises TryLater, LedgerDamaged.
    """
    ledger.execute(DELETE_OLD, {"before_us": before_us})


def _sender_of(row: Sequence[Any]) -> FileSender:
    values = dict(zip((column.name for column in FILE_SENDER.columns), row, strict=True))
    return FileSender(**values)
