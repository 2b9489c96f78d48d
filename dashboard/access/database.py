"""The database of users, sessions, tokens and the audit log: `var/access.db`, apart from ledger and measurements.

An `act` is one that a form asked for, with what was done; empty while it is under way. A `way` is a sign-in by a
provider that is under way. `user.subject` is the provider's own id of a person, and
`confirmed_us` when the provider last gave them a role; 0 once it has refused one. A `scope` is the partners that
somebody may see, as `dashboard.scope` writes it.

The audit log is only added to: the database refuses to change or delete its rows.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dashboard.access.errors import AccessUnusable
from metrics.private_files import create_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Stored in SQLite's `user_version`.
VERSION = 5

#: Seconds that a statement waits for another process.
LOCK_TIMEOUT_S = 5.0

SHARE_TABLE = """\
CREATE TABLE share (
    digest BLOB PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    target TEXT NOT NULL,
    scope TEXT NOT NULL DEFAULT '',
    who TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    revoked_us INTEGER,
    used_us INTEGER
) STRICT, WITHOUT ROWID"""

SCHEMA = f"""\
{SHARE_TABLE};
CREATE TABLE user (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    password TEXT NOT NULL,
    role TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    disabled_us INTEGER,
    subject TEXT NOT NULL DEFAULT '',
    confirmed_us INTEGER NOT NULL DEFAULT 0,
    scope TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE TABLE way (
    digest BLOB PRIMARY KEY,
    visit BLOB NOT NULL,
    nonce TEXT NOT NULL,
    verifier TEXT NOT NULL,
    target TEXT NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE session (
    digest BLOB PRIMARY KEY,
    user TEXT NOT NULL COLLATE NOCASE REFERENCES user,
    form_key TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_of_user ON session (user);
CREATE TABLE token (
    digest BLOB PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    expires_us INTEGER,
    revoked_us INTEGER,
    used_us INTEGER,
    scope TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE TABLE failed_sign_in (
    key TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    failed_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE act (
    key TEXT PRIMARY KEY,
    at_us INTEGER NOT NULL,
    done TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    target TEXT NOT NULL DEFAULT '',
    who TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us INTEGER NOT NULL,
    who TEXT NOT NULL,
    act TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL,
    address TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
"""

#: What brings a database of an older version to the next one.
UPGRADES = {
    1: (
        "ALTER TABLE user ADD COLUMN scope TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE token ADD COLUMN scope TEXT NOT NULL DEFAULT ''",
    ),
    2: (SHARE_TABLE,),
    3: tuple(f"ALTER TABLE act ADD COLUMN {name} TEXT NOT NULL DEFAULT ''" for name in ("name", "target", "who")),
    4: (
        "ALTER TABLE user ADD COLUMN confirmed_us INTEGER NOT NULL DEFAULT 0",
        (
            "UPDATE user SET confirmed_us = coalesce((SELECT max(at_us) FROM audit WHERE audit.act = 'signed in' "
            "AND audit.who = user.name COLLATE NOCASE), 0)"
        ),
    ),
}


@contextmanager
def change_access(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database in a transaction that is committed at the end, or rolled back by an error.

    Its tables are created on first use.

    Raises:
        AccessUnusable: it is no such database, is damaged, or is from a newer release.
    """
    with read_access(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


@contextmanager
def read_access(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database without a transaction; see `change_access`."""
    try:
        create_private(path)
        connection = sqlite3.connect(path, timeout=LOCK_TIMEOUT_S, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise AccessUnusable(f"{path}: cannot be opened: {error}") from error
    try:
        _prepare(connection, path)
        yield connection
    except sqlite3.DatabaseError as error:
        raise AccessUnusable(f"{path}: {error}") from error
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set what a connection needs, and create the tables of a new database."""
    connection.execute("PRAGMA foreign_keys = ON")
    version = _version(connection)
    if version > VERSION:
        raise AccessUnusable(f"{path}: version {version}, made by a newer release (this one knows {VERSION})")
    if version == VERSION:
        return
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    version = _version(connection)  # another process may have been faster
    if version == 0 and connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        raise AccessUnusable(f"{path}: another program's database; move it away")
    if version < VERSION:
        for statement in SCHEMA.split(";\n") if version == 0 else _upgrades(version):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _upgrades(version: int) -> list[str]:
    """Return the statements that bring a database of an older version to this one."""
    return [statement for step in range(version, VERSION) for statement in UPGRADES[step]]


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
