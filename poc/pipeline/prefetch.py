"""Two hands on one file: what comes first in the line is made in a thread of its own, one batch ahead of the rest.

The libraries that do the work let go of the interpreter, so both cores are busy, each on whole batches. Spreading the
work of one batch over the cores gains less, and for the small files of which there are most it costs more than it
gains: that is why polars is given one thread (see `poc/__init__.py`). A file of one batch never starts a thread.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.batch import Batch


def prefetch(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches; from the second on, each is made while the one before is worked on. Raises what they raise."""
    first = next(batches, None)
    if first is None:
        return
    yield first
    second = next(batches, None)  # most files end here
    if second is None:
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as hand:
        coming = hand.submit(next, batches, None)
        yield second
        while (batch := coming.result()) is not None:
            coming = hand.submit(next, batches, None)
            yield batch
