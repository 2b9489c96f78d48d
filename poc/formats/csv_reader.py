"""CSV reader: our own splitter for the structure, pyarrow for the cells.

For speed, pyarrow gets the rows of a block in one piece, with options that are built once per header; strings are
returned as views without a copy; Python handles single rows or cells only if a row is broken; and the next block is
parsed while the rest of the pipeline processes this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import csv

from poc.errors import ContractBreach
from poc.formats.grammar import csv_grammar
from poc.formats.header import compare_header
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

#: Block size of pyarrow in bytes: larger than any block, so that pyarrow never splits one.
ARROW_BLOCK_BYTES = (1 << 31) - 1

#: From this size on, pyarrow converts text to string views, in half the time that polars takes.
MIN_VIEW_BYTES = 1 << 17

BOM = b"\xef\xbb\xbf"


class CsvFormat:
    """The CSV format of one feed under one contract."""

    def __init__(self, feed: Feed, expected: ExpectedFields) -> None:
        self._feed = feed
        self._expected = expected
        self._missing = MissingValues(feed, expected)
        self._contract_grammar = csv_grammar(feed.dialect, len(expected.names))
        self._last_grammar: tuple[bytes, Grammar] = (b"", self._contract_grammar)
        self._last_parser: tuple[bytes, CsvParser, tuple[Finding, ...]] | None = None

    def header(self) -> re.Pattern[bytes] | None:
        """Return the pattern of a record of any width; None for files without a header."""
        return self._contract_grammar.header_pattern if self._feed.dialect.header else None

    def grammar(self, header: bytes | None) -> Grammar:
        """Return the grammar of rows as wide as the header, or as the contract if no header can be read."""
        if not header:
            return self._contract_grammar
        if self._last_grammar[0] != header:
            width = len(self._contract_grammar.split_cells(header))
            same = width == len(self._expected.names)
            self._last_grammar = (header, self._contract_grammar if same else csv_grammar(self._feed.dialect, width))
        return self._last_grammar[1]

    def block_parser(
        self, head: FileHead, encoding: TextEncoding
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """Return the parser of blocks under a header, and notes on it. Raises ContractBreach for another header."""
        if self._last_parser is None or self._last_parser[0] != head.header:
            labels = self._expected.names
            notes: tuple[Finding, ...] = ()
            if self._feed.dialect.header:
                labels = self._labels(head.header, encoding)
                notes = compare_header(labels, self._expected, accept_extra=self._feed.on_drift == "accept-extra")
            parser = CsvParser(self._feed, self._expected.names, labels, self._missing.shared)
            self._last_parser = (head.header, parser, notes)
        parser, notes = self._last_parser[1:]
        return lambda block: self._parse(block, encoding, parser), notes

    def _labels(self, header: bytes, encoding: TextEncoding) -> tuple[str, ...]:
        text = encoding.utf8(header)
        if text is None:
            raise ContractBreach(UNDECODABLE, f"the header is {encoding.fault(header)}")
        return tuple(cell.decode() for cell in self.grammar(header).split_cells(bytes(text)))

    def _parse(self, block: RecordBlock, encoding: TextEncoding, parser: CsvParser) -> ParsedBlock:
        faults: Faults = {row: [(BROKEN, "", note)] for row, note in block.broken_rows().items()}
        raw = block.well_formed()
        text = raw if block.data.isascii() else encoding.utf8(raw)
        if text is None:
            lines = list(block.rows())
            for row, line in enumerate(lines):
                if row not in faults and (fault := encoding.fault(line)):
                    faults[row] = [(UNDECODABLE, "", fault)]
            decodable = b"".join(line + parser.line_end for row, line in enumerate(lines) if row not in faults)
            text = encoding.utf8(decodable) or b""
        frame, ragged = parser.parse(text)
        if not faults and not ragged:
            return ParsedBlock(self._missing.blank(frame), None, faults)
        parsed_rows = np.delete(np.arange(frame.height + len(ragged) + len(faults)), list(faults))
        ragged_rows = parsed_rows[[number - 1 for number, _ in ragged]].tolist() if ragged else []
        width = parser.width
        fault_by_cells = {  # one list shared by all rows of the same number of cells
            cells: [("missing-cell" if cells < width else "extra-cell", "", f"{cells} cells instead of {width}")]
            for cells in {cells for _, cells in ragged}
        }
        faults |= {row: fault_by_cells[cells] for row, (_, cells) in zip(ragged_rows, ragged, strict=True)}
        valid_rows = np.setdiff1d(parsed_rows, ragged_rows, assume_unique=True)
        return ParsedBlock(self._missing.blank(frame), valid_rows, faults)


class MissingValues:
    """Texts that mean a missing value: those shared by all fields, and those of single fields."""

    def __init__(self, feed: Feed, expected: ExpectedFields) -> None:
        by_field = {
            name: {*expected.field_missing.get(name, expected.missing_values), *feed.dialect.nulls}
            for name in expected.names
        }
        shared = set[str].intersection(*by_field.values())
        self.shared = tuple(sorted(shared))
        self._of_single_fields = [
            pl.when(pl.col(name).is_in(sorted(texts - shared))).then(None).otherwise(pl.col(name)).alias(name)
            for name, texts in by_field.items()
            if texts - shared
        ]

    def blank(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Replace the missing values of single fields by null; the parser replaces the shared ones."""
        return frame.with_columns(self._of_single_fields) if self._of_single_fields else frame


class CsvParser:
    """Parser of cells with pyarrow; its options are built once per header."""

    def __init__(self, feed: Feed, names: tuple[str, ...], labels: tuple[str, ...], missing: tuple[str, ...]) -> None:
        dialect = feed.dialect
        self.width = len(labels)
        self.line_end = b"\n"
        self._names = list(names)
        self._empty = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        self._parse_options = {
            "delimiter": dialect.delimiter,
            "quote_char": dialect.quote or False,
            "double_quote": not dialect.escape,
            "escape_char": dialect.escape or False,
            "newlines_in_values": bool(dialect.quote),
        }
        self._read_options = csv.ReadOptions(use_threads=False, column_names=labels, block_size=ARROW_BLOCK_BYTES)
        self._convert_options = csv.ConvertOptions(
            check_utf8=False,  # the text has been decoded before
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=names,
            include_missing_columns=True,
            null_values=missing,
            strings_can_be_null=True,
        )

    def parse(self, text: bytes | memoryview) -> tuple[pl.DataFrame, list[tuple[int, int]]]:
        """Parse well-formed rows into text columns.

        Returns:
            The columns, and (row from 1, number of cells) of each row that is too short or too long.
        """
        ragged: list[tuple[int, int]] = []

        def on_ragged(row: csv.InvalidRow) -> str:
            ragged.append((row.number, row.actual_columns))
            return "skip"

        if not text:
            return self._empty.clone(), ragged
        if bytes(text[:3]) == BOM:
            text = BOM + bytes(text)  # pyarrow drops the first one, which here is the start of a cell
        options = csv.ParseOptions(invalid_row_handler=on_ragged, **self._parse_options)
        try:
            reader = csv.open_csv(pa.py_buffer(text), self._read_options, options, self._convert_options)
            batch = reader.read_next_batch()
        except StopIteration:
            return self._empty.clone(), ragged
        if len(text) >= MIN_VIEW_BYTES:
            batch = pa.RecordBatch.from_arrays([column.cast(pa.string_view()) for column in batch.columns], self._names)
        return pl.Series(batch).struct.unnest(), ragged
