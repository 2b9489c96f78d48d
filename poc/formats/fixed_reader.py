"""Fixed-width reader: a row is a line, and its cells are at the same characters of every line.

Characters are counted in the file's encoding. All rows of a block are cut at once, column by column; only blocks with
characters beyond ASCII are decoded line by line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from poc.errors import BadInput
from poc.formats.csv_faults import broken_faults
from poc.formats.grammar import line_grammar
from poc.formats.parsed_block import BROKEN, UNDECODABLE, ParsedBlock
from poc.formats.record_splitter import RecordSplitter
from poc.text import truncate

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from poc.batch import Finding
    from poc.config.formats.fixed_width import FixedWidth
    from poc.config.partner import Feed
    from poc.formats.encodings import TextEncoding
    from poc.formats.file_head import FileHead
    from poc.formats.grammar import Grammar
    from poc.formats.header import ExpectedFields
    from poc.formats.parsed_block import Faults
    from poc.formats.record_block import RecordBlock
    from poc.formats.record_splitter import ByteBuffer

LINE = "line"


class FixedWidthFormat:
    """The fixed-width format of one feed under one contract. Raises BadInput for a field without a column."""

    def __init__(self, feed: Feed, settings: FixedWidth, expected: ExpectedFields) -> None:
        if without := [name for name in expected.names if name not in settings.columns]:
            columns = ", ".join(settings.columns)
            raise BadInput(f"the contract's field {without[0]!r} has no column in `fixed`; columns are {columns}")
        self._grammar = line_grammar()
        self._settings = settings
        line = pl.col(LINE)
        self._cells = []
        for name in expected.names:
            span = settings.columns[name]
            cell = line.str.slice(span.start - 1, span.width).str.strip_chars(" \r\n")
            missing = {*expected.field_missing.get(name, expected.missing_values), *feed.dialect.nulls}
            self._cells.append(pl.when(cell.is_in(sorted(missing)).not_()).then(cell).alias(name) if missing else cell)

    def header(self) -> re.Pattern[bytes] | None:
        """Return None: columns are in the settings."""
        return None

    def grammar(self, header: bytes | None) -> Grammar:  # noqa: ARG002 - the same for any header
        """Return the grammar in which rows are lines."""
        return self._grammar

    def explain_header(self, header: bytes, end: bytes) -> str:
        """Explain why a line is no row."""
        return self._grammar.explain_fault(header, end)

    def blocks(self, buffer: ByteBuffer, header: bytes | None) -> Iterator[RecordBlock]:
        """Yield the blocks of a file under a header."""
        return RecordSplitter(buffer, self.grammar(header)).blocks()

    def block_parser(
        self,
        head: FileHead,  # noqa: ARG002 - the format has no header
        encoding: TextEncoding,
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """Return the parser of one file's blocks; there are no notes in advance."""
        return lambda block: self._parse(block, encoding), ()

    def _parse(self, block: RecordBlock, encoding: TextEncoding) -> ParsedBlock:
        faults: Faults = dict(broken_faults(block))
        lines, chars = self._lines(block, encoding, faults)
        self._check_lengths(lines, chars, faults)
        self._check_types(lines, faults)
        frame = pl.DataFrame([lines])
        if not faults:
            return ParsedBlock(frame.select(self._cells), None, faults)
        valid = np.ones(len(lines), dtype=bool)
        valid[list(faults)] = False
        return ParsedBlock(frame.filter(pl.Series(valid)).select(self._cells), np.flatnonzero(valid), faults)

    def _lines(self, block: RecordBlock, encoding: TextEncoding, faults: Faults) -> tuple[pl.Series, NDArray[np.int64]]:
        """Return the text of each row, and its number of characters; a text may have its line end after it."""
        starts, ends = block.spans()
        if not len(starts):
            return pl.Series(LINE, [], dtype=pl.String), starts
        if block.data.isascii():
            offsets = np.append(starts, ends[-1]).astype(np.int64)
            array = pa.LargeStringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(block.data))
            return pl.Series(LINE, pl.from_arrow(array), dtype=pl.String), ends - starts
        texts: list[str] = []
        for row, line in enumerate(block.rows()):
            text = encoding.utf8(line)
            if text is None:
                faults.setdefault(row, [(UNDECODABLE, "", encoding.fault(line))])
            texts.append("" if text is None else str(text, "utf-8"))
        return pl.Series(LINE, texts, dtype=pl.String), np.array([len(text) for text in texts], dtype=np.int64)

    def _check_lengths(self, lines: pl.Series, chars: NDArray[np.int64], faults: Faults) -> None:
        wanted = self._settings.row_chars
        if self._settings.short_rows == "quarantine":
            for row in np.flatnonzero(chars < wanted).tolist():
                note = f"{chars[row]} characters instead of {wanted}"
                faults.setdefault(row, [("missing-cell", "", note)])
        long = np.flatnonzero(chars > wanted)
        rest = lines.gather(long).str.slice(wanted).str.strip_chars(" \r\n")
        for row, text in zip(long.tolist(), rest.to_list(), strict=True):
            if text:
                note = f"{chars[row]} characters instead of {wanted}: {truncate(text)!r} follows"
                faults.setdefault(row, [("extra-cell", "", note)])

    def _check_types(self, lines: pl.Series, faults: Faults) -> None:
        detail = self._settings.detail
        if not detail:
            return
        other = np.flatnonzero(~lines.str.starts_with(detail).to_numpy())
        for row in other.tolist():
            begins = truncate(lines[row][: len(detail)].rstrip("\r\n"))
            faults[row] = [(BROKEN, "", f"the record type {begins!r} is not known; a row begins with {detail!r}")]
