"""Measure the time spent in each stage."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.batch import Batch


class StageTimer:
    """Times stages from outside: the time inside a stage, less the time it waited for the stage before it.

    Stages that run in a thread of their own are timed there; the time of `ahead` is what the others waited for them.
    """

    def __init__(self) -> None:
        self.spent_ns: dict[str, int] = {}
        self._inner = threading.local()

    def over(self, name: str, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the same batches, and add the time that each took to `spent_ns[name]`."""
        while True:
            outer_ns, self._inner.ns = getattr(self._inner, "ns", 0), 0
            began = time.monotonic_ns()
            try:
                batch = next(batches, None)
            finally:
                took_ns = time.monotonic_ns() - began
                self.spent_ns[name] = self.spent_ns.get(name, 0) + took_ns - self._inner.ns
                self._inner.ns = outer_ns + took_ns
            if batch is None:
                return
            yield batch
