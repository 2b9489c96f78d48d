"""The ledger: which files were received, how each exchange ended, and what is still to be done.

Tables and statements are SQLAlchemy Core; those that every exchange needs are compiled once and run on the driver's own
connection, which takes a tenth of the time. What differs between the databases is in `poc.ledger.sqlite.store` and
`poc.ledger.postgres.store`. A file is identified by its sha256, not its name. An attempt is committed before any row of
the file is sent, and again when it ends; a run that dies between the two leaves an open entry, which the next run
resumes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from poc.errors import BadInput, LedgerDamaged, TryLater
from poc.ledger.exchange_record import INSERT_EXCHANGE, SELECT_EXCHANGE, UPDATE_EXCHANGE, ExchangeRecord, record_of
from poc.ledger.statements import WaitingChanges, refuse_surrogates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Self

    from poc.ledger.statements import Statements
    from poc.ledger.workspace_id import WorkspaceIds
    from poc.ledger_address import LedgerAddress

#: Seconds to wait for another program's write before TryLater is raised.
LOCK_TIMEOUT_S = 10.0


class Ledger(ABC):
    """One connection to the ledger database, for one thread.

    A connection may be guarded: nothing is committed, and nothing is to be sent, when its guard raises an error.

    Args:
        engine: makes the connection.
        address: where the ledger is, as `open_ledger` takes it.
        folder: the folder beside which the workspace keeps its files: `var`.
        ids: the ids of the workspace.
        statements: the compiled statements of the process.
    """

    #: The errors of the database's driver.
    driver_error: type[Exception]

    #: Whether SQL texts name their parameters `?1`, `?2`, ...; otherwise each `%s` takes the next value.
    has_numbered_parameters: bool

    def __init__(
        self, engine: sa.Engine, address: LedgerAddress, folder: Path, ids: WorkspaceIds, statements: Statements
    ) -> None:
        self.address, self.folder, self.ids = address, folder, ids
        self._connection = engine.connect()
        self.guard: Callable[[], None] | None = None
        self._engine = engine
        self._driver = driver_of(self._connection)
        self._statements = statements
        self._writing = False
        self._joined = False  # commits are joined to one
        self._waiting = WaitingChanges()
        self._waits_for_disk: bool | None = None  # as set while commits are joined

    @property
    def connection(self) -> sa.Connection:
        """The connection of SQLAlchemy, for statements that are run once. Raises TryLater, LedgerDamaged."""
        return self._connection

    @abstractmethod
    def sibling(self) -> Self:
        """Return a connection for another thread, which its caller closes. Raises TryLater, LedgerDamaged."""

    def execute(self, statement: sa.ClauseElement, *values: Mapping[str, object]) -> list[Any]:
        """Execute a statement once for each of `values`, and return the rows of a query.

        The statement must be the same object each time, so that it is compiled once; all `values` must have the same
        keys.

        Raises:
            TryLater, LedgerDamaged.
        """
        if self._joined:
            self._write_waiting()
        return self._run(statement, values)

    def change(self, statement: sa.UpdateBase, *values: Mapping[str, object]) -> None:
        """Execute a change of rows that no other change concerns; in `one_commit`, with others of its statement."""
        if self._joined:
            self._waiting.add(statement, values)
        else:
            self._run(statement, values)

    def _run(self, statement: sa.ClauseElement, values: Sequence[Mapping[str, object]]) -> list[Any]:
        text, rows = self._statements.bind(statement, values)
        if isinstance(statement, sa.UpdateBase):
            self._begin_writing()
        try:
            result, count = self._execute_rows(text, rows)
        except (self.driver_error, UnicodeEncodeError):
            with self.reporting_errors():
                raise
        if statement is INSERT_EXCHANGE and count < len(rows):  # its new holder entered one meanwhile
            self.check_guard()
            files = values[0]["file"] if len(values) == 1 else f"one of {len(values)} files"
            raise TryLater(f"{files}: another process exchanges it; try again later")
        return result

    def _write_waiting(self) -> None:
        for statement, values in self._waiting.take():
            self._run(statement, values)

    @abstractmethod
    def _execute_rows(self, text: str, rows: Sequence[Sequence[object]]) -> tuple[list[Any], int]:
        """Execute SQL once for each of `rows`; return the rows of a query, and how many rows were changed."""

    @abstractmethod
    def execute_text(self, text: str, values: Sequence[object]) -> None:
        """Execute the SQL text of a change that is made of many rows. Raises TryLater, LedgerDamaged."""

    @abstractmethod
    def begin(self, scope: str = "") -> None:
        """Begin a transaction of changes; no other one that was begun with the same scope runs at the same time.

        In SQLite no other connection changes anything from now on, whatever the scope. In PostgreSQL others change what
        this one does not; an empty scope excludes none. Raises as `execute`.
        """

    @abstractmethod
    def _begin_writing(self) -> None:
        """Begin a transaction of changes, unless one has begun."""

    @abstractmethod
    def _end_writing(self) -> None:
        """Note that a transaction of changes has ended, if one had begun."""

    def find(self, partner: str, feed: str, file: str, digest: str) -> ExchangeRecord:
        """Return the entry of a file, identified by its digest; a new one for a new file.

        Raises TryLater, LedgerDamaged.
        """
        keys = list(self.ids.exchange_ids(partner, feed, digest))
        entry = next((entry for key in keys if (entry := self.get(key)) is not None), None)
        return entry or ExchangeRecord(keys[0], partner, feed, file, digest)

    def get(self, key: str) -> ExchangeRecord | None:
        """Return the entry of an exchange by its id, or None. Raises TryLater, LedgerDamaged."""
        result = self.execute(SELECT_EXCHANGE, {"key": key})
        if not result:
            return None
        return record_of(result[0])

    def record_attempt(self, entry: ExchangeRecord, size_bytes: int, now_us: int, **values: object) -> None:
        """Insert the exchange of an attempt, or update it; `commit` makes it permanent.

        Raises:
            TryLater: among others, another process entered the exchange after it was looked up, as its new holder.
            LedgerDamaged: the ledger cannot be used.
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
        self.change(INSERT_EXCHANGE, first)

    def update(self, entry: ExchangeRecord, **values: object) -> None:
        """Update columns of an exchange; `commit` makes it permanent. Raises TryLater, LedgerDamaged."""
        self.change(UPDATE_EXCHANGE, {**values, "key": entry.exchange_id})

    @property
    def is_changing(self) -> bool:
        """Whether this connection has changes that are not committed; no other connection can change anything."""
        return self._writing

    @contextmanager
    def one_commit(self) -> Iterator[None]:
        """Join all commits to one, at the end; it is rolled back where an error ends it. Raises as `commit` does."""
        self._joined = True
        try:
            yield
            self._write_waiting()
        except BaseException:
            self._joined, self._waits_for_disk = False, None
            self._waiting.take()
            self.roll_back()
            raise
        self._joined = False
        waits, self._waits_for_disk = self._waits_for_disk, None
        self.commit()
        if waits is not None:
            self.wait_for_disk(waits)

    def commit(self) -> None:
        """Commit; the change is on disk when this returns. Raises TryLater, LedgerDamaged, LeaseLost."""
        if self._joined:
            return
        try:
            self.check_guard()
            self._driver.commit()
        except self.driver_error:
            with self.reporting_errors():
                raise
        except BaseException:
            self._roll_back_driver()
            raise
        finally:
            self._end_writing()
        self.check_in_place()

    def check_guard(self) -> None:
        """Raise what the guard raises, if there is one."""
        if self.guard is not None:
            self.guard()

    @abstractmethod
    def check_in_place(self) -> None:
        """Raise LedgerDamaged where the ledger's file was deleted or replaced: a commit into it would be lost."""

    def check_before_send(self) -> None:
        """Check that what is sent now will be recorded: the ledger is in place, and the guard allows it."""
        self.check_in_place()
        self.check_guard()

    def wait_for_disk(self, wait: bool) -> None:
        """Set whether commits from now on are on disk when they return, or only survive the death of this process.

        Call it between transactions. The commit of a reservation always waits. The confirmation by a partner that
        honours keys need not: if a power cut loses it, the ledger still has the requests, and sends them again by key.
        """
        if self._joined:
            self._waits_for_disk = wait
            return
        self._set_waiting(wait)

    @abstractmethod
    def _set_waiting(self, wait: bool) -> None:
        """Let the commits of the connection wait for the disk, or not."""

    def roll_back(self) -> None:
        """Roll back what was not committed, and make commits wait for the disk again."""
        try:
            self._roll_back_driver()
        finally:
            self._end_writing()
        self._set_waiting(True)

    def _roll_back_driver(self) -> None:
        self._driver.rollback()

    @contextmanager
    def reporting_errors(self) -> Iterator[None]:
        """Translate database errors to errors that name the ledger, and roll back what was not committed."""
        try:
            with self._translate_errors(), refuse_surrogates():
                yield
        except (TryLater, LedgerDamaged, BadInput):
            try:
                self._roll_back_driver()
            finally:
                self._end_writing()
            self.check_in_place()  # SQLite calls a deleted database a failure of the disk
            raise

    @abstractmethod
    def _translate_errors(self) -> AbstractContextManager[None]:
        """Translate database errors: TryLater where another attempt may succeed, else LedgerDamaged."""

    @abstractmethod
    def matches_glob(self, column: sa.ColumnElement[str], pattern: str) -> sa.ColumnElement[bool]:
        """Return the condition that a text matches a pattern with `*`, `?` and `[...]`, as those of a shell."""

    def close(self) -> None:
        """Close the connection; what was not committed is rolled back."""
        self._connection.close()
        self._end_writing()


def driver_of(connection: sa.Connection) -> Any:
    """Return the driver's own connection of an open connection."""
    driver = connection.connection.dbapi_connection
    assert driver is not None  # noqa: S101 (open until it is closed; tells the type checker)
    return driver
