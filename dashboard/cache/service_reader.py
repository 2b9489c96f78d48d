"""A state that the front door reads, kept for a moment: requests share it, and reading takes a part of the time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from dashboard.service_state import ServiceUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: Seconds for which a state is shown, at least.
KEPT_S = 2.0

#: Reading the state may take 1/COST_FACTOR of the time.
COST_FACTOR = 10


class ServiceReader(Generic[T]):
    """Reads the state of the service, or of its routes, by a function that the settings hand in.

    It is safe to use from several threads.

    Args:
        read: reads the state; None where there is no service, as in a replay.
        kept_s: seconds for which a state is shown.
        clock_s: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        read: Callable[[], T] | None,
        kept_s: float = KEPT_S,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._kept_s, self._clock_s = read, kept_s, clock_s
        self._lock = threading.Lock()
        self._result: T | ServiceUnreadable | None = None
        self._old_at_s = 0.0

    def current(self) -> T | None:
        """Return the state, at most some seconds old; None where there is no service.

        Raises:
            ServiceUnreadable: it could not be read the last time.
        """
        if self._read is None:
            return None
        with self._lock:
            begun_s = self._clock_s()
            if self._result is None or begun_s >= self._old_at_s:
                try:
                    self._result = self._read()
                except ServiceUnreadable as error:
                    self._result = error
                ended_s = self._clock_s()
                self._old_at_s = ended_s + max(self._kept_s, COST_FACTOR * (ended_s - begun_s))
            result = self._result
        if isinstance(result, ServiceUnreadable):
            raise ServiceUnreadable(*result.args)
        return result
