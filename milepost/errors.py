"""Errors of the command line: each becomes one line on stderr and an exit code."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Errors of the operating system about a path that cannot be used.
UNUSABLE_PATH = (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError)

#: Exit code of a command that can be repeated unchanged.
BUSY = 75


def describe_error(error: Exception) -> tuple[Exception, int | None]:
    """Return an error whose text is one line, and its exit code; None as the code of an unexpected error."""
    if isinstance(error, UNUSABLE_PATH):
        return CommandError(f"{error.filename}: {error.strerror}"), 2
    if isinstance(error, sqlite3.DatabaseError):
        return describe_database_error(error)
    return error, getattr(error, "exit_code", None)


@contextmanager
def expected_errors_as(kind: type[Exception]) -> Iterator[None]:
    """Raise an expected error as one of another kind, with its text of one line; an unexpected one stays as it is."""
    try:
        yield
    except kind:
        raise
    except Exception as error:
        message, code = describe_error(error)
        if code is None:
            raise
        raise kind(str(message)) from error


def describe_database_error(error: sqlite3.DatabaseError) -> tuple[CommandError, int]:
    """Return a database error with the next step for the user, and its exit code."""
    from metrics.store.database import is_busy

    if is_busy(error):
        return CommandError(
            f"a database of this workspace is in use by another program: {error}; try again later"
        ), BUSY
    return CommandError(f"a database of this workspace cannot be used: {error}; restore a copy of it"), 2


class CommandError(Exception):
    """A command cannot do what was asked; each argument is a line that says what to do instead."""

    exit_code = 2
