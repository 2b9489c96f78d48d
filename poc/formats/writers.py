"""Encoders of rows: JSON Lines (https://jsonlines.org) and CSV (RFC 4180), both in UTF-8 and in the order of the map.

Both write a datetime as `2013-01-01 10:00:00`, and null for a missing value.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Literal

import polars as pl

from poc.batch import ROW

if TYPE_CHECKING:
    from collections.abc import Sequence


#: Up to this number of rows, JSON is encoded row by row.
MAX_SINGLE_ROWS = 2_000


class JsonLinesEncoder:
    """Encoder of one JSON object per line."""

    media_type = "application/jsonl"
    row_is_line = True

    def head(self, columns: Sequence[str]) -> bytes:  # noqa: ARG002 - every line has the keys
        """Return nothing: JSON Lines has no header."""
        return b""

    def encode(self, rows: pl.DataFrame) -> bytes:
        """Return one line per row, without the row numbers.

        For a few rows, starting polars' own writer takes longer than writing; both write the same bytes.
        """
        if rows.height > MAX_SINGLE_ROWS:
            written = BytesIO()
            without_row_numbers(rows).write_ndjson(written)
            return written.getvalue()
        lines = without_row_numbers(rows).to_struct("row").struct.json_encode().to_list()
        return ("\n".join(lines) + "\n").encode() if lines else b""


class CsvEncoder:
    """Encoder of CSV rows that end with CRLF. Cells are quoted if needed, empty text always; null is an empty cell."""

    media_type = "text/csv; charset=utf-8"
    row_is_line = False  # a cell may contain line ends

    def head(self, columns: Sequence[str]) -> bytes:
        """Return the header line."""
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String)).write_csv(line_terminator="\r\n").encode()

    def encode(self, rows: pl.DataFrame) -> bytes:
        """Return the rows without row numbers and without a header."""
        written = without_row_numbers(rows)
        zoned = [name for name, kind in written.schema.items() if isinstance(kind, pl.Datetime) and kind.time_zone]
        if zoned:
            written = written.with_columns(pl.col(zoned).dt.to_string("%Y-%m-%dT%H:%M:%S%.f%:z"))
        # in a single column, an unquoted null would be a blank line, which no reader takes for a row
        style: Literal["always", "necessary"] = "always" if written.width == 1 else "necessary"
        return written.write_csv(
            include_header=False,
            line_terminator="\r\n",
            quote_style=style,
            datetime_format="%Y-%m-%d %H:%M:%S%.f",
            time_format="%H:%M:%S%.f",
        ).encode()


def without_row_numbers(rows: pl.DataFrame) -> pl.DataFrame:
    """Drop the column `_row`."""
    return pl.DataFrame([column for column in rows.iter_columns() if column.name != ROW])
