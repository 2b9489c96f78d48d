"""Errors of measuring, named by what the caller does next.

MetricsError            base; never raised itself
├── BadInput            correct the named thing and call again (exit 2)
├── StoreDamaged        restore or move the named database away; nothing was changed (exit 2)
│   └── StoreMissing    measure or run something first; there is nothing to read yet (exit 2)
├── SpoolDamaged        look at the saved lines; every good line has been collected (exit 3)
├── RowsSkipped         correct the named rows and import again; every good row was imported (exit 3)
├── SubjectFailed       read the subject's own output; the measurement did not happen (exit 1)
└── TryLater            another program holds the lock; call again later (exit 75)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class MetricsError(Exception):
    """Base of this room's errors; `exit_code` is the exit code of the command line."""

    exit_code = 1


class BadInput(MetricsError):
    """A name, a value or a path cannot be used; the message names it and the choices.

    `mistakes` are all mistakes in it, one line each, the message among them.
    """

    exit_code = 2

    def __init__(self, message: str, mistakes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.mistakes = tuple(mistakes) or (message,)


class StoreDamaged(MetricsError):
    """The metrics database is not one, is on another clock, or was made by a newer release."""

    exit_code = 2


class StoreMissing(StoreDamaged):
    """There is no metrics database yet, or it is being created at this moment."""


class SpoolDamaged(MetricsError):
    """Lines of a spool file are not events; they were saved apart, the others were collected."""

    exit_code = 3


class RowsSkipped(MetricsError):
    """Rows of a log cannot be read as runs; each was named, the others were imported."""

    exit_code = 3


class SubjectFailed(MetricsError):
    """A measured program did not start, or broke the line protocol."""


class TryLater(MetricsError):
    """Another program holds the database locked for longer than we wait."""

    exit_code = 75
