"""Sign in by a provider: the way there, bound to the browser, and the way back, which works once."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from dashboard.access.audit import record_act
from dashboard.access.database import change_access
from dashboard.access.errors import AccessRefused, ProviderFailed
from dashboard.access.roles import WHOLE_ROLES
from dashboard.access.sessions import begin_session, digest
from dashboard.access.users import NAME, Actor, change_scope, get_user

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

    from dashboard.access.provider import Provider

#: How long the way to the provider and back may take.
WAY_US = 10 * 60 * 1_000_000


def begin_way(path: Path, provider: Provider, redirect_uri: str, visit: str, target: str, now_us: int) -> str:
    """Return the address of the provider to go to, and note the way back.

    Args:
        path: the database of accounts.
        provider: where people sign in.
        redirect_uri: our address to which the provider leads back.
        visit: a secret that the browser keeps as a cookie.
        target: the page to show afterwards.
        now_us: the time.

    Raises:
        ProviderFailed: it cannot be reached.
    """
    state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
    url = provider.authorization_url(redirect_uri, state=state, nonce=nonce, verifier=verifier)
    with change_access(path) as connection:
        connection.execute("DELETE FROM way WHERE expires_us <= ?", (now_us,))
        connection.execute(
            "INSERT INTO way (digest, visit, nonce, verifier, target, expires_us) VALUES (?, ?, ?, ?, ?, ?)",
            (digest(state), digest(visit), nonce, verifier, target, now_us + WAY_US),
        )
    return url


def end_way(
    path: Path,
    provider: Provider,
    redirect_uri: str,
    visit: str,
    answer: Mapping[str, str],
    address: str,
    now_us: int,
) -> tuple[str, str]:
    """Return the secret of a new session, and the page to show.

    `answer` is the query by which the provider leads back; the other arguments are those of `begin_way`, with the
    address of the client.

    Raises:
        ProviderFailed: the answer belongs to no way of this browser, was used before, or is not valid.
        AccessRefused: the account has no role here, is disabled, or has the name of another.
    """
    with change_access(path) as connection:  # taken away first, so that an answer works once
        row = connection.execute(
            "DELETE FROM way WHERE digest = ? AND expires_us > ? RETURNING visit, nonce, verifier, target",
            (digest(answer.get("state", "")), now_us),
        ).fetchone()
    if row is None or not hmac.compare_digest(row[0], digest(visit)):
        raise ProviderFailed("this sign-in is too old, was used before, or was begun in another browser")
    _, nonce, verifier, target = row
    if "error" in answer:
        raise ProviderFailed(f"the provider refused the sign-in: {answer['error'][:200]}")
    token = provider.exchange_code(redirect_uri, answer.get("code", ""), verifier)
    claims = provider.check_id_token(token, nonce, now_us // 1_000_000)
    subject = str(claims["sub"])
    try:
        role, name = provider.role_of(claims), provider.name_of(claims)
        scope = None if role in WHOLE_ROLES else provider.scope_of(claims)
    except AccessRefused:
        with change_access(path) as connection:
            _end_sessions(connection, subject)
            connection.execute("UPDATE user SET confirmed_us = 0 WHERE subject = ?", (subject,))
        raise
    if not NAME.fullmatch(name):
        raise AccessRefused(f"the name {name!r} cannot be used here; choose another `name_claim`")
    with change_access(path) as connection:
        actor = Actor(name, address, now_us)
        _note_user(connection, actor, role, subject)
        connection.execute("UPDATE user SET confirmed_us = ? WHERE name = ?", (now_us, name))
        if scope is not None and scope != get_user(connection, name).scope:
            change_scope(connection, actor, name, scope)
        return begin_session(connection, name, address, now_us), target


def _note_user(connection: sqlite3.Connection, actor: Actor, role: str, subject: str) -> None:
    """Add the account of a person at the first sign-in, and give it the name and the role of this one.

    A person is known by the provider's id, so that a disabled one does not come back under another name.
    """
    former = connection.execute("SELECT name FROM user WHERE subject = ?", (subject,)).fetchone()
    if former is not None and former[0] != actor.name:
        _rename_user(connection, actor, former[0])
    row = connection.execute("SELECT role, subject, disabled_us FROM user WHERE name = ?", (actor.name,)).fetchone()
    if row is None:
        connection.execute(
            "INSERT INTO user (name, password, role, created_us, subject) VALUES (?, '', ?, ?, ?)",
            (actor.name, role, actor.now_us, subject),
        )
        record_act(connection, actor.entry("user added", actor.name, role=role))
        return
    before, stored, disabled_us = row
    if stored != subject:
        raise AccessRefused(f"{actor.name} is the name of another account here")
    if disabled_us is not None:
        raise AccessRefused(f"{actor.name} is disabled here; ask an administrator")
    if before != role:
        connection.execute("UPDATE user SET role = ? WHERE name = ?", (role, actor.name))
        _end_sessions(connection, subject)
        record_act(connection, actor.entry("role changed", actor.name, before=before, after=role))


def _rename_user(connection: sqlite3.Connection, actor: Actor, former: str) -> None:
    """Give an account the name that its person has at the provider now. Raises AccessRefused where it is taken."""
    taken = connection.execute("SELECT name FROM user WHERE name = ? AND name <> ?", (actor.name, former)).fetchone()
    if taken is not None:
        raise AccessRefused(f"{actor.name} is the name of another account here")
    connection.execute("DELETE FROM session WHERE user = ?", (former,))
    connection.execute("UPDATE user SET name = ? WHERE name = ?", (actor.name, former))
    connection.execute("UPDATE share SET who = ? WHERE who = ?", (actor.name, former))
    record_act(connection, actor.entry("user renamed", actor.name, before=former))


def _end_sessions(connection: sqlite3.Connection, subject: str) -> None:
    connection.execute("DELETE FROM session WHERE user IN (SELECT name FROM user WHERE subject = ?)", (subject,))
