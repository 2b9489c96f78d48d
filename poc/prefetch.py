"""Work one step ahead in a thread, so that a producer and its consumer run at the same time.

The libraries that do the work release the interpreter lock, so both cores are busy, each on whole batches. Spreading
the work of one batch over the cores gains less, and for small files, which are the most frequent, it costs more than it
gains: that is why polars has one thread (see `poc/__init__.py`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

T = TypeVar("T")


def run_ahead(tasks: Iterable[Callable[[], T]]) -> Iterator[T]:
    """Yield the results of tasks in order; a thread runs the next task while the consumer handles a result.

    Tasks are created in the caller's thread. Raises what they raise.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as pool:
        current: Future[T] | None = None
        for task in tasks:
            following = pool.submit(task)
            if current is not None:
                yield current.result()
            current = following
        if current is not None:
            yield current.result()


def prefetch(items: Iterator[T]) -> Iterator[T]:
    """Yield the same items; from the third on, a thread makes each while the consumer handles the one before.

    The first two are made in the caller's thread, so that a file of one batch, as most are, starts no thread. Raises
    what the iterator raises.
    """
    first = next(items, None)
    if first is None:
        return
    yield first
    second = next(items, None)
    if second is None:
        return

    def make_next() -> T | None:
        return next(items, None)

    tasks: Iterable[Callable[[], T | None]] = chain([lambda: second], repeat(make_next))
    for item in run_ahead(tasks):
        if item is None:
            return
        yield item
