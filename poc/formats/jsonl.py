"""JSON Lines out: one object a row, UTF-8, in the order of the map. See https://jsonlines.org."""

from __future__ import annotations

import polars as pl

from poc.batch import ROW


def encode(rows: pl.DataFrame) -> bytes:
    """The rows without their numbers, a line each."""
    columns = [column for column in rows.iter_columns() if column.name != ROW]
    return pl.DataFrame(columns).write_ndjson().encode()
