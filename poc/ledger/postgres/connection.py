"""Connections to a ledger in PostgreSQL, and its errors, translated to errors that name it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import sqlalchemy as sa

from poc.errors import BadInput, LedgerDamaged, TryLater
from poc.ledger_address import REFERENCE

try:
    import psycopg
    from psycopg.types.numeric import IntLoader
except ImportError as error:
    raise BadInput("a ledger in PostgreSQL needs the extra: `pip install 'milepost[postgres]'`") from error

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping
    from typing import Any

    from poc.ledger_address import PostgresAddress

#: Schemes of a URL, after which the driver is chosen here.
SCHEMES = ("postgresql", "postgresql+psycopg")

#: SQLSTATEs, or their classes, after which another attempt may succeed: the connection was lost; the server has no
#: room; the transaction met another one; a lock was not free; the server is stopped, starts, or was told to cancel.
TRY_LATER = ("08", "53", "40001", "40P01", "55P03", "57P", "57014", "25006", "25P03")

#: SQLSTATEs of a missing schema, table or column.
NO_TABLES = ("3F000", "42P01", "42703")

#: Seconds in which a connection is made.
CONNECT_TIMEOUT_S = 10

#: Seconds after which the server ends a transaction in which nothing happens: its process was stopped, or its machine
#: is away, and others wait for its locks.
IDLE_TIMEOUT_S = 60


def new_engine(
    address: PostgresAddress,
    lock_timeout_s: float,
    *,
    read_only: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> sa.Engine:
    """Return an engine without a pool, so that `close` closes a connection; each has one user at a time.

    A statement outside a transaction is one of its own.

    Raises:
        BadInput: the URL is none, or a secret in it cannot be read.
    """
    sa.dialects.registry.register("postgresql.ledger", "poc.ledger.postgres.dialect", "LedgerDialect")
    url = full_url(address, environ)
    timeout_ms = int(lock_timeout_s * 1000)
    # a server whose administrator has set it to read-only stays so
    options = (
        f"-c lock_timeout={timeout_ms} -c idle_in_transaction_session_timeout={IDLE_TIMEOUT_S * 1000}"
        f"{' -c default_transaction_read_only=on' if read_only else ''}"
    )
    defaults = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "milepost"}
    arguments = {name: value for name, value in defaults.items() if name not in url.query}
    arguments["options"] = " ".join((options, *url.normalized_query.get("options", ())))
    engine = sa.create_engine(
        url,
        connect_args=arguments,
        poolclass=sa.NullPool,
        pool_reset_on_return=None,  # a closed connection is rolled back by the server, and a lost one cannot be
        isolation_level="AUTOCOMMIT",
        paramstyle="format",
        use_native_hstore=False,
    )
    sa.event.listen(engine, "connect", _configure_connection)
    return engine


def full_url(address: PostgresAddress, environ: Mapping[str, str]) -> sa.URL:
    """Return the URL of a ledger with its secrets. Raises BadInput."""

    def value(match: re.Match[str]) -> str:
        kind, name = match.groups()
        text = environ.get(name) if kind == "env" else _text_of(address.root / name)
        if not text:
            what = f"the environment variable {name}" if kind == "env" else f"the file {address.root / name}"
            raise BadInput(f"`ledger` refers to {what} as a secret, which is not set, missing or empty")
        # within a URL, characters of a password would divide it; a whole URL is taken as it is
        return text if match[0] == address.url else quote(text, safe="")

    try:
        url = sa.make_url(REFERENCE.sub(value, address.url))
    except (sa.exc.ArgumentError, ValueError):  # the second: its port is no number
        raise BadInput("`ledger` is no URL of a database: write postgresql+psycopg://USER@HOST/DATABASE") from None
    if url.drivername not in SCHEMES:
        raise BadInput(f"`ledger` has the scheme {url.drivername!r}; choices: {', '.join(SCHEMES)}")
    return url.set(drivername="postgresql+ledger")


def _text_of(path: Any) -> str:
    try:
        return str(path.read_text("utf-8").removesuffix("\n").removesuffix("\r"))
    except (OSError, UnicodeDecodeError):
        return ""


def _configure_connection(connection: Any, _: Any) -> None:
    connection.adapters.register_loader("numeric", IntLoader)  # sums of integers; the ledger has no other numeric


@contextmanager
def translate_database_errors(name: str) -> Iterator[None]:
    """Translate database errors: TryLater where another attempt may succeed, BadInput for a NUL, else LedgerDamaged."""
    try:
        yield
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        # the driver's message without the statement, and without its second line, which may show a partner's rows
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        state = getattr(cause, "sqlstate", None) or ""
        text = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        is_lost = not state and isinstance(cause, psycopg.OperationalError)
        if is_lost or state.startswith(TRY_LATER):
            raise TryLater(f"{name}: {text}; try again later") from None
        if not state and isinstance(cause, psycopg.DataError):  # of the driver: the ledger is as it should be
            raise BadInput(f"{name}: {text}; nothing was changed") from None
        if state in NO_TABLES:
            raise LedgerDamaged(f"{name}: {text}; `milepost migrate` makes the tables of a ledger") from None
        raise LedgerDamaged(f"{name}: {text}; nothing was changed") from None
