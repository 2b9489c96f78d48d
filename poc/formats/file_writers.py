"""Writers of whole files: what comes before the rows, the rows, and what comes after them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation, localcontext
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from poc.config.formats.written import PLACEHOLDER
from poc.errors import BadInput
from poc.formats.control_records import ADDITION
from poc.formats.fixed_writer import as_text
from poc.formats.writers import without_row_numbers
from poc.text import plain_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from poc.config.partner import Feed


#: The most rows that a trial shows.
SHOWN_ROWS = 100


class BodyEncoder(Protocol):
    """The part of an encoder that text files need."""

    def head(self, columns: Sequence[str]) -> bytes:
        """Return the bytes that precede all rows."""

    def encode(self, rows: pl.DataFrame) -> bytes:
        """Return rows as bytes."""


class FileWriter(Protocol):
    """Writer of one file, in pieces."""

    def begin(self, columns: Sequence[str]) -> bytes:
        """Return what comes before all rows."""

    def rows(self, rows: pl.DataFrame) -> bytes:
        """Return the next rows."""

    def end(self) -> bytes:
        """Return what comes after all rows."""


class TextFile:
    """A file of lines, with a header and a trailer line where the feed has them."""

    def __init__(self, encoder: BodyEncoder, feed: Feed, literals: frozenset[str]) -> None:
        self._encoder = encoder
        self._line_end = "\r\n" if feed.out == "csv" else "\n"
        self._header, self._trailer = feed.out_header, feed.out_trailer
        self._sums = {match[2]: Decimal(0) for match in PLACEHOLDER.finditer(feed.out_trailer) if match[2]}
        self._literals = literals
        self._count = 0

    def begin(self, columns: Sequence[str]) -> bytes:
        """Return the header line, and the names of columns."""
        header = f"{self._header}{self._line_end}".encode() if self._header else b""
        return header + self._encoder.head(columns)

    def rows(self, rows: pl.DataFrame) -> bytes:
        """Return the next rows. Raises BadInput for a sum of values that are no numbers."""
        self._count += rows.height
        for name in self._sums:
            texts = as_text(rows.get_column(name), is_literal=name in self._literals)
            try:
                with localcontext(ADDITION):
                    self._sums[name] = sum((Decimal(text) for text in texts.drop_nulls()), self._sums[name])
            except InvalidOperation as error:
                raise BadInput(
                    f"out_trailer names the sum of {name!r}, which has values that are no numbers"
                ) from error
        return self._encoder.encode(rows)

    def end(self) -> bytes:
        """Return the trailer line."""
        if not self._trailer:
            return b""

        def value(match: Any) -> str:
            number = Decimal(self._count) if match[1] else self._sums[match[2]]
            text, width = f"{number:f}", match[3] or ""
            return text.zfill(int(width)) if width.startswith("0") else text.rjust(int(width or 0))

        return f"{PLACEHOLDER.sub(value, self._trailer)}{self._line_end}".encode()


class JsonArrayFile:
    """A file of one list, each object on a line of its own."""

    def __init__(self, encoder: BodyEncoder) -> None:
        self._encoder = encoder
        self._before = b""

    def begin(self, columns: Sequence[str]) -> bytes:  # noqa: ARG002 - each object has its keys
        """Return the opening bracket."""
        return b"["

    def rows(self, rows: pl.DataFrame) -> bytes:
        """Return the next objects."""
        lines = self._encoder.encode(rows)
        if not lines:
            return b""
        before, self._before = self._before, b",\n"
        return before + lines[:-1].replace(b"\n", b",\n")

    def end(self) -> bytes:
        """Return the closing bracket."""
        return b"]\n"


class ParquetFile:
    """A Parquet file. Exact numbers are texts with their own digits; whole numbers, dates and times have their types.

    `encoder` gets the first rows, so that a trial can show them.
    """

    def __init__(self, encoder: BodyEncoder, literals: frozenset[str]) -> None:
        self._encoder = encoder
        self._literals = literals
        self._sink = Pieces()
        self._writer: Any = None

    def begin(self, columns: Sequence[str]) -> bytes:  # noqa: ARG002 - the first rows have them
        """Return nothing: the file begins with its first rows."""
        return b""

    def rows(self, rows: pl.DataFrame) -> bytes:
        """Return the next rows as a row group."""
        if not rows.height:
            return b""
        table = pl.DataFrame([self._column(column) for column in without_row_numbers(rows).iter_columns()]).to_arrow()
        if self._writer is None:
            from pyarrow import parquet

            self._writer = parquet.ParquetWriter(self._sink, table.schema)
            self._encoder.encode(rows.head(SHOWN_ROWS))
        self._writer.write_table(table.cast(self._writer.schema))
        return self._sink.take()

    def end(self) -> bytes:
        """Return the footer."""
        if self._writer is not None:
            self._writer.close()
        return self._sink.take()

    def _column(self, column: pl.Series) -> pl.Series:
        if column.name in self._literals:
            return pl.Series(column.name, plain_texts(column), dtype=pl.String)
        return column.cast(pl.String) if column.dtype == pl.Null else column


class Pieces:
    """A file that keeps what is written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: Any) -> int:
        """Keep data."""
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing: what was written is still to be taken."""

    def writable(self) -> bool:
        """Return True."""
        return True

    def readable(self) -> bool:
        """Return False."""
        return False

    def seekable(self) -> bool:
        """Return False."""
        return False

    def take(self) -> bytes:
        """Return what was written since the last call."""
        data = b"".join(self._pieces)
        self._pieces = []
        return data
