"""Precedence of new files over a backlog: a feed with many files gives way to feeds that have just got one.

All lanes share the interpreter, so that without it a partner who hands in a thousand files would double the delay of
all others. A file that waits for its partner's answer uses no processor, and nothing gives way to it.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from poc.delivery.sender import Endpoint

#: The longest time for which a backlog gives way before each file, in seconds, so that it is worked off, too.
LONGEST_S = 0.05


class Precedence:
    """Counts the new files that the lanes of a process work on.

    `listener` is told of each feed that begins to wait for its partner (1), or has waited (-1).
    """

    def __init__(self) -> None:
        self.listener: Callable[[int], None] = lambda _: None
        self._changed = threading.Condition()
        self._new_files = 0

    @contextmanager
    def new_file(self) -> Iterator[None]:
        """Work on a file that goes before a backlog."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    @contextmanager
    def waiting_for_partner(self, *, new_file: bool) -> Iterator[None]:
        """Wait for a partner's answer; `new_file`: within a `new_file`."""
        self.listener(1)
        self._count(-new_file)
        try:
            yield
        finally:
            self._count(new_file)
            self.listener(-1)

    def give_way(self) -> None:
        """Wait until no new file is worked on, or for `LONGEST_S`; call it before a file of a backlog."""
        with self._changed:
            self._changed.wait_for(lambda: not self._new_files, LONGEST_S)

    def _count(self, change: int) -> None:
        with self._changed:
            self._new_files += change
            if not self._new_files:
                self._changed.notify_all()


class PrecedenceEndpoint:
    """An endpoint that says when its feed waits for the partner. `has_new_file`: the feed works on a new file.

    Several requests may be under way at once; the feed, which has one lane, is counted once.
    """

    def __init__(self, endpoint: Endpoint, precedence: Precedence) -> None:
        self.has_new_file = False
        self._endpoint = endpoint
        self._precedence = precedence
        self._lock = threading.Lock()
        self._under_way = 0
        self._waiting = ExitStack()

    def post(self, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:
        """Send one body. Raises DeliveryFailed."""
        with self._lock:
            self._under_way += 1
            if self._under_way == 1:
                self._waiting.enter_context(self._precedence.waiting_for_partner(new_file=self.has_new_file))
        try:
            return self._endpoint.post(body, headers, now)
        finally:
            with self._lock:
                self._under_way -= 1
                if not self._under_way:
                    self._waiting.close()
