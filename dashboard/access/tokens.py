"""Tokens of machines: a secret that is shown once, kept as a digest, and can be revoked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.access.audit import record_act
from dashboard.access.errors import AccessRefused
from dashboard.access.roles import TOKEN_KINDS
from dashboard.access.sessions import digest
from dashboard.scope import WHOLE, Scope

if TYPE_CHECKING:
    import sqlite3

    from dashboard.access.users import Actor

#: The beginning of each secret, so that a scan for leaked secrets finds it.
PREFIX = "milepost_"

#: Seconds between two notes of a token's use.
NOTE_US = 60 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token without its secret; times are microseconds since 1970."""

    id: str
    label: str
    kind: str
    created_us: int
    expires_us: int | None
    revoked_us: int | None
    used_us: int | None
    scope: Scope = WHOLE


COLUMNS = "id, label, kind, created_us, expires_us, revoked_us, used_us, scope"


def add_token(
    connection: sqlite3.Connection, actor: Actor, label: str, kind: str, expires_us: int | None, scope: Scope = WHOLE
) -> tuple[str, str]:
    """Add a token; return its id and its secret, which is not stored. Raises AccessRefused for an unknown kind."""
    if kind not in TOKEN_KINDS:
        raise AccessRefused(f"kind {kind!r} does not exist; kinds: {', '.join(TOKEN_KINDS)}")
    secret, number = PREFIX + secrets.token_urlsafe(32), secrets.token_hex(4)
    connection.execute(
        "INSERT INTO token (digest, id, label, kind, created_us, expires_us, scope) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (digest(secret), number, label, kind, actor.now_us, expires_us, scope.text),
    )
    limit = {} if scope.is_whole else {"scope": str(scope)}
    record_act(connection, actor.entry("token added", number, label=label, kind=kind, **limit))
    return number, secret


def list_tokens(connection: sqlite3.Connection) -> list[Token]:
    """Return all tokens, the oldest first."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM token ORDER BY created_us, id")  # noqa: S608 (our own constant)
    return [_token(row) for row in rows]


def revoke_token(connection: sqlite3.Connection, actor: Actor, number: str) -> None:
    """Make a token useless from now on. Raises AccessRefused where there is none of that id."""
    tokens = {token.id: token for token in list_tokens(connection)}
    if number not in tokens:
        raise AccessRefused(f"no token {number!r}; `milepost token ls` lists them")
    if tokens[number].revoked_us is not None:
        raise AccessRefused(f"token {number} is revoked already")
    connection.execute("UPDATE token SET revoked_us = ? WHERE id = ?", (actor.now_us, number))
    record_act(connection, actor.entry("token revoked", number, label=tokens[number].label))


def find_token(connection: sqlite3.Connection, secret: str, now_us: int) -> Token | None:
    """Return the token of a secret, and note its use once a minute; None where it is unknown, revoked or expired."""
    key = digest(secret)
    row = connection.execute(f"SELECT {COLUMNS} FROM token WHERE digest = ?", (key,)).fetchone()  # noqa: S608
    if row is None:
        return None
    token = _token(row)
    if token.revoked_us is not None or (token.expires_us is not None and token.expires_us <= now_us):
        return None
    if token.used_us is None or now_us - token.used_us > NOTE_US:
        connection.execute("UPDATE token SET used_us = ? WHERE digest = ?", (now_us, key))
    return token


def _token(row: tuple[Any, ...]) -> Token:
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    return Token(**values | {"scope": Scope.from_text(values["scope"])})
