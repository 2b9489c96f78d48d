"""The ledger in PostgreSQL: transactions of READ COMMITTED, in which single rows are changed on a condition."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy as sa

from poc.ledger.ledger import Ledger, driver_of
from poc.ledger.postgres.connection import translate_database_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from poc.ledger.statements import Statements
    from poc.ledger.workspace_id import WorkspaceIds
    from poc.ledger_address import PostgresAddress

#: Until the end of the transaction, no other one that has asked for the same lock goes on. It needs no session, so that
#: it also holds where connections are shared.
LOCK_SCOPE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
#: The commit of this transaction survives the death of this process, and may be lost with the server's power.
BEGIN_UNSYNCED = f"{BEGIN}; SET LOCAL synchronous_commit = off"

#: Two characters with `-` between them, in the brackets of a pattern; and a regular expression that matches nothing.
RANGE = re.compile("(.)-(.)", re.DOTALL)
NOTHING = "(?!)"


class PostgresLedger(Ledger):
    """One connection to a ledger in PostgreSQL; a lost connection is made again for the next transaction."""

    driver_error = psycopg.Error
    has_numbered_parameters = False

    def __init__(self, engine: sa.Engine, address: PostgresAddress, ids: WorkspaceIds, statements: Statements) -> None:
        super().__init__(engine, address, address.folder, ids, statements)
        self._address = address
        self._begin_text = BEGIN

    @property
    def connection(self) -> sa.Connection:
        """The connection of SQLAlchemy, made again where it was lost. Raises TryLater, LedgerDamaged."""
        if not self._writing:
            self._connect_again()
        return self._connection

    def sibling(self) -> Self:
        """Return a connection for another thread, which its caller closes. Raises TryLater, LedgerDamaged."""
        with self._translate_errors():
            return type(self)(self._engine, self._address, self.ids, self._statements)

    def _execute_rows(self, text: str, rows: Sequence[Sequence[object]]) -> tuple[list[Any], int]:
        if not self._writing:
            self._connect_again()
        with self._driver.cursor() as cursor:
            if len(rows) == 1:
                cursor.execute(text, rows[0])
            else:
                cursor.executemany(text, rows)
            return cursor.fetchall() if cursor.description is not None else [], cursor.rowcount

    def execute_text(self, text: str, values: Sequence[object]) -> None:
        """Execute the SQL text of a change that is made of many rows. Raises TryLater, LedgerDamaged."""
        self._begin_writing()
        with self.reporting_errors():
            self._driver.execute(text, values)

    def begin(self, scope: str = "") -> None:
        """Begin a transaction of changes; no other one that was begun with the same scope runs at the same time."""
        self._begin_writing()
        if scope:
            with self.reporting_errors():
                self._driver.execute(LOCK_SCOPE, [scope])

    def _begin_writing(self) -> None:
        if not self._writing:
            with self.reporting_errors():
                self._connect_again()
                self._driver.execute(self._begin_text)
            self._writing = True

    def _end_writing(self) -> None:
        self._writing = False

    def _roll_back_driver(self) -> None:
        with suppress(psycopg.Error):  # a lost connection is rolled back by the server
            self._driver.rollback()

    def _connect_again(self) -> None:
        """Make a connection that was lost again, as after a restart of the server."""
        if self._driver.closed:
            with suppress(sa.exc.SQLAlchemyError, psycopg.Error):
                self._connection.invalidate()
                self._connection.close()
            with self._translate_errors():
                self._connection = self._engine.connect()
                self._driver = driver_of(self._connection)

    def close(self) -> None:
        """Close the connection, also one that was lost; what was not committed is rolled back by the server."""
        with suppress(sa.exc.SQLAlchemyError, psycopg.Error):
            self._connection.close()
        self._end_writing()

    def check_in_place(self) -> None:
        """Do nothing: the server keeps its files."""

    def _set_waiting(self, wait: bool) -> None:
        self._begin_text = BEGIN if wait else BEGIN_UNSYNCED

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        with translate_database_errors(str(self.address)):
            yield

    def matches_glob(self, column: sa.ColumnElement[str], pattern: str) -> sa.ColumnElement[bool]:
        """Return the condition that a text matches a pattern with `*`, `?` and `[...]`, as those of a shell."""
        return column.op("~", is_comparison=True)(glob_regex(pattern))


def glob_regex(pattern: str) -> str:
    """Return the regular expression of PostgreSQL for a pattern of names; an unclosed `[` matches itself."""
    text, at = "", 0
    while at < len(pattern):
        character, at = pattern[at], at + 1
        end = pattern.find("]", at + 1 + (pattern[at : at + 1] in {"!", "^"})) if character == "[" else -1
        if end > 0:
            sign, inner = ("^", pattern[at + 1 : end]) if pattern[at] in "!^" else ("", pattern[at:end])
            inner = RANGE.sub(lambda match: match[0] if match[1] <= match[2] else "", inner)
            inner = re.sub(r"([\\\[^])", r"\\\1", inner)
            text += f"[{sign}{inner}]" if inner else "." if sign else NOTHING
            at = end + 1
        else:
            text += {"*": ".*", "?": "."}.get(character) or re.escape(character)
    return f"^{text}$"
