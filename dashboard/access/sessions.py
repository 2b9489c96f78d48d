"""Sign in with a password, and the sessions of browsers.

A session's secret stands in the cookie alone; the database holds its digest. A user who is disabled or gets another
role or password has no session any more. An unknown name takes as long, and gets the same answer, as a wrong password;
failures in a row make the next try wait, for each name and for each address.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.access.audit import record_act
from dashboard.access.database import change_access
from dashboard.access.passwords import is_password
from dashboard.access.roles import WHOLE_ROLES
from dashboard.access.users import Actor, User
from dashboard.scope import WHOLE, Scope
from dashboard.security import client_network

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

#: How long a session lasts.
SESSION_US = 12 * 3600 * 1_000_000

#: Failures that cost no wait, and the longest wait after more of them, by what failed.
FREE_FAILURES = 4
LONGEST_WAIT_S = {"name": 60, "address": 900}

#: After so long a time without a failure, earlier ones are forgotten.
FORGET_US = 24 * 3600 * 1_000_000


class SignInRefused(Exception):
    """Name and password do not belong together, or the next try has to wait for `wait_s` seconds."""

    def __init__(self, wait_s: int = 0) -> None:
        wait = f"Too many tries. Try again in {wait_s} seconds." if wait_s else "Name or password is wrong."
        super().__init__(wait)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in user; forms carry `form_key`, which another site cannot know."""

    user: User
    form_key: str


def sign_in(path: Path, name: str, password: str, address: str, now_us: int) -> str:
    """Return the secret of a new session.

    The password is checked outside of a transaction, as that takes long on purpose. The try counts as a failure until
    it has succeeded, so that tries at the same time wait as those one after another do.

    Raises:
        SignInRefused: the user is unknown or disabled, the password is wrong, or the wait is not over.
    """
    keys = {"name": f"name {name.casefold()[:100]}", "address": f"address {client_network(address)}"}
    with change_access(path) as connection:
        if wait_s := max(_wait_s(connection, kind, key, now_us) for kind, key in keys.items()):
            raise SignInRefused(wait_s)
        before = _failures(connection, keys["address"])
        for key in keys.values():
            _note_failure(connection, key, now_us)
        account = _account(connection, name)
    stored, hashed, _ = account or (name, None, None)
    is_right = is_password(password, hashed)
    with change_access(path) as connection:
        # an account that was changed meanwhile is signed in by what it is now
        if is_right and account and account == _account(connection, name) and account[2] is None:
            connection.execute("DELETE FROM failed_sign_in WHERE key = ?", (keys["name"],))
            _take_back_failure(connection, keys["address"], before)
            return begin_session(connection, stored, address, now_us)
        if account:  # what was typed as an unknown name may be a password
            record_act(connection, Actor("", address, now_us).entry("sign-in refused", stored))
    raise SignInRefused


def begin_session(connection: sqlite3.Connection, name: str, address: str, now_us: int) -> str:
    """Return the secret of a new session of a user, and record the sign-in."""
    secret = secrets.token_urlsafe(32)
    connection.execute("DELETE FROM session WHERE expires_us <= ?", (now_us,))
    connection.execute(
        "INSERT INTO session (digest, user, form_key, created_us, expires_us) VALUES (?, ?, ?, ?, ?)",
        (digest(secret), name, secrets.token_urlsafe(32), now_us, now_us + SESSION_US),
    )
    record_act(connection, Actor(name, address, now_us).entry("signed in", name))
    return secret


def find_session(connection: sqlite3.Connection, secret: str, now_us: int) -> Session | None:
    """Return the session of a cookie; None where there is none, it has ended, or its user is disabled."""
    row = connection.execute(
        "SELECT user.name, user.role, user.created_us, user.scope, session.form_key "
        "FROM session JOIN user ON user.name = session.user "
        "WHERE session.digest = ? AND session.expires_us > ? AND user.disabled_us IS NULL",
        (digest(secret), now_us),
    ).fetchone()
    if row is None:
        return None
    name, role, created_us, scope, form_key = row
    seen = WHOLE if role in WHOLE_ROLES else Scope.from_text(scope)
    user = User(name=name, role=role, created_us=created_us, disabled_us=None, scope=seen)
    return Session(user, form_key)


def sign_out(connection: sqlite3.Connection, secret: str, address: str, now_us: int) -> None:
    """End a session, and record that its user signed out."""
    row = connection.execute("DELETE FROM session WHERE digest = ? RETURNING user", (digest(secret),)).fetchone()
    if row is not None:
        record_act(connection, Actor(row[0], address, now_us).entry("signed out", row[0]))


def digest(secret: str) -> bytes:
    """Return the digest under which a secret of 256 random bits is stored."""
    return hashlib.sha256(secret.encode()).digest()


def _wait_s(connection: sqlite3.Connection, kind: str, key: str, now_us: int) -> int:
    """Return for how many seconds the next try has to wait: 1, 2, 4, ... after the last failure."""
    failures, failed_us = _failures(connection, key)
    if failures <= FREE_FAILURES:
        return 0
    longest_s = LONGEST_WAIT_S[kind]
    wait_s = min(1 << min(failures - FREE_FAILURES - 1, 30), longest_s)
    passed_s = max((now_us - failed_us) // 1_000_000, 0)  # not below 0, where the clock was set back
    return max(wait_s - passed_s, 0)


def _account(connection: sqlite3.Connection, name: str) -> tuple[str, str, int | None] | None:
    """Return name, hash and time of disabling of an account; None where there is none of that name."""
    row = connection.execute("SELECT name, password, disabled_us FROM user WHERE name = ?", (name,)).fetchone()
    return None if row is None else (row[0], row[1], row[2])


def _failures(connection: sqlite3.Connection, key: str) -> tuple[int, int]:
    """Return how many failures there were in a row, and when the last was."""
    row = connection.execute("SELECT failures, failed_us FROM failed_sign_in WHERE key = ?", (key,)).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def _take_back_failure(connection: sqlite3.Connection, key: str, before: tuple[int, int]) -> None:
    """Take back the failure that was noted before the password was checked; `before` is what it was added to."""
    failures, failed_us = before
    connection.execute(
        "UPDATE failed_sign_in SET failures = failures - 1, "
        "failed_us = CASE failures WHEN ? THEN ? ELSE failed_us END WHERE key = ?",
        (failures + 1, failed_us, key),
    )
    connection.execute("DELETE FROM failed_sign_in WHERE key = ? AND failures <= 0", (key,))


def _note_failure(connection: sqlite3.Connection, key: str, now_us: int) -> None:
    connection.execute("DELETE FROM failed_sign_in WHERE failed_us < ?", (now_us - FORGET_US,))
    connection.execute(
        "INSERT INTO failed_sign_in VALUES (?, 1, ?) "
        "ON CONFLICT (key) DO UPDATE SET failures = failures + 1, failed_us = excluded.failed_us",
        (key, now_us),
    )
