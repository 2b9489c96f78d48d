"""Reader of files that have cells instead of text: workbooks and Parquet. The columns of a part become texts at once.

The original of a row is JSON: its place in the file, and its cells as texts, so that a person can find, read and edit
it. A row that was edited is read from this JSON.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from json.encoder import encode_basestring as encode_string
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl

from poc.batch import Finding
from poc.formats.block_batches import block_batches
from poc.formats.compression import open_stream
from poc.formats.file_reader import UnsplitReader
from poc.formats.header import compare_header
from poc.formats.missing_texts import blank, missing_texts
from poc.formats.parsed_block import ParsedBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import IO, BinaryIO

    from poc.batch import Batch
    from poc.config.partner import Feed
    from poc.formats.header import ExpectedFields
    from poc.formats.parsed_block import Faults

#: Bytes that are copied at once.
COPY_BYTES = 1 << 20


@dataclass(slots=True)
class CellBlock:
    """Consecutive rows of a file: a text column for each column of the file, and rows with cells that are no values.

    `place` returns where a row of the block is in the file, as the members of a JSON object.
    """

    columns: list[pl.Series]
    faults: Faults
    place: Callable[[int], str]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.columns[0]) if self.columns else 0


@dataclass(slots=True)
class CellTable:
    """The table of one file: the labels of all its columns, those of the columns in its blocks, and the blocks."""

    labels: tuple[str, ...]
    columns: tuple[str, ...]
    blocks: Iterable[CellBlock]


class CellSource(Protocol):
    """A format of files that have cells."""

    def open(self, source: IO[bytes]) -> CellTable:
        """Open a file. Raises ContractBreach for one that cannot be read; so do the blocks."""


@dataclass(slots=True)
class CellLines:
    """The rows of a block as JSON, by their numbers in the file."""

    block: CellBlock
    labels: Sequence[str]
    first_row: int
    _names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self._names = [f"{encode_string(label)}:" for label in self.labels]

    def original(self, row: int) -> bytes:
        """Return a row as JSON. Raises KeyError for a row of another block."""
        index = row - self.first_row
        if not 0 <= index < self.block.rows:
            raise KeyError(row)
        texts = [column[index] for column in self.block.columns]
        cells = [
            f"{name}{'null' if text is None else encode_string(text)}"
            for name, text in zip(self._names, texts, strict=True)
        ]
        return f'{{{self.block.place(index)},"cells":{{{",".join(cells)}}}}}'.encode()

    def originals(self, rows: Sequence[int]) -> list[bytes]:
        """Return rows as JSON."""
        return [self.original(row) for row in rows]


class CellFileReader(UnsplitReader):
    """Reader of the files of one feed that have cells."""

    def __init__(self, feed: Feed, expected: ExpectedFields, source: CellSource) -> None:
        self._feed = feed
        self._expected = expected
        self._source = source
        self._missing = missing_texts(feed, expected)

    def read(self, source: BinaryIO) -> Iterator[Batch]:
        """Yield batches of text columns and `_row`. Raises ContractBreach, SchemaDrift."""
        with seekable(self._feed, source) as file:
            table = self._source.open(file)
            accept = self._feed.on_drift == "accept-extra"
            notes = compare_header(table.labels, self._expected, accept_extra=accept)
            first_row = 1
            for block in table.blocks:
                parsed = self._parse(table.columns, block)
                yield from block_batches(parsed, CellLines(block, table.columns, first_row), notes)
                first_row, notes = first_row + block.rows, ()
            if first_row == 1:
                notes = (*notes, Finding(0, "empty-file", "", "the file is empty: it has no row"))
                empty = [pl.Series(label, [], dtype=pl.String) for label in table.columns]
                block = CellBlock(empty, {}, lambda _: "")
                lines = CellLines(block, table.columns, first_row)
                yield from block_batches(self._parse(table.columns, block), lines, notes)

    def rows(self, source: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Yield the number and JSON of every row, whatever its columns are. Raises ContractBreach."""
        with seekable(self._feed, source) as file:
            table = self._source.open(file)
            first_row = 1
            for block in table.blocks:
                lines = CellLines(block, table.columns, first_row)
                for row in range(first_row, first_row + block.rows):
                    yield row, lines.original(row)
                first_row += block.rows

    def _parse(self, labels: Sequence[str], block: CellBlock) -> ParsedBlock:
        by_label = dict(zip(labels, block.columns, strict=True))
        columns = []
        for name in self._expected.names:
            column = by_label.get(name)
            if column is None:
                column = pl.Series(name, [None] * block.rows, dtype=pl.String)
            columns.append(blank(column.alias(name), self._missing[name]))
        frame = pl.DataFrame(columns)
        faults = {row: faults for row, faults in block.faults.items() if faults}
        if not faults:
            return ParsedBlock(frame, None, faults)
        valid = np.ones(block.rows, dtype=bool)
        valid[list(faults)] = False
        return ParsedBlock(frame.filter(pl.Series(valid)), np.flatnonzero(valid), faults)


class seekable:  # noqa: N801 - used as a function
    """Context of a file that is read from any place: itself, or what it decompresses to, in a temporary file."""

    def __init__(self, feed: Feed, source: BinaryIO) -> None:
        self._feed = feed
        self._source = source
        self._copy: IO[bytes] | None = None

    def __enter__(self) -> IO[bytes]:
        """Return the file. Raises ContractBreach for a damaged archive."""
        self._source.seek(0)
        if self._feed.compression == "none":
            return self._source
        stream = open_stream(self._feed, self._source)
        copy = self._copy = tempfile.TemporaryFile(prefix="milepost-unpacked-")
        while piece := stream.read(COPY_BYTES):
            copy.write(piece)
        copy.seek(0)
        return copy

    def __exit__(self, *_: object) -> None:
        """Remove the temporary file."""
        if self._copy is not None:
            self._copy.close()
