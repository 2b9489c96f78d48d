"""Accounts: add, change and disable a user. Each change ends the user's sessions and is recorded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.access.audit import AuditEntry, record_act
from dashboard.access.errors import AccessRefused
from dashboard.access.passwords import hash_password
from dashboard.access.roles import ROLES, WHOLE_ROLES
from dashboard.scope import NOTHING, WHOLE, Scope

if TYPE_CHECKING:
    import sqlite3

#: A name of a user: a login or an e-mail address.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account; `disabled_us` is set for one that cannot sign in any more."""

    name: str
    role: str
    created_us: int
    disabled_us: int | None
    scope: Scope = WHOLE

    @property
    def permissions(self) -> frozenset[str]:
        """What the user may do."""
        return frozenset() if self.disabled_us is not None else ROLES[self.role]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes an account: a name for the audit log, and from which address; `now_us` is when."""

    name: str
    address: str
    now_us: int

    def entry(self, act: str, target: str, **detail: Any) -> AuditEntry:
        """Return the entry of an act of theirs."""
        return AuditEntry(at_us=self.now_us, who=self.name, act=act, target=target, detail=detail, address=self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who makes a request: a name for people and the audit log, and what they may do.

    `form_key` is "" for a token, which needs none, because a browser does not send it by itself.
    """

    name: str
    role: str
    permissions: frozenset[str]
    form_key: str
    scope: Scope = NOTHING

    def may(self, permission: str) -> bool:
        """Return whether they may do something."""
        return permission in self.permissions


def list_users(connection: sqlite3.Connection) -> list[User]:
    """Return all accounts by name."""
    rows = connection.execute("SELECT name, role, created_us, disabled_us, scope FROM user ORDER BY name")
    return [
        User(name=name, role=role, created_us=at_us, disabled_us=off_us, scope=Scope.from_text(scope))
        for name, role, at_us, off_us, scope in rows
    ]


def get_user(connection: sqlite3.Connection, name: str) -> User:
    """Return an account by its name, in any case. Raises AccessRefused where there is none."""
    users = {user.name.casefold(): user for user in list_users(connection)}
    if name.casefold() not in users:
        choices = ", ".join(user.name for user in users.values()) or "there is none yet"
        raise AccessRefused(f"no user {name!r}; users: {choices}")
    return users[name.casefold()]


def add_user(
    connection: sqlite3.Connection, actor: Actor, name: str, role: str, password: str, scope: Scope = WHOLE
) -> None:
    """Add an account. Raises AccessRefused where the name is taken or a value cannot be used."""
    if not NAME.fullmatch(name):
        raise AccessRefused(
            f"user {name!r}: a name has 1 to 100 letters, digits and `._@+-`, the first a letter or digit"
        )
    _check_role(role, scope)
    if any(user.name.casefold() == name.casefold() for user in list_users(connection)):
        raise AccessRefused(f"user {name!r} is there already; `milepost user passwd` changes its password")
    connection.execute(
        "INSERT INTO user (name, password, role, created_us, scope) VALUES (?, ?, ?, ?, ?)",
        (name, hash_password(password), role, actor.now_us, scope.text),
    )
    limit = {} if scope.is_whole else {"scope": str(scope)}
    record_act(connection, actor.entry("user added", name, role=role, **limit))


def change_password(connection: sqlite3.Connection, actor: Actor, name: str, password: str) -> None:
    """Set a new password. A disabled account stays disabled. Raises AccessRefused."""
    user = get_user(connection, name)
    connection.execute("UPDATE user SET password = ? WHERE name = ?", (hash_password(password), user.name))
    _end_sessions(connection, user)
    record_act(connection, actor.entry("password changed", user.name))


def change_role(connection: sqlite3.Connection, actor: Actor, name: str, role: str) -> None:
    """Give an account another role. Raises AccessRefused."""
    user = get_user(connection, name)
    _check_role(role, user.scope)
    connection.execute("UPDATE user SET role = ? WHERE name = ?", (role, user.name))
    _end_sessions(connection, user)
    record_act(connection, actor.entry("role changed", user.name, before=user.role, after=role))


def change_scope(connection: sqlite3.Connection, actor: Actor, name: str, scope: Scope) -> None:
    """Let an account see these partners and no others. Raises AccessRefused."""
    user = get_user(connection, name)
    _check_role(user.role, scope)
    connection.execute("UPDATE user SET scope = ? WHERE name = ?", (scope.text, user.name))
    _end_sessions(connection, user)
    record_act(connection, actor.entry("scope changed", user.name, before=str(user.scope), after=str(scope)))


def disable_user(connection: sqlite3.Connection, actor: Actor, name: str) -> None:
    """End an account's sessions and let it sign in no more. Raises AccessRefused."""
    user = get_user(connection, name)
    connection.execute("UPDATE user SET disabled_us = ? WHERE name = ?", (actor.now_us, user.name))
    _end_sessions(connection, user)
    record_act(connection, actor.entry("user disabled", user.name))


def enable_user(connection: sqlite3.Connection, actor: Actor, name: str) -> None:
    """Let a disabled account sign in again, with the role and the scope that it had. Raises AccessRefused."""
    user = get_user(connection, name)
    if user.disabled_us is None:
        raise AccessRefused(f"{user.name} is not disabled")
    connection.execute("UPDATE user SET disabled_us = NULL WHERE name = ?", (user.name,))
    record_act(connection, actor.entry("user enabled", user.name))


def _end_sessions(connection: sqlite3.Connection, user: User) -> None:
    connection.execute("DELETE FROM session WHERE user = ?", (user.name,))


def _check_role(role: str, scope: Scope) -> None:
    if role not in ROLES:
        raise AccessRefused(f"role {role!r} does not exist; roles: {', '.join(ROLES)}")
    if role in WHOLE_ROLES and not scope.is_whole:
        raise AccessRefused(
            f"role {role} is for the whole workspace; `milepost user scope NAME all` lifts the limit to some partners"
        )
