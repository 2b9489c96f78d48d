"""Makers of the members of the partner's JSON objects, by the map and the encoder themselves.

A value is made once for each text of a column (`cell_cache`), so that the partner gets the same bytes as from the
ordinary stages.
"""

from __future__ import annotations

from functools import lru_cache
from json.encoder import encode_basestring as quote
from typing import TYPE_CHECKING, Any

import polars as pl

from poc.batch import ROW, Batch
from poc.config.map_field import MapField
from poc.formats.writers import JsonLinesEncoder
from poc.mapping.expressions import default_cell, literal_fields, scaled_number
from poc.pipeline.cell_cache import ValueMaker
from poc.stages.map import Map

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from poc.contract.contract import Contract


def member_maker(
    contract: Contract, field: MapField, mark: str, end: str, look_up_files: Mapping[str, bytes]
) -> ValueMaker:
    """Return the maker of a member of the partner's object, by the map and the encoder."""
    mapped, encoder = Map([field], contract, look_up_files), JsonLinesEncoder(literal_fields([field], contract))

    def make(typed: pl.DataFrame) -> Sequence[str] | None:
        (batch,) = mapped(iter([Batch(typed, AnyLines())]))
        lines = encoder.encode(batch.rows).decode().split("\n")[:-1]
        return None if batch.rejected else [f"{mark}{line[1:-1]}{end}" for line in lines]

    scaled, before = scaled_number(field), f"{mark}{member_name(field.to)}"

    def of_plain(values: list[Any]) -> Sequence[str] | None:
        if scaled is None:
            return [f"{before}{plain_json(value)}{end}" for value in values]
        if not all(value is None or isinstance(value, int) for value in values):
            return None
        products = scaled.compute(pl.Series(values, dtype=pl.Int64)).to_list()
        if products.count(None) > values.count(None):
            return None
        return [f"{before}{'null' if product is None else product}{end}" for product in products]

    is_plain = field.default is None and field.format is None and field.zone is None and not field.has_lookup
    return ValueMaker(make, of_plain if is_plain else None)


def text_maker(contract: Contract, name: str, before: str, after: str) -> ValueMaker:
    """Return the maker of a part of a joined text; it is None for a missing value."""
    mapped, encoder = Map([MapField(to="x", join=(name,))], contract), JsonLinesEncoder()
    begin, end = len('{"x":"'), -len('"}')

    def make(typed: pl.DataFrame) -> Sequence[str | None]:
        (batch,) = mapped(iter([Batch(typed)]))
        lines = encoder.encode(batch.rows).decode().split("\n")[:-1]
        missing = batch.rows.get_column("x").is_null().to_list()
        return [
            None if is_missing else f"{before}{line[begin:end]}{after}"
            for line, is_missing in zip(lines, missing, strict=True)
        ]

    def of_plain(values: list[Any]) -> Sequence[str | None]:
        texts = [None if value is None else plain_json(str(value))[1:-1] for value in values]
        return [None if text is None else f"{before}{text}{after}" for text in texts]

    return ValueMaker(make, of_plain)


def plain_json(value: str | int | None) -> str:
    """Return a string, an integer or null in JSON, as the encoder writes it."""
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) else quote(value)


@lru_cache(maxsize=1024)  # feeds of several partners often have the same names
def member_name(name: str) -> str:
    """Return the name of a member with its colon, as the encoder writes it."""
    line = JsonLinesEncoder().encode(pl.DataFrame({ROW: [1], name: [True]})).decode()
    return line.removeprefix("{").removesuffix("true}\n")


def constant_member(field: MapField, contract: Contract) -> str:
    """Return the member of a constant, as the map and the encoder write it."""
    (batch,) = Map([field], contract)(iter([Batch(pl.DataFrame({ROW: [1]}))]))
    return JsonLinesEncoder(literal_fields([field], contract)).encode(batch.rows).decode()[1:-2]


def default_text(field: MapField, contract: Contract) -> str:
    """Return the JSON of what replaces an empty text: `null` without a default."""
    cell = default_cell(field, contract)
    return "null" if cell is None else plain_json(str(cell))


class AnyLines:
    """Original lines of rows that do not come from a file: each is empty."""

    def original(self, row: int) -> bytes:  # noqa: ARG002 (of any row)
        """Return no bytes."""
        return b""

    def originals(self, rows: Sequence[int]) -> list[bytes]:
        """Return no bytes for each row."""
        return [b""] * len(rows)
