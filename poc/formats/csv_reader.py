"""CSV in: our own cut for structure, pyarrow for cells.

What made it quick: the rows of a block are handed to pyarrow in one piece, with options made once a header; strings
come out as views without a copy; nothing is done a row or a cell at a time in Python unless a row is broken, and the
next block is read while the rest of the line works on this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import csv

from poc.errors import ContractBreach
from poc.formats import header as labels
from poc.formats.grammar import csv_grammar
from poc.formats.table_reader import BROKEN, UNDECODABLE, ParsedBlock

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from poc.batch import Finding
    from poc.config.partner import Feed
    from poc.formats.encodings import TextEncoding
    from poc.formats.file_head import FileHead
    from poc.formats.grammar import Grammar
    from poc.formats.header import ExpectedFields
    from poc.formats.record_splitter import RecordBlock
    from poc.formats.table_reader import Faults

#: pyarrow must never cut for itself, so it takes more at once than any block has, in bytes.
ARROW_BLOCK_BYTES = (1 << 31) - 1

#: From this size on pyarrow is asked for views of text, which it makes in half the time that polars takes.
MIN_VIEW_BYTES = 1 << 17

BOM = b"\xef\xbb\xbf"


class CsvFormat:
    """CSV as one feed writes it, under one contract."""

    def __init__(self, feed: Feed, shape: ExpectedFields) -> None:
        self._feed = feed
        self._shape = shape
        self._missing = MissingValues(feed, shape)
        self._narrow = csv_grammar(feed.dialect, len(shape.names))
        self._wider: tuple[bytes, Grammar] = (b"", self._narrow)
        self._known: tuple[bytes, CsvParser, tuple[Finding, ...]] | None = None

    def header(self) -> re.Pattern[bytes] | None:
        """A strict record of any width; None for files without a header."""
        return self._narrow.header if self._feed.dialect.header else None

    def grammar(self, header: bytes | None) -> Grammar:
        """Rows as wide as the header, or as the contract where there is none that can be read."""
        if not header:
            return self._narrow
        if self._wider[0] != header:
            width = len(self._narrow.cells(header))
            same = width == len(self._shape.names)
            self._wider = (header, self._narrow if same else csv_grammar(self._feed.dialect, width))
        return self._wider[1]

    def cells(
        self, head: FileHead, letters: TextEncoding
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """How blocks are read under a header, and notes on it. Raises ContractBreach: it is not the contract's."""
        if self._known is None or self._known[0] != head.header:
            found = self._shape.names
            notes: tuple[Finding, ...] = ()
            if self._feed.dialect.header:
                found = self._labels(head.header, letters)
                notes = labels.compare_header(found, self._shape, accept_extra=self._feed.on_drift == "accept-extra")
            self._known = (head.header, CsvParser(self._feed, self._shape.names, found, self._missing.all), notes)
        options, notes = self._known[1:]
        return lambda block: self._read(block, letters, options), notes

    def _labels(self, header: bytes, letters: TextEncoding) -> tuple[str, ...]:
        text = letters.utf8(header)
        if text is None:
            raise ContractBreach(UNDECODABLE, f"the header is {letters.fault(header)}")
        return tuple(cell.decode() for cell in self.grammar(header).cells(bytes(text)))

    def _read(self, block: RecordBlock, letters: TextEncoding, options: CsvParser) -> ParsedBlock:
        bad: Faults = {row: [(BROKEN, "", note)] for row, note in block.broken_rows().items()}
        strict = block.strict()
        text = strict if block.data.isascii() else letters.utf8(strict)
        if text is None:
            rows = list(block.rows())
            for row, line in enumerate(rows):
                if row not in bad and (fault := letters.fault(line)):
                    bad[row] = [(UNDECODABLE, "", fault)]
            kept = b"".join(line + options.line_end for row, line in enumerate(rows) if row not in bad)
            text = letters.utf8(kept) or b""
        frame, ragged = options.parse(text)
        if bad or ragged:
            taken = np.delete(np.arange(frame.height + len(ragged) + len(bad)), list(bad))
            places = taken[[number - 1 for number, _ in ragged]].tolist() if ragged else []
            width = options.width
            told = {  # one for all rows of so many cells
                cells: [("missing-cell" if cells < width else "extra-cell", "", f"{cells} cells instead of {width}")]
                for cells in {cells for _, cells in ragged}
            }
            bad |= {place: told[cells] for place, (_, cells) in zip(places, ragged, strict=True)}
            return ParsedBlock(self._missing.blank(frame), np.setdiff1d(taken, places, assume_unique=True), bad)
        return ParsedBlock(self._missing.blank(frame), None, bad)


class MissingValues:
    """Which texts stand for no value: those of all fields at once, and what single fields have beyond them."""

    def __init__(self, feed: Feed, shape: ExpectedFields) -> None:
        each = {
            name: {*shape.field_missing.get(name, shape.missing_values), *feed.dialect.nulls} for name in shape.names
        }
        shared = set[str].intersection(*each.values())
        self.all = tuple(sorted(shared))
        self._beyond = [
            pl.when(pl.col(name).is_in(sorted(texts - shared))).then(None).otherwise(pl.col(name)).alias(name)
            for name, texts in each.items()
            if texts - shared
        ]

    def blank(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A frame with null where a field has a text of its own that stands for none."""
        return frame.with_columns(self._beyond) if self._beyond else frame


class CsvParser:
    """pyarrow's options for the files of one header, made once."""

    def __init__(self, feed: Feed, names: tuple[str, ...], found: tuple[str, ...], missing: tuple[str, ...]) -> None:
        dialect = feed.dialect
        self.width = len(found)
        self.line_end = b"\n"
        self._names = list(names)
        self._empty = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        self._parsing = {
            "delimiter": dialect.delimiter,
            "quote_char": dialect.quote or False,
            "double_quote": not dialect.escape,
            "escape_char": dialect.escape or False,
            "newlines_in_values": bool(dialect.quote),
        }
        self._reading = csv.ReadOptions(use_threads=False, column_names=found, block_size=ARROW_BLOCK_BYTES)
        self._converting = csv.ConvertOptions(
            check_utf8=False,  # what gets here has been decoded
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=names,
            include_missing_columns=True,
            null_values=missing,
            strings_can_be_null=True,
        )

    def parse(self, text: bytes | memoryview) -> tuple[pl.DataFrame, list[tuple[int, int]]]:
        """Strict rows as columns of text; (row from 1, number of cells) of those that are too short or too long."""
        ragged: list[tuple[int, int]] = []

        def on_ragged(row: csv.InvalidRow) -> str:
            ragged.append((row.number, row.actual_columns))
            return "skip"

        if not text:
            return self._empty.clone(), ragged
        if bytes(text[:3]) == BOM:
            text = BOM + bytes(text)  # pyarrow takes one off, and this one is the beginning of a cell
        parsing = csv.ParseOptions(invalid_row_handler=on_ragged, **self._parsing)
        try:
            batch = csv.open_csv(pa.py_buffer(text), self._reading, parsing, self._converting).read_next_batch()
        except StopIteration:
            return self._empty.clone(), ragged
        if len(text) >= MIN_VIEW_BYTES:
            batch = pa.RecordBatch.from_arrays([column.cast(pa.string_view()) for column in batch.columns], self._names)
        return pl.Series(batch).struct.unnest(), ragged
