"""Map: the contract's fields to the names and units that the partner wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from poc.batch import ROW, Batch
from poc.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from poc.config import MapField
    from poc.contract import Contract


class Map:
    """Selects and computes the partner's fields, in the order of the configuration."""

    def __init__(self, fields: Sequence[MapField], contract: Contract) -> None:
        self._columns = [pl.col(ROW), *(column(field, contract) for field in fields)]

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Batches whose rows have the partner's columns, and `_row`."""
        for batch in batches:
            yield Batch(batch.rows.select(self._columns), batch.bad, batch.findings, batch.settled)


def column(field: MapField, contract: Contract) -> pl.Expr:
    """One field of the partner's as an expression over typed rows. Raises BadInput where it does not fit."""
    for name in field.sources:
        if name not in contract.names:
            raise BadInput(f"map to {field.to!r}: unknown field {name!r}; the contract has {', '.join(contract.names)}")
    if field.join:
        return pl.concat_str([written(name, contract) for name in field.join]).alias(field.to)
    name = field.sources[0]
    if field.times is not None:
        if contract.types[name] not in {"integer", "number"}:
            raise BadInput(f"map to {field.to!r}: `times` needs a number, {name!r} is a {contract.types[name]}")
        return (pl.col(name) * field.times).round(field.decimals).alias(field.to)
    if field.plus_minutes is not None:
        if contract.types[name] != "datetime" or contract.types[field.plus_minutes] != "integer":
            raise BadInput(f"map to {field.to!r}: `plus_minutes` needs a datetime and an integer field of minutes")
        return utc_text(pl.col(name) + pl.duration(minutes=field.plus_minutes)).alias(field.to)
    if contract.types[name] in {"datetime", "date"}:
        return written(name, contract).alias(field.to)
    return pl.col(name).alias(field.to)


def written(name: str, contract: Contract) -> pl.Expr:
    """A field as text, datetimes in RFC 3339."""
    kind = contract.types[name]
    if kind == "datetime":
        return utc_text(pl.col(name))
    return pl.col(name).cast(pl.String)


def utc_text(value: pl.Expr) -> pl.Expr:
    """A UTC datetime as RFC 3339 text with seconds and `Z`."""
    return value.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
