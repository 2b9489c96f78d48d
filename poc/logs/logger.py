"""Make a logger: its level, its form, and where its lines go. It is handed to whoever logs; none is global."""

from __future__ import annotations

import logging
import os
import sys
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

from metrics.terminal import print_line
from poc.errors import BadInput
from poc.logs.formatters import JsonFormatter, TextFormatter

if TYPE_CHECKING:
    from io import TextIOWrapper
    from pathlib import Path

FORMATS = ("text", "json")

LEVELS = ("debug", "info", "warning", "error")

#: Size at which a log file is renamed to `NAME.1`, in bytes, and how many such files are kept.
ROTATE_BYTES, KEPT_FILES = 10 << 20, 5


class PrivateRotatingFileHandler(RotatingFileHandler):
    """A file that rotates, and that only its owner may read. A line that cannot be written is left out, and said once.

    A full disk must not end the exchanges.
    """

    _has_failed = False

    def _open(self) -> TextIOWrapper:
        def opener(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_CLOEXEC, 0o600)

        return open(self.baseFilename, "a", encoding="utf-8", opener=opener)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name is that of the standard library)
        """Say on stderr, once, that lines are lost."""
        del record
        if not self._has_failed:
            self._has_failed = True
            print_line(f"milepost: {self.baseFilename}: cannot be written: {sys.exc_info()[1]}", err=True)


def make_logger(
    form: str, level: str, file: Path | None, *, rotate_bytes: int = ROTATE_BYTES, kept_files: int = KEPT_FILES
) -> logging.Logger:
    """Return a logger that belongs to no hierarchy; its owner closes it by `close_logger`.

    Args:
        form: one of FORMATS.
        level: one of LEVELS; lines below it are left out.
        file: where lines go; None for stderr.
        rotate_bytes: size at which the file is renamed and a new one begun.
        kept_files: how many renamed files are kept.

    Raises:
        BadInput: the file cannot be opened.
    """
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler()
    else:
        try:
            handler = PrivateRotatingFileHandler(file, maxBytes=rotate_bytes, backupCount=kept_files, encoding="utf-8")
        except OSError as error:
            raise BadInput(f"{file}: the log cannot be written there: {error.strerror}") from error
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logger = logging.Logger("milepost", level.upper())  # noqa: LOG001 (none of the global ones: it is handed to whoever logs)
    logger.addHandler(handler)
    return logger


def close_logger(logger: logging.Logger) -> None:
    """Write what is left, and close the file."""
    for handler in [*logger.handlers]:
        logger.removeHandler(handler)
        if not isinstance(handler, logging.StreamHandler) or isinstance(handler, logging.FileHandler):
            handler.close()
