"""Parse the blocks of a file one ahead of the stages that process them."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from poc.prefetch import run_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from poc.formats.record_block import RecordBlock

T = TypeVar("T")


def parse_ahead(blocks: Iterator[RecordBlock], parse: Callable[[RecordBlock], T]) -> Iterator[tuple[RecordBlock, T]]:
    """Yield each block with its parsed rows; a thread parses the next block while the consumer handles one.

    A file of one block, as most are, starts no thread.
    """

    def task(block: RecordBlock) -> tuple[RecordBlock, T]:
        return block, parse(block)

    first = next(blocks, None)
    if first is None:
        return
    second = next(blocks, None)
    if second is None:
        yield task(first)
        return
    yield from run_ahead(partial(task, block) for block in chain((first, second), blocks))
