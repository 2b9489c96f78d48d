"""Encoder of fixed-width lines in UTF-8, in the order of the map. Null is blank; lines end with LF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from poc.batch import ROW, Finding
from poc.formats.writers import without_row_numbers
from poc.text import plain_texts, truncate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from poc.config.formats.written import OutColumn

#: How dates and times are written, as in CSV.
ZONED, LOCAL, TIME = "%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%d %H:%M:%S%.f", "%H:%M:%S%.f"


class FixedWidthEncoder:
    """Encoder of lines whose columns have widths. `literals` are columns of JSON values."""

    media_type = "text/plain; charset=utf-8"
    row_is_line = True

    def __init__(self, columns: Mapping[str, OutColumn], literals: frozenset[str] = frozenset()) -> None:
        self._columns = columns
        self._literals = literals

    def head(self, columns: Sequence[str]) -> bytes:  # noqa: ARG002 - the same for any columns
        """Return nothing: there is no line of names."""
        return b""

    def encode(self, rows: pl.DataFrame) -> bytes:
        """Return one line per row, without the row numbers; `check` has been asked before."""
        if not rows.height:
            return b""
        texts = as_texts(without_row_numbers(rows), self._literals)
        cells = [padded(pl.col(name), self._columns[name]) for name in texts.columns]
        return bytes(texts.select((pl.concat_str(cells) + "\n").str.join("").cast(pl.Binary)).item())

    def check(self, rows: pl.DataFrame) -> Iterator[Finding]:
        """Yield a finding for each value that has no place in its column."""
        texts = as_texts(rows, self._literals)
        for name, column in self._columns.items():
            text = texts.get_column(name)
            wrong = (text.str.len_chars() > column.width) | text.str.contains("[\r\n]")
            if wrong.any():
                for row, value in zip(rows.get_column(ROW).filter(wrong), text.filter(wrong), strict=True):
                    note = f"{truncate(value)!r} does not fit into a line: its column has {column.width} characters"
                    yield Finding(row, "constraint-error", name, note)

    def finish(self, body: bytes) -> bytes:
        """Return the lines as they are."""
        return body

    def cut(self, body: bytes, rows: int) -> tuple[bytes, bytes]:
        """Cut lines into two bodies: one with so many rows, and one with the others."""
        lines = body.splitlines(keepends=True)
        return b"".join(lines[:rows]), b"".join(lines[rows:])


def as_texts(rows: pl.DataFrame, literals: frozenset[str]) -> pl.DataFrame:
    """Return the columns as texts."""
    return pl.DataFrame([as_text(column, is_literal=column.name in literals) for column in rows.iter_columns()])


def as_text(column: pl.Series, *, is_literal: bool) -> pl.Series:
    """Return a column as text; a literal is a JSON value."""
    if is_literal:
        return pl.Series(column.name, plain_texts(column), dtype=pl.String)
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.to_string(ZONED if column.dtype.time_zone else LOCAL)
    return column.dt.to_string(TIME) if isinstance(column.dtype, pl.Time) else column.cast(pl.String)


def padded(text: pl.Expr, column: OutColumn) -> pl.Expr:
    """Return a text as wide as its column; null is blank."""
    if column.align == "left":
        filled = text.str.pad_end(column.width, column.fill)
    elif column.fill == "0":
        filled = text.str.zfill(column.width)
    else:
        filled = text.str.pad_start(column.width, column.fill)
    return filled.fill_null(" " * column.width)
