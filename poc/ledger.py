"""The ledger: which files came in, and how each exchange ended.

SQLite in WAL mode through SQLAlchemy Core. A file is known by its sha256, whatever its name. An entry is opened and
closed in transactions of their own, so that a run that dies leaves an open entry, which its next attempt takes up.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from metrics.events import OUTCOMES
from poc.errors import LedgerDamaged, TryLater

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from poc.batch import Account

#: Kept in SQLite's `user_version`; a ledger with a higher one is from a newer release.
VERSION = 1

#: Seconds to wait for another program's write before it is for later.
WAIT_S = 10.0

METADATA = sa.MetaData()

EXCHANGE = sa.Table(
    "exchange",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("partner", sa.Text, nullable=False),
    sa.Column("feed", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),  # open, done, refused, failed
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("opened_at_us", sa.Integer, nullable=False),
    sa.Column("closed_at_us", sa.Integer),
    *(sa.Column(f"rows_{name}", sa.Integer, nullable=False, server_default="0") for name in ("in", *OUTCOMES)),
    sa.UniqueConstraint("partner", "feed", "sha256"),
    sqlite_with_rowid=False,
)

FIND = sa.select(EXCHANGE.c.attempt, EXCHANGE.c.outcome, EXCHANGE.c.file).where(EXCHANGE.c.id == sa.bindparam("key"))
OPEN = sa.insert(EXCHANGE)
REOPEN = (
    sa.update(EXCHANGE)
    .where(EXCHANGE.c.id == sa.bindparam("key"))
    .values(
        attempt=sa.bindparam("n"),
        outcome="open",
        file=sa.bindparam("name"),
        reason="",
        closed_at_us=None,
        **{f"rows_{name}": 0 for name in ("in", *OUTCOMES)},  # they enter the account of the new attempt
    )
)
CLOSE = sa.update(EXCHANGE).where(EXCHANGE.c.id == sa.bindparam("key"))


@dataclass(frozen=True, slots=True)
class Entry:
    """An exchange in the ledger. `received_before` is the file name under which its file was already exchanged."""

    exchange_id: str
    attempt: int
    received_before: str | None = None


class Ledger:
    """One ledger database, open for one process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._connection = engine.connect()
        self._engine = engine

    def open(self, partner: str, feed: str, file: str, digest: str, size_bytes: int, now_us: int) -> Entry:
        """Enter a file, or take up the entry it has.

        A file whose exchange was done before is not entered again: the entry then names the file it came as.

        Raises:
            TryLater: the ledger is locked by another program.
            LedgerDamaged: it cannot be read or written.
        """
        exchange_id = sha256(f"{partner}/{feed}/{digest}".encode()).hexdigest()[:24]
        with self._asking(), self._connection.begin():
            found = self._connection.execute(FIND, {"key": exchange_id}).one_or_none()
            if found is not None and found.outcome == "done":
                return Entry(exchange_id, found.attempt, found.file)
            if found is not None:
                again = {"key": exchange_id, "n": found.attempt + 1, "name": file}
                self._connection.execute(REOPEN, again)
                return Entry(exchange_id, found.attempt + 1)
            first = {
                "id": exchange_id, "partner": partner, "feed": feed, "sha256": digest, "file": file,
                "size_bytes": size_bytes, "attempt": 1, "outcome": "open", "opened_at_us": now_us,
            }  # fmt: skip
            self._connection.execute(OPEN, first)
            return Entry(exchange_id, 1)

    def close_entry(self, entry: Entry, outcome: str, reason: str, account: Account, now_us: int) -> None:
        """Write how the attempt ended. Raises TryLater, LedgerDamaged."""
        rows = {f"rows_{name}": count for name, count in account.as_dict().items()}
        values = {"outcome": outcome, "reason": reason, "closed_at_us": now_us, **rows}
        with self._asking(), self._connection.begin():
            self._connection.execute(CLOSE, {"key": entry.exchange_id, **values})

    def summary(self) -> list[dict[str, Any]]:
        """Exchanges and rows per partner, feed and outcome."""
        rows = [sa.func.sum(EXCHANGE.c[f"rows_{name}"]).label(name) for name in ("in", *OUTCOMES)]
        place = (EXCHANGE.c.partner, EXCHANGE.c.feed, EXCHANGE.c.outcome)
        query = sa.select(*place, sa.func.count().label("exchanges"), *rows).group_by(*place).order_by(*place)
        with self._asking(), self._connection.begin():
            return [dict(row) for row in self._connection.execute(query).mappings()]

    def troubles(self) -> list[dict[str, Any]]:
        """Exchanges that are not done, newest first, with the reason each has."""
        names = ("partner", "feed", "file", "attempt", "outcome", "reason", "opened_at_us")
        query = sa.select(*(EXCHANGE.c[name] for name in names)).where(EXCHANGE.c.outcome != "done")
        with self._asking(), self._connection.begin():
            found = self._connection.execute(query.order_by(EXCHANGE.c.opened_at_us.desc(), EXCHANGE.c.file))
            return [dict(row) for row in found.mappings()]

    def _asking(self) -> AbstractContextManager[None]:
        return naming(str(self._engine.url.database))

    def close(self) -> None:
        """Give the database back."""
        self._connection.close()
        self._engine.dispose()


def open_ledger(path: Path) -> Ledger:
    """Open the ledger at `path`, made as needed.

    Raises:
        LedgerDamaged: not a ledger, or from a newer release; nothing was changed.
        TryLater: another program holds it locked.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerDamaged(f"{path}: cannot be made: {error.strerror}") from error
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": WAIT_S})
    sa.event.listen(engine, "connect", _every_commit_on_disk)
    try:
        with naming(str(path)), engine.begin() as connection:
            if _is_new(connection, path):
                METADATA.create_all(connection)
                connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
        with naming(str(path)), engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    except (LedgerDamaged, TryLater):
        engine.dispose()
        raise
    return Ledger(engine)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Name the ledger in what goes wrong with it. Raises TryLater where it is locked, LedgerDamaged otherwise."""
    try:
        yield
    except sa.exc.DatabaseError as error:
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise TryLater(f"{path}: {error.orig}; try again later") from error
        raise LedgerDamaged(f"{path}: {error.orig}; move it away or restore a copy, nothing was changed") from error


def _is_new(connection: sa.Connection, path: Path) -> bool:
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version > VERSION:
        raise LedgerDamaged(f"{path}: version {version}, made by a newer release (this one knows {VERSION})")
    tables = sa.inspect(connection).get_table_names()
    if tables and EXCHANGE.name not in tables:
        raise LedgerDamaged(f"{path}: another program's database (it has {', '.join(tables[:3])}); move it away")
    return not tables


def _every_commit_on_disk(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA synchronous = FULL")
