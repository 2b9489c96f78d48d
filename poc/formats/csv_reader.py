"""CSV reader: our own splitter for the structure, pyarrow for the cells.

For speed, pyarrow gets the rows of a block in one piece, with options that are built once per header; strings are
returned as views without a copy; Python handles single rows or cells only if a row is broken; and the next block is
parsed while the rest of the pipeline processes this one.
"""

from __future__ import annotations

import codecs
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import csv

from poc.batch import Finding
from poc.errors import ContractBreach
from poc.formats.compression import undeclared_compression
from poc.formats.csv_faults import broken_faults, ragged_faults, undecodable_rows
from poc.formats.csv_grammar import csv_grammar, likely_delimiter
from poc.formats.encodings import splitting_codec
from poc.formats.header import SchemaDrift, compare_header
from poc.formats.parsed_block import UNDECODABLE, ParsedBlock
from poc.formats.record_splitter import RecordSplitter
from poc.formats.row_spans import count_cells
from poc.formats.suspect_encoding import utf8_word

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from poc.config.partner import Feed
    from poc.formats.encodings import TextEncoding
    from poc.formats.file_head import FileHead
    from poc.formats.grammar import Grammar
    from poc.formats.header import ExpectedFields
    from poc.formats.record_block import RecordBlock
    from poc.formats.record_splitter import ByteBuffer

#: Block size of pyarrow in bytes: larger than any block, so that pyarrow never splits one.
ARROW_BLOCK_BYTES = (1 << 31) - 1

#: From this size on, pyarrow converts text to string views, in half the time that polars takes.
MIN_VIEW_BYTES = 1 << 17

#: Delimiter of the rows that are rewritten for pyarrow.
STANDARD_DELIMITER = "\x1f"

BOM = b"\xef\xbb\xbf"

#: The most rows of a block that pyarrow skips, with a callback for each, because they are too short or too long.
MAX_SKIPPED_ROWS = 20


class ManyRaggedRows(Exception):
    """So many rows are too short or too long that they are located in another way."""


