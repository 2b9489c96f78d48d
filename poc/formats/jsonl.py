"""JSON Lines out: one object a row, UTF-8, in the order of the map. See https://jsonlines.org."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poc.batch import ROW

if TYPE_CHECKING:
    import polars as pl


def encode(rows: pl.DataFrame) -> bytes:
    """The rows without their numbers, a line each."""
    return rows.drop(ROW).write_ndjson().encode()
