"""Links to one page that need no account: a secret that is shown once, kept as a digest, expires and can be revoked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.access.audit import record_act
from dashboard.access.errors import AccessRefused
from dashboard.access.roles import ROLES, WHOLE_ROLES
from dashboard.access.sessions import digest
from dashboard.scope import WHOLE, Scope
from dashboard.sharing.targets import MAX_CHARACTERS

if TYPE_CHECKING:
    import sqlite3

    from dashboard.access.users import Actor

#: Microseconds between two notes of a link's use, and in a day.
NOTE_US, DAY_US = 60 * 1_000_000, 86_400 * 1_000_000

#: The most days until a link expires.
MAX_DAYS = 366

#: For how long a link works after the provider has last confirmed the role of who made it. Only a sign-in asks the
#: provider, so that nobody would notice otherwise that somebody has left.
CONFIRMED_US = 30 * DAY_US

#: The path below which links lie; the rest of a path is a secret.
PREFIX = "/s/"

#: The end of the name of somebody who acts by the command line, and has no account here.
COMMAND_LINE = " (command line)"

COLUMNS = "id, label, target, scope, who, created_us, expires_us, revoked_us, used_us"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A link without its secret; times are microseconds since 1970."""

    id: str
    label: str
    target: str  #: the address of the page
    scope: Scope  #: the partners that the page shows
    who: str
    created_us: int
    expires_us: int
    revoked_us: int | None
    used_us: int | None


def add_share(
    connection: sqlite3.Connection, actor: Actor, target: str, label: str, days: int, scope: Scope
) -> tuple[str, str]:
    """Add a link to a page, `target` of `parse_target`; return its id and its secret, which is not stored.

    Raises:
        AccessRefused: the label or the number of days cannot be used.
    """
    if not 0 < len(label) <= MAX_CHARACTERS:
        raise AccessRefused(f"a link needs a label, up to {MAX_CHARACTERS} characters: for whom it is")
    if not 1 <= days <= MAX_DAYS:
        raise AccessRefused(f"{days} days: a link expires after 1 to {MAX_DAYS}")
    secret, number = secrets.token_urlsafe(32), secrets.token_hex(4)
    connection.execute(
        "INSERT INTO share (digest, id, label, target, scope, who, created_us, expires_us) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            digest(secret), number, label, target, scope.text, actor.name, actor.now_us,
            actor.now_us + days * DAY_US,
        ),
    )  # fmt: skip
    record_act(connection, actor.entry("link added", number, label=label, page=target, days=days, scope=str(scope)))
    return number, secret


def list_shares(connection: sqlite3.Connection) -> list[Share]:
    """Return all links, the newest first."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM share ORDER BY created_us DESC, id")  # noqa: S608 (our constant)
    return [_share(row) for row in rows]


def revoke_share(connection: sqlite3.Connection, actor: Actor, number: str) -> None:
    """Make a link useless from now on. Raises AccessRefused where there is none of that id."""
    shares = {share.id: share for share in list_shares(connection)}
    if number not in shares:
        raise AccessRefused(f"no link {number!r}; `milepost share ls` lists them")
    if shares[number].revoked_us is not None:
        raise AccessRefused(f"link {number} is revoked already")
    connection.execute("UPDATE share SET revoked_us = ? WHERE id = ?", (actor.now_us, number))
    record_act(connection, actor.entry("link revoked", number, label=shares[number].label))


def find_share(connection: sqlite3.Connection, secret: str, now_us: int) -> Share | None:
    """Return the link of a secret, and note its use once a minute.

    None where it is unknown, revoked or expired, or whoever made it may share nothing any more, as far as is known: the
    provider has refused them a role, or they have not signed in for long. It shows what both the
    link and who made it may see.
    """
    key = digest(secret)
    row = connection.execute(f"SELECT {COLUMNS} FROM share WHERE digest = ?", (key,)).fetchone()  # noqa: S608
    if row is None:
        return None
    share = _share(row)
    scope = _scope_of_maker(connection, share.who, now_us)
    if scope is None or share.revoked_us is not None or share.expires_us <= now_us:
        return None
    if share.used_us is None or now_us - share.used_us > NOTE_US:
        connection.execute("UPDATE share SET used_us = ? WHERE digest = ?", (now_us, key))
    return _share((*row[:3], share.scope.narrowed_to(scope).text, *row[4:]))


def list_resting(connection: sqlite3.Connection, shares: list[Share], now_us: int) -> set[str]:
    """Return the ids of the links that are closed because who made them may share nothing now."""
    makers = {share.who: _scope_of_maker(connection, share.who, now_us) for share in shares}
    return {share.id for share in shares if makers[share.who] is None}


def _scope_of_maker(connection: sqlite3.Connection, who: str, now_us: int) -> Scope | None:
    """Return what the maker of a link may see; None for somebody who may not share now."""
    if who.endswith(COMMAND_LINE):
        return WHOLE
    row = connection.execute(
        "SELECT role, scope FROM user WHERE name = ? AND disabled_us IS NULL AND (subject = '' OR confirmed_us > ?)",
        (who, now_us - CONFIRMED_US),
    ).fetchone()
    if row is None or "share" not in ROLES[row[0]]:
        return None
    return WHOLE if row[0] in WHOLE_ROLES else Scope.from_text(row[1])


def _share(row: tuple[Any, ...]) -> Share:
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    return Share(**values | {"scope": Scope.from_text(values["scope"])})
