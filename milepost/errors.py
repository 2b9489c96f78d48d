"""Errors of the command line: one line on stderr and an exit code."""

from __future__ import annotations

import sqlite3

#: What the system says of a place that cannot be used as asked.
UNUSABLE_PATH = (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError)


#: Exit code of what may be tried again as it stands.
BUSY = 75


def describe_error(error: Exception) -> tuple[Exception, int | None]:
    """What can be said of an error in one line, and its exit code; no code means that nobody foresaw it."""
    if isinstance(error, UNUSABLE_PATH):
        return CommandError(f"{error.filename}: {error.strerror}"), 2
    if isinstance(error, sqlite3.DatabaseError):
        return describe_database_error(error)
    return error, getattr(error, "exit_code", None)


def describe_database_error(error: sqlite3.DatabaseError) -> tuple[CommandError, int]:
    """What a database's error means to whoever called, and the exit code."""
    from metrics.store.database import is_busy

    if is_busy(error):
        return CommandError(
            f"a database of this workspace is in use by another program: {error}; try again later"
        ), BUSY
    return CommandError(f"a database of this workspace cannot be used: {error}; restore a copy of it"), 2


class CommandError(Exception):
    """Something asked of the front door that it does not do; the message says what it does."""

    exit_code = 2
