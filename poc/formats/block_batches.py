"""Number the rows of a parsed block, and make them batches with their original bytes."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import polars as pl

from poc.batch import ROW, Batch, Finding, make_findings, make_rejected_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from poc.batch import RejectedRow
    from poc.formats.encodings import TextEncoding
    from poc.formats.parsed_block import Faults, ParsedBlock
    from poc.formats.record_block import RecordBlock

#: The most rows of a batch, and the most rejected rows, as each of these takes many times its bytes in memory.
MAX_BATCH_ROWS, MAX_REJECTED_ROWS = 1 << 16, 8192


class NumberedLines(Protocol):
    """The original bytes of a block whose first row has a number in its file."""

    @property
    def first_row(self) -> int:
        """The number of the block's first row."""

    def original(self, row: int) -> bytes:
        """Return the bytes of a row without its line end. Raises KeyError for a row of another block."""

    def originals(self, rows: Sequence[int]) -> list[bytes]:
        """Return the bytes of many rows, as `original` does."""


@dataclass(slots=True)
class BlockLines:
    """The original lines of a block, by the row's number in the file."""

    block: RecordBlock
    first_row: int
    encoding: TextEncoding

    def original(self, row: int) -> bytes:
        """Return the bytes of a row in the file, without its line end. Raises KeyError for a row of another block."""
        return self.encoding.original(self.block.row(row - self.first_row))

    def originals(self, rows: Sequence[int]) -> list[bytes]:
        """Return the bytes of many rows, as `original` does."""
        return self.encoding.originals(self.block.some_rows([row - self.first_row for row in rows]))


def block_batches(
    parsed: ParsedBlock, lines: NumberedLines, notes: tuple[Finding, ...], batch_rows: int = MAX_BATCH_ROWS
) -> Iterator[Batch]:
    """Yield the batches of a parsed block."""
    first, frame = lines.first_row, parsed.frame
    if parsed.valid_rows is None:
        numbers = pl.int_range(first, first + frame.height, dtype=pl.get_index_type(), eager=True).alias(ROW)
    else:
        numbers = pl.Series(ROW, parsed.valid_rows + first, dtype=pl.get_index_type())
    frame.insert_column(0, numbers)
    faulty = sorted(parsed.faults)
    limit = min(batch_rows, MAX_REJECTED_ROWS) if len(faulty) > MAX_REJECTED_ROWS else batch_rows
    if parsed.rows <= limit:
        yield Batch(frame, lines, rejected_rows(faulty, parsed.faults, lines), notes)
        return
    for start in range(0, parsed.rows, limit):
        rejected = faulty[bisect_left(faulty, start) : bisect_left(faulty, start + limit)]
        part = frame.slice(*slice_bounds(numbers, first + start, first + start + limit))
        yield Batch(part, lines, rejected_rows(rejected, parsed.faults, lines), notes if start == 0 else ())


def rejected_rows(rows: Sequence[int], faults: Faults, lines: NumberedLines) -> tuple[RejectedRow, ...]:
    """Return faulty rows of a block with their original bytes and findings."""
    if not rows:
        return ()
    first = lines.first_row
    numbers = [first + row for row in rows]
    of_rows = [faults[row] for row in rows]
    listed = list(chain.from_iterable(of_rows))
    findings: Iterable[tuple[Finding, ...]]
    if len(listed) == len(rows):  # one fault each, as usual
        findings = zip(make_findings(numbers, *zip(*listed, strict=True)), strict=True)
    else:
        findings = [
            tuple([Finding(number, *fault) for fault in of_row])
            for number, of_row in zip(numbers, of_rows, strict=True)
        ]
    return tuple(make_rejected_rows(numbers, lines.originals(numbers), findings))


def slice_bounds(numbers: pl.Series, start: int, end: int) -> tuple[int, int]:
    """Return the offset and count of the numbers from `start` to before `end` in an ascending series."""
    first, last = (numbers.search_sorted(number, side="left") for number in (start, end))
    return first, last - first
