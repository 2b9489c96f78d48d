"""Detect changes of a metrics database without reading it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class ChangeDetector:
    """Detector of commits: SQLite's `PRAGMA data_version` changes when another connection commits.

    It keeps one reading connection open, and opens a new one when the database file was replaced. It may be used from
    several threads.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._opened = 0

    def version(self) -> tuple[int, int] | None:
        """Return a value that is new after every change; None while there is no readable database."""
        with self._lock:
            try:
                status = self._path.stat()
            except OSError:
                self._close()
                return None
            try:
                if self._db is None or self._file != (status.st_dev, status.st_ino):
                    self._close()
                    self._file, self._opened = (status.st_dev, status.st_ino), self._opened + 1
                    uri = f"{self._path.resolve().as_uri()}?mode=ro"
                    self._db = sqlite3.connect(uri, uri=True, timeout=10, check_same_thread=False)
                return self._opened, int(self._db.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.DatabaseError:  # the next reader of the database reports the error
                self._close()
                return None

    def close(self) -> None:
        """Close the database; the next call of `version` opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
        self._db = None
