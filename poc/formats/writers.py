"""Rows out: JSON Lines (https://jsonlines.org) and CSV (RFC 4180), both in UTF-8 and in the order of the map.

Both write a value alike: a point in time as `2013-01-01 10:00:00`, and null where there is none.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Literal

import polars as pl

from poc.batch import ROW

if TYPE_CHECKING:
    from collections.abc import Sequence


#: Rows that are encoded one by one.
MAX_SINGLE_ROWS = 2_000


class JsonLinesEncoder:
    """One object a row."""

    media_type = "application/jsonl"
    row_is_line = True

    def head(self, columns: Sequence[str]) -> bytes:  # noqa: ARG002 - keys stand in every line
        """Nothing."""
        return b""

    def encode(self, rows: pl.DataFrame) -> bytes:
        """The rows without their numbers, a line each.

        For few rows, starting polars' own writer takes longer than the writing; both write the same bytes.
        """
        if rows.height > MAX_SINGLE_ROWS:
            written = BytesIO()
            without_row_numbers(rows).write_ndjson(written)
            return written.getvalue()
        lines = without_row_numbers(rows).to_struct("row").struct.json_encode().to_list()
        return ("\n".join(lines) + "\n").encode() if lines else b""


class CsvEncoder:
    """One line a row, ended by CRLF; a cell is quoted where it must be, an empty text too, and null is empty."""

    media_type = "text/csv; charset=utf-8"
    row_is_line = False  # a cell may hold line ends

    def head(self, columns: Sequence[str]) -> bytes:
        """The header line."""
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String)).write_csv(line_terminator="\r\n").encode()

    def encode(self, rows: pl.DataFrame) -> bytes:
        """The rows without their numbers and without a header."""
        written = without_row_numbers(rows)
        zoned = [name for name, kind in written.schema.items() if isinstance(kind, pl.Datetime) and kind.time_zone]
        if zoned:
            written = written.with_columns(pl.col(zoned).dt.to_string("%Y-%m-%dT%H:%M:%S%.f%:z"))
        # the null of a single column would be a blank line, which is no row
        style: Literal["always", "necessary"] = "always" if written.width == 1 else "necessary"
        return written.write_csv(
            include_header=False,
            line_terminator="\r\n",
            quote_style=style,
            datetime_format="%Y-%m-%d %H:%M:%S%.f",
            time_format="%H:%M:%S%.f",
        ).encode()


def without_row_numbers(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows without `_row`."""
    return pl.DataFrame([column for column in rows.iter_columns() if column.name != ROW])
