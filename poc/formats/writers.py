"""Encoders of rows: JSON Lines (https://jsonlines.org) and CSV (RFC 4180), both in UTF-8 and in the order of the map.

Both write a datetime as `2013-01-01 10:00:00`, and null for a missing value.
"""

from __future__ import annotations

import json
from io import BytesIO
from itertools import chain, groupby, repeat
from typing import TYPE_CHECKING, Literal, NamedTuple

import polars as pl

from poc.batch import ROW
from poc.text import plain_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


#: Up to this number of rows, JSON is encoded row by row.
MAX_SINGLE_ROWS = 2_000


class JsonLinesEncoder:
    """Encoder of one JSON object per line. `literals` are columns of text that is JSON already, such as numbers."""

    media_type = "application/jsonl"
    row_is_line = True

    def __init__(self, literals: frozenset[str] = frozenset()) -> None:
        self._literals = literals

    def head(self, columns: Sequence[str]) -> bytes:  # noqa: ARG002 - every line has the keys
        """Return nothing: JSON Lines has no header."""
        return b""

    def encode(self, rows: pl.DataFrame) -> bytes:
        """Return one line per row, without the row numbers.

        For a few rows, starting polars' own writer takes longer than writing; both write the same bytes.
        """
        written = without_row_numbers(rows)
        if not self._literals.isdisjoint(written.columns):
            return self._encode_with_literals(written)
        if rows.height > MAX_SINGLE_ROWS:
            file = BytesIO()
            written.write_ndjson(file)
            return file.getvalue()
        lines = written.to_struct("row").struct.json_encode().to_list()
        return ("\n".join(lines) + "\n").encode() if lines else b""

    def finish(self, body: bytes) -> bytes:
        """Return the lines as they are."""
        return body

    def cut(self, body: bytes, rows: int) -> tuple[bytes, bytes]:
        """Cut a body into two: one with so many rows, and one with the others.

        A body that was reserved under other settings keeps its own form.
        """
        if body.startswith(b"["):
            lines = (body[1:-2].replace(b",\n", b"\n") + b"\n").splitlines(keepends=True)
            return in_array(b"".join(lines[:rows])), in_array(b"".join(lines[rows:]))
        if not body.startswith(b"{"):
            return CsvEncoder().cut(body, rows)
        lines = body.splitlines(keepends=True)
        return b"".join(lines[:rows]), b"".join(lines[rows:])

    def _encode_with_literals(self, rows: pl.DataFrame) -> bytes:
        """Encode the columns between literals as objects, and join the members of all parts to one object per row."""
        parts: list[str | Literals | Members] = []
        for is_literal, group in groupby(rows.iter_columns(), key=lambda column: column.name in self._literals):
            if is_literal:
                for column in group:
                    mark = "," if parts else "{"
                    parts += [f"{mark}{json.dumps(column.name, ensure_ascii=False)}:", Literals(column)]
            else:
                parts += [","] if parts else []
                objects = pl.DataFrame(list(group)).to_struct("row").struct.json_encode()
                parts.append(Members(objects, first=not parts))
        parts.append("}\n")
        return join_columns(parts) if rows.height > MAX_SINGLE_ROWS else join_lists(parts)


class JsonArrayEncoder(JsonLinesEncoder):
    """Encoder of one JSON array of objects, each on a line of its own, so that a body can be cut between them."""

    media_type = "application/json"

    def finish(self, body: bytes) -> bytes:
        """Return lines of objects as an array."""
        return in_array(body)


class JsonRowEncoder(JsonLinesEncoder):
    """Encoder of one JSON object in a request; the line end after it is white space of JSON."""

    media_type = "application/json"


class Literals(NamedTuple):
    """A column of JSON values."""

    values: pl.Series


class Members(NamedTuple):
    """A column of JSON objects, to be written without braces; with the opening one if it is the `first` part."""

    objects: pl.Series
    first: bool


def in_array(lines: bytes) -> bytes:
    """Return lines of objects as a JSON array."""
    return b"[" + lines[:-1].replace(b"\n", b",\n") + b"]\n"


def join_lists(parts: Sequence[str | Literals | Members]) -> bytes:
    """Join the parts of each row, and all rows."""
    texts: list[Iterable[str]] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(repeat(part))
        elif isinstance(part, Literals):
            texts.append(["null" if text is None else text for text in part.values.to_list()])
        else:
            start = 0 if part.first else 1
            texts.append([text[start:-1] for text in part.objects.to_list()])
    return "".join(chain.from_iterable(zip(*texts, strict=False))).encode()


def join_columns(parts: Sequence[str | Literals | Members]) -> bytes:
    """Do what `join_lists` does in one expression, which is faster for many rows."""
    line: list[pl.Expr] = []
    columns: list[pl.Series] = []
    for number, part in enumerate(parts):
        text = pl.col(str(number))
        if isinstance(part, str):
            line.append(pl.lit(part))
        elif isinstance(part, Literals):
            line.append(text.fill_null("null"))
            columns.append(part.values.alias(str(number)))
        else:
            line.append((text if part.first else text.str.strip_prefix("{")).str.head(-1))
            columns.append(part.objects.alias(str(number)))
    return bytes(pl.DataFrame(columns).select(pl.concat_str(line).str.join("").cast(pl.Binary)).item())


class CsvEncoder:
    """Encoder of CSV rows that end with CRLF. Cells are quoted if needed, empty text always; null is an empty cell.

    `literals` are columns of JSON values; a string among them is written as its text.
    """

    media_type = "text/csv; charset=utf-8"
    row_is_line = False  # a cell may contain line ends

    def __init__(self, literals: frozenset[str] = frozenset()) -> None:
        self._literals = literals

    def head(self, columns: Sequence[str]) -> bytes:
        """Return the header line."""
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String)).write_csv(line_terminator="\r\n").encode()

    def encode(self, rows: pl.DataFrame) -> bytes:
        """Return the rows without row numbers and without a header."""
        written = without_row_numbers(rows)
        zoned = [name for name, kind in written.schema.items() if isinstance(kind, pl.Datetime) and kind.time_zone]
        for name in self._literals.intersection(written.columns):
            literals = written.get_column(name)
            if literals.str.starts_with('"').any():
                written = written.with_columns(pl.Series(name, plain_texts(literals), dtype=pl.String))
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

    def finish(self, body: bytes) -> bytes:
        """Return header and rows as they are."""
        return body

    def cut(self, body: bytes, rows: int) -> tuple[bytes, bytes]:
        """Cut a body into two, each with the header: one with so many rows, and one with the others.

        A body that was reserved under other settings keeps its own form.
        """
        if not body.endswith(b"\r\n"):
            return JsonLinesEncoder().cut(body, rows)
        head, *records = self._records(body)
        return head + b"".join(records[:rows]), head + b"".join(records[rows:])

    def _records(self, body: bytes) -> Iterator[bytes]:
        """Yield header and rows with their line ends; a line end inside quotes belongs to a cell."""
        record = b""
        for line in body.split(b"\r\n")[:-1]:
            record += line + b"\r\n"
            if record.count(b'"') % 2 == 0:
                yield record
                record = b""


def without_row_numbers(rows: pl.DataFrame) -> pl.DataFrame:
    """Drop the column `_row`."""
    return pl.DataFrame([column for column in rows.iter_columns() if column.name != ROW])
