"""Connections for reading the store that are kept open between requests.

Opening the store costs more than most of its queries: the schema is read and checked, and SQLite begins with an empty
page cache. So a request takes a connection that an earlier request gave back, as long as the store has not changed.
With it come the numbers that the earlier request counted (`Snapshot.computed`): a store that has not changed has the
same.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.cache.scoped_store import open_scoped
from dashboard.scope import WHOLE, Scope
from metrics.store.change_detector import ChangeDetector

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

    from metrics.store.database import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A snapshot of the store, and the version of the store for which it was opened."""

    db: Snapshot
    version: Hashable


class Readers:
    """The readers of one store; several threads may use it, and each reader is used by one thread at a time.

    A change of the store, or another file in its place, closes the idle readers: the next one is checked as every new
    connection is.
    """

    def __init__(self, path: Path, scope: Scope = WHOLE) -> None:
        self._path, self._scope = path, scope
        self._changes = ChangeDetector(path)
        self._lock = threading.Lock()
        self._idle: list[Reader] = []
        self._closed = False

    def take(self) -> Reader:
        """Return an idle reader or a new one; `give_back` takes it at the end of the request.

        Raises:
            StoreMissing, StoreDamaged: as for `open_scoped`.
        """
        reader = self._take_idle()
        if reader is not None:
            reader.db.begin()
            if reader.version == self._changes.version():
                return reader
            reader.db.close()  # the store changed before its snapshot was taken
        version = self._changes.version()
        return Reader(db=open_scoped(self._path, self._scope, check_same_thread=False), version=version)

    def _take_idle(self) -> Reader | None:
        """Return an idle reader of the store as it is, if there is one; close those of the store as it was."""
        version = self._changes.version()
        with self._lock:
            outdated = [reader for reader in self._idle if reader.version != version]
            self._idle = [reader for reader in self._idle if reader.version == version]
            reader = self._idle.pop() if self._idle else None
        for old in outdated:
            old.db.close()
        return reader

    def give_back(self, reader: Reader, *, intact: bool) -> None:
        """End the snapshot of a reader and keep its connection; close it after an error (`intact` is False)."""
        if intact and reader.version is not None:
            reader.db.end()
            with self._lock:
                if not self._closed:
                    self._idle.append(reader)
                    return
        reader.db.close()

    def close(self) -> None:
        """Close the idle readers; those in use are closed when they are given back."""
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for reader in idle:
            reader.db.close()
        self._changes.close()
