"""The ledger: which files came in, how each exchange ended, and what is still to be done.

SQLite in WAL mode. Tables and statements are SQLAlchemy Core; those that every exchange needs are compiled once and
run on the driver's own connection, which takes a tenth of the time. A file is known by its sha256, whatever its name.
An attempt is entered in a transaction that is committed before anything of the file leaves, and again when it
ends; a run that dies between the two leaves an open entry, which the next run takes up.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from metrics.events import OUTCOMES
from poc.errors import BadInput, LedgerDamaged, TryLater
from poc.ledger.schema import EXCHANGE, create_or_upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: Seconds to wait for another program's write before it is for later.
LOCK_TIMEOUT_S = 10.0

#: What of an exchange an attempt needs to know.
RECORD_COLUMNS = (
    "id", "partner", "feed", "sha256", "file", "attempt", "outcome", "whole", "reserved_to", "agreed", "failures",
    "due_at_us", "opened_at_us", "reason",
)  # fmt: skip
COUNT_COLUMNS = tuple(f"rows_{name}" for name in ("in", *OUTCOMES))

#: SQL, the names of its parameters in their order, and the values that the statement itself gives some of them.
CompiledStatement: TypeAlias = "tuple[str, list[str], dict[str, object]]"

#: Pages of 4 KiB that the write-ahead log holds before they are copied into the database.
CHECKPOINT_PAGES = 8_000

#: SQLite's `synchronous`: with a write-ahead log, NORMAL waits for the disk at checkpoints only.
SYNC_FULL, SYNC_NORMAL = "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"

SELECT_EXCHANGE = sa.select(*(EXCHANGE.c[name] for name in (*RECORD_COLUMNS, *COUNT_COLUMNS))).where(
    EXCHANGE.c.id == sa.bindparam("key")
)
INSERT_EXCHANGE = sa.insert(EXCHANGE)
UPDATE_EXCHANGE = sa.update(EXCHANGE).where(EXCHANGE.c.id == sa.bindparam("key"))


@dataclass(frozen=True, slots=True)
class ExchangeRecord:
    """An exchange as the ledger has it before an attempt: `attempt` is the number of the one about to be made.

    `outcome` is how the last attempt ended, empty for a file never seen. `whole`: all its rows stand in the ledger, so
    that the file is not needed any more. `reserved_to` is the last slot that was reserved, -1 for none, and `agreed` a
    digest of the settings under which it was.
    """

    exchange_id: str
    partner: str
    feed: str
    file: str
    sha256: str
    attempt: int = 1
    outcome: str = ""
    whole: bool = False
    reserved_to: int = -1
    settings_digest: str = ""
    failures: int = 0
    due_at_us: int | None = None
    opened_at_us: int = 0
    reason: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)  #: `in` and one count an outcome


class Ledger:
    """One ledger database, open for one process."""

    def __init__(self, engine: sa.Engine, path: Path) -> None:
        self.path = path
        self.connection = engine.connect()
        self._engine = engine
        driver = self.connection.connection.dbapi_connection
        assert driver is not None  # noqa: S101 (open until `close`; tells the type checker)
        self._driver = driver
        self._texts: dict[object, CompiledStatement] = {}

    def execute(self, statement: sa.ClauseElement, *values: Mapping[str, object]) -> list[Any]:
        """Run a statement of this process's own, once for each of `values`; the rows it gives, if any.

        The statement must be the same object each time, and all `values` must have the same keys.

        Raises:
            TryLater, LedgerDamaged.
        """
        text, names, fixed = self._text(statement, values[0])
        rows = [[given[name] if name in given else fixed[name] for name in names] for given in values]
        with self.reporting_errors():
            if len(rows) == 1:
                return self._driver.execute(text, rows[0]).fetchall()  # type: ignore[no-any-return]
            self._driver.executemany(text, rows)
            return []

    def _text(self, statement: sa.ClauseElement, values: Mapping[str, object]) -> CompiledStatement:
        key = (statement, *values)
        if key not in self._texts:
            # the columns of an INSERT or UPDATE are those that values are given for
            made = statement.compile(dialect=self._engine.dialect, column_keys=list(values))
            names: list[str] = made.positiontup or []  # type: ignore[attr-defined] # of every compiled SQL statement
            self._texts[key] = (str(made), names, dict(made.params))
        return self._texts[key]

    def find(self, partner: str, feed: str, file: str, digest: str) -> ExchangeRecord:
        """The entry of a file, known by its bytes. Raises TryLater, LedgerDamaged."""
        key = sha256(f"{partner}/{feed}/{digest}".encode()).hexdigest()[:24]
        return self.get(key) or ExchangeRecord(key, partner, feed, file, digest)

    def get(self, key: str) -> ExchangeRecord | None:
        """The entry of an exchange by its id, if there is one. Raises TryLater, LedgerDamaged."""
        rows_found = self.execute(SELECT_EXCHANGE, {"key": key})
        if not rows_found:
            return None
        found = rows_found[0]
        head, rows = found[: len(RECORD_COLUMNS)], found[len(RECORD_COLUMNS) :]
        known = dict(zip(RECORD_COLUMNS, head, strict=True))
        return ExchangeRecord(
            exchange_id=known["id"],
            partner=known["partner"],
            feed=known["feed"],
            file=known["file"],
            sha256=known["sha256"],
            attempt=known["attempt"] + 1,
            outcome=known["outcome"],
            whole=bool(known["whole"]),
            reserved_to=known["reserved_to"],
            settings_digest=known["agreed"],
            failures=known["failures"],
            due_at_us=known["due_at_us"],
            opened_at_us=known["opened_at_us"],
            reason=known["reason"],
            rows=dict(zip(("in", *OUTCOMES), rows, strict=True)),
        )

    def record_attempt(self, entry: ExchangeRecord, size_bytes: int, now_us: int, **values: object) -> None:
        """Enter the attempt, or bring what is known of it up to date; to be committed by `commit`.

        Raises TryLater, LedgerDamaged.
        """
        if entry.outcome:
            self.update(
                entry, **{"attempt": entry.attempt, "outcome": "open", "reason": "", "file": entry.file, **values}
            )
            return
        first = {
            "id": entry.exchange_id, "partner": entry.partner, "feed": entry.feed, "sha256": entry.sha256,
            "file": entry.file, "size_bytes": size_bytes, "attempt": entry.attempt, "outcome": "open",
            "opened_at_us": now_us, **values,
        }  # fmt: skip
        self.execute(INSERT_EXCHANGE, first)

    def update(self, entry: ExchangeRecord, **values: object) -> None:
        """Change columns of an exchange, to be committed later. Raises TryLater, LedgerDamaged."""
        self.execute(UPDATE_EXCHANGE, {**values, "key": entry.exchange_id})

    def commit(self) -> None:
        """Commit, on disk when it returns. Raises TryLater, LedgerDamaged."""
        with self.reporting_errors():
            self._driver.commit()

    def wait_for_disk(self, wait: bool) -> None:
        """Whether commits from here on are on the disk when they return, or only safe from the death of this process.

        To be called between transactions. A reservation always waits. What a partner that honours keys has confirmed
        need not: should a power cut take that back, the same requests are sent again from the ledger, with their keys.
        """
        self._driver.execute(SYNC_FULL if wait else SYNC_NORMAL)

    def roll_back(self) -> None:
        """Take back what was not committed, and wait for the disk again."""
        self._driver.rollback()
        self._driver.execute(SYNC_FULL)

    @contextmanager
    def reporting_errors(self) -> Iterator[None]:
        """Name the ledger in what goes wrong with it; what was not committed is taken back."""
        try:
            with translate_database_errors(str(self.path)):
                yield
        except (TryLater, LedgerDamaged):
            self._driver.rollback()
            raise

    def close(self) -> None:
        """Give the database back; what was not committed is taken back."""
        self.connection.close()
        self._engine.dispose()


def resumable_exchanges(ledger: Ledger, now_us: int, *, failed: bool) -> list[ExchangeRecord]:
    """Exchanges to go on with: those that died under way, then those whose time has come, oldest first.

    `failed`: those that failed as well, for a service that does not try again by itself.
    """
    c = EXCHANGE.c
    always = ["open", "failed"] if failed else ["open"]
    wanted = sa.select(c.id).where(
        sa.literal_column("outcome != 'done'"),  # to the letter of the index that it is to be found by
        c.whole == 1,
        sa.or_(c.outcome.in_(always), sa.and_(c.outcome == "due", c.due_at_us <= now_us)),
    )
    with ledger.reporting_errors():
        keys = ledger.connection.execute(wanted.order_by(c.outcome.desc(), c.due_at_us, c.opened_at_us)).scalars().all()
        ledger.connection.rollback()
    return [entry for key in keys if (entry := ledger.get(key)) is not None]


def find_by_prefix(ledger: Ledger, start: str) -> ExchangeRecord:
    """The one exchange whose id begins so. Raises BadInput where there is none, or more than one."""
    query = sa.select(EXCHANGE.c.id).where(EXCHANGE.c.id.startswith(start, autoescape=True)).limit(2)
    with ledger.reporting_errors():
        keys = ledger.connection.execute(query).scalars().all()
    if len(keys) != 1 or not start:
        raise BadInput(
            f"{start!r} begins the id of {'more than one' if keys else 'no'} exchange; see `milepost status`"
        )
    found = ledger.get(keys[0])
    assert found is not None  # noqa: S101 (selected above; tells the type checker)
    return found


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
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": LOCK_TIMEOUT_S})
    sa.event.listen(engine, "connect", _configure_connection)
    try:
        with translate_database_errors(str(path)), engine.begin() as connection:
            create_or_upgrade(connection, str(path))
        with translate_database_errors(str(path)), engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    except (LedgerDamaged, TryLater):
        engine.dispose()
        raise
    return Ledger(engine, path)


@contextmanager
def translate_database_errors(path: str) -> Iterator[None]:
    """Name the ledger in what goes wrong with it. Raises TryLater where it is locked or full, else LedgerDamaged."""
    try:
        yield
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        # what the driver said, and nothing of the statement: that may hold rows of a partner's
        said = error.orig if isinstance(error, sa.exc.DatabaseError) else error
        code = getattr(said, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise TryLater(f"{path}: {said}; try again later") from None
        if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
            raise TryLater(f"{path}: cannot be written: {said}; make room and try again") from None
        if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
            raise LedgerDamaged(
                f"{path}: cannot be used: {said}; see who may write there, nothing was changed"
            ) from None
        raise LedgerDamaged(f"{path}: {said}; move it away or restore a copy, nothing was changed") from None


def _configure_connection(connection: Any, _: Any) -> None:
    connection.execute(SYNC_FULL)
    # pages that are written again and again are then copied into the database once for many exchanges
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
