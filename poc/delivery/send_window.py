"""The requests of one feed that are under way at once: up to `parallel`, each in a thread of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future


class SendWindow:
    """Requests that were begun, and whose answers nobody has taken yet.

    It opens when the partner accepts a request, and closes when one fails: a partner that may be down gets one request
    at a time. The thread of the feed alone uses it.

    Attributes:
        most: the most requests under way, the one whose answer is waited for included.
        is_open: whether requests may be begun ahead.
    """

    def __init__(self, most: int = 1) -> None:
        self.most = most
        self.is_open = False
        self._under_way = 0
        self._pool: ThreadPoolExecutor | None = None

    @property
    def has_room(self) -> bool:
        """Whether one more request may be begun ahead."""
        return self.is_open and self._under_way < self.most > 1

    def begin(self, send: Callable[[], bool]) -> Future[bool]:
        """Begin to send a request; `take` waits for its end."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.most, thread_name_prefix="send")
        self._under_way += 1
        return self._pool.submit(send)

    def take(self, request: Future[bool]) -> bool:
        """Wait for the end of a request that was begun, and return its result. Raises what its sending raised."""
        self._under_way -= 1
        return request.result()

    def close(self) -> None:
        """Wait for the requests that are under way; their answers are not needed any more."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self._under_way, self.is_open = 0, False