class CsvFormat:
    """The CSV format of one feed under one contract."""

    def __init__(self, feed: Feed, expected: ExpectedFields) -> None:
        self._feed = feed
        self._expected = expected
        self._missing = MissingValues(feed, expected)
        codec = splitting_codec(feed.dialect.encoding)
        self._grammars = [csv_grammar(feed.dialect, codec, one_column=one) for one in (False, True)]
        self._text_grammar = csv_grammar(feed.dialect, "utf-8")
        self._last_grammar: tuple[bytes, Grammar] = (b"", self._grammars[0])
        self._last_parser: tuple[bytes, CsvParser, tuple[Finding, ...]] | None = None

    def header(self) -> re.Pattern[bytes] | None:
        """Return the pattern of a record of any width; None for files without a header."""
        return self._grammars[0].header_pattern if self._feed.dialect.header else None

    def grammar(self, header: bytes | None) -> Grammar:
        """Return the grammar of rows under a header, or under the contract if no header can be read."""
        if not header:
            return self._grammars[len(self._expected.names) == 1]
        if self._last_grammar[0] != header:
            cells = self._grammars[0].split_cells(header)
            self._last_grammar = (header, self._grammars[len(cells) == 1])
        return self._last_grammar[1]

    def blocks(self, buffer: ByteBuffer, header: bytes | None) -> Iterator[RecordBlock]:
        """Yield the blocks of a file under a header."""
        return RecordSplitter(buffer, self.grammar(header)).blocks()

    def block_parser(
        self, head: FileHead, encoding: TextEncoding
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """Return the parser of blocks under a header, and notes on it. Raises ContractBreach for another header."""
        if self._last_parser is None or self._last_parser[0] != head.header:
            labels = self._expected.names
            notes: tuple[Finding, ...] = ()
            if self._feed.dialect.header:
                labels = self._labels(head.header, encoding)
                notes = self._compare(head.header, labels, encoding)
            parser = CsvParser(self._feed, self._expected.names, labels, self._missing.shared)
            self._last_parser = (head.header, parser, notes)
        parser, notes = self._last_parser[1:]
        return lambda block: self._parse(block, encoding, parser), notes

    def explain_header(self, header: bytes, end: bytes) -> str:
        """Explain why a header cannot be read; `end` is its line end."""
        hint = undeclared_compression(header, self._feed) or self._wrong_delimiter(header, ())
        return hint or self._grammars[0].explain_fault(header, end)

    def _labels(self, header: bytes, encoding: TextEncoding) -> tuple[str, ...]:
        text = encoding.utf8(header)
        if text is None:
            hint = undeclared_compression(header, self._feed) or self._wrong_encoding(header)
            raise ContractBreach(UNDECODABLE, f"the header is {encoding.fault(header)}{hint and '; '}{hint}")
        return tuple(cell.decode() for cell in self._text_grammar.split_cells(bytes(text)))

    def _compare(self, header: bytes, labels: tuple[str, ...], encoding: TextEncoding) -> tuple[Finding, ...]:
        """Compare a header with the contract. Raises SchemaDrift; a probable reason is its whole message."""
        try:
            return compare_header(labels, self._expected, accept_extra=self._feed.on_drift == "accept-extra")
        except SchemaDrift as drift:
            text = bytes(encoding.utf8(header) or b"")
            if hint := (
                undeclared_compression(header, self._feed)
                or self._wrong_delimiter(text, labels)
                or self._wrong_encoding(text)
                or self._is_utf8(header, encoding)
            ):
                raise SchemaDrift((Finding(0, drift.code, "", hint),)) from None
            if encoding.order_note:
                raise SchemaDrift((Finding(0, drift.code, "", encoding.order_note), *drift.findings)) from None
            raise

    def _wrong_delimiter(self, header: bytes, labels: tuple[str, ...]) -> str:
        dialect = self._feed.dialect
        if not (other := likely_delimiter(header, dialect, self._expected.names, labels)):
            return ""
        seen, agreed = (sign if sign.isprintable() else repr(sign)[1:-1] for sign in (other, dialect.delimiter))
        return f"the delimiter looks like `{seen}`, the feed says `{agreed}`"

    def _wrong_encoding(self, header: bytes) -> str:
        is_utf16 = header.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in header
        return f"the encoding looks like `utf-16`, the feed says `{self._feed.dialect.encoding}`" if is_utf16 else ""

    def _is_utf8(self, header: bytes, encoding: TextEncoding) -> str:
        is_utf8 = encoding.is_single_byte and utf8_word(header, encoding.codec)
        return f"the encoding looks like `utf-8`, the feed says `{self._feed.dialect.encoding}`" if is_utf8 else ""

    def _parse(self, block: RecordBlock, encoding: TextEncoding, parser: CsvParser) -> ParsedBlock:
        faults = broken_faults(block)
        broken = list(faults)
        text: bytes | memoryview | None = None
        if len(broken) <= MAX_SKIPPED_ROWS:  # otherwise, the rows are joined once, when all faults are known
            text = block.well_formed()
            text = text if block.data.isascii() else encoding.utf8(text)
        if text is None:
            faults |= undecodable_rows(block, encoding, faults)
        parsed = None
        if len(faults) <= MAX_SKIPPED_ROWS:
            text = encoding.utf8(block.well_formed(without=faults)) or b"" if text is None else text
            with suppress(ManyRaggedRows):
                parsed = parser.parse(self._native(text, parser), MAX_SKIPPED_ROWS)
        if parsed is None:  # a callback for each ragged row costs more than to count the cells of all rows
            counts = count_cells(block.grammar, block.data, block.spans(), broken)
            if counts is not None:
                counts[list(faults)] = parser.width
                rows = np.flatnonzero(counts != parser.width)
                faults |= ragged_faults(rows.tolist(), counts[rows].tolist(), parser.width)
            text = encoding.utf8(block.well_formed(without=faults)) or b""
            parsed = parser.parse(self._native(text, parser))
        frame, ragged = parsed
        if not faults and not ragged:
            return ParsedBlock(self._missing.blank(frame), None, faults)
        of_row = np.arange(frame.height + len(ragged) + len(faults))
        valid_rows = np.delete(of_row, np.fromiter(faults, np.int64, len(faults)))
        if ragged:
            at = [number - 1 for number, _ in ragged]
            faults |= ragged_faults(valid_rows[at].tolist(), [cells for _, cells in ragged], parser.width)
            valid_rows = np.delete(valid_rows, at)
        return ParsedBlock(self._missing.blank(frame), valid_rows, faults)

    def _native(self, text: bytes | memoryview, parser: CsvParser) -> bytes | memoryview:
        return text if parser.is_native else to_standard_csv(bytes(text), self._text_grammar)


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
        self._names = list(names)
        self._empty = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        self.is_native = len(dialect.delimiter) == 1 and dialect.delimiter.isascii()
        self._parse_options = {
            "delimiter": dialect.delimiter if self.is_native else STANDARD_DELIMITER,
            "quote_char": dialect.quote or False if self.is_native else '"',
            "double_quote": not (dialect.escape and self.is_native),
            "escape_char": dialect.escape or False if self.is_native else False,
            "newlines_in_values": bool(dialect.quote) or not self.is_native,
            "ignore_empty_lines": self.width > 1,
        }
        self._strict_options = csv.ParseOptions(**self._parse_options)
        self._read_options = csv.ReadOptions(use_threads=False, column_names=labels, block_size=ARROW_BLOCK_BYTES)
        self._convert_options = csv.ConvertOptions(
            check_utf8=False,  # the text has been decoded before
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=names,
            include_missing_columns=True,
            null_values=missing,
            strings_can_be_null=True,
        )

    def parse(
        self, text: bytes | memoryview, max_skipped: int | None = None
    ) -> tuple[pl.DataFrame, list[tuple[int, int]]]:
        """Parse well-formed rows into text columns.

        Returns:
            The columns, and (row from 1, number of cells) of each row that is too short or too long.

        Raises:
            ManyRaggedRows: more than `max_skipped` rows are.
        """
        ragged: list[tuple[int, int]] = []

        def on_ragged(row: csv.InvalidRow) -> str:
            if len(ragged) == max_skipped:
                return "error"
            ragged.append((row.number, row.actual_columns))
            return "skip"

        if not text:
            return self._empty.clone(), ragged
        if bytes(text[:3]) == BOM:
            text = BOM + bytes(text)  # pyarrow drops the first one, which here is the start of a cell
        batch = self._parse_small(text) if len(text) < MIN_VIEW_BYTES else None
        if batch is None:
            options = csv.ParseOptions(invalid_row_handler=on_ragged, **self._parse_options)
            try:
                table = csv.read_csv(pa.py_buffer(text), self._read_options, options, self._convert_options)
            except pa.ArrowInvalid as error:
                if len(ragged) != max_skipped:
                    raise
                raise ManyRaggedRows from error
            if not table.num_rows:
                return self._empty.clone(), ragged
            batch = table.combine_chunks().to_batches()[0]
        if len(text) >= MIN_VIEW_BYTES:
            batch = pa.RecordBatch.from_arrays([column.cast(pa.string_view()) for column in batch.columns], self._names)
        return pl.Series(batch).struct.unnest(), ragged

    def _parse_small(self, text: bytes | memoryview) -> pa.RecordBatch | None:
        """Parse rows in half the time that `read_csv` takes for few of them; None where one is too short or too long.

        A thread of pyarrow may still release the reader when the interpreter ends, and the process is aborted if that
        needs the interpreter's lock. So the reader gets no object of Python's: a copy of the text, and no callback.
        """
        copy = pa.allocate_buffer(len(text))
        memoryview(copy).cast("B")[:] = text
        try:
            reader = csv.open_csv(copy, self._read_options, self._strict_options, self._convert_options)
            return reader.read_next_batch()
        except (StopIteration, pa.ArrowInvalid):
            return None


def to_standard_csv(text: bytes, grammar: Grammar) -> bytes:
    """Rewrite well-formed rows for pyarrow, which knows only delimiters of one ASCII character."""
    standard = STANDARD_DELIMITER.encode()
    if not grammar.has_quote_or_escape(text, 0, len(text)) and b'"' not in text and standard not in text:
        return text.replace(grammar.delimiter, standard)
    rows = (match[1] for match in grammar.row_pattern.finditer(text) if match.end() > match.start())
    quoted = (
        [b'"' + cell.replace(b'"', b'""') + b'"' for cell in grammar.split_cells(row)] if row else [] for row in rows
    )
    return b"".join(standard.join(cells) + b"\n" for cells in quoted)
