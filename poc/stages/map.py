"""Map: the contract's fields to the names and units that the partner wants.

Numbers and booleans go as they are, dates and times as ISO 8601 text: `Z` stands behind a datetime whose form tells its
zone, and nothing behind one whose form tells none. All fields are one selection: polars works on them side by side.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from poc.batch import ROW, Batch
from poc.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from poc.contract import Contract
    from poc.partners import MapField


class Map:
    """Selects and computes the partner's fields, in the order of the configuration."""

    def __init__(self, fields: Sequence[MapField], contract: Contract) -> None:
        self._columns = [pl.col(ROW), *(column(field, contract).alias(field.to) for field in fields)]

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Batches whose rows have `_row` and the partner's columns; everything else stays on them."""
        for batch in batches:
            yield replace(batch, rows=batch.rows.select(self._columns))


def column(field: MapField, contract: Contract) -> pl.Expr:
    """One field of the partner's as an expression over typed rows. Raises BadInput where it does not fit."""
    for name in field.sources:
        if name not in contract.names:
            raise BadInput(f"map to {field.to!r}: unknown field {name!r}; the contract has {', '.join(contract.names)}")
    if field.join:
        return pl.concat_str([written(name, contract) for name in field.join])
    name = field.sources[0]
    kind = contract.types[name]
    if field.times is not None:
        if kind not in {"integer", "number"}:
            raise BadInput(f"map to {field.to!r}: `times` needs a number, {name!r} is a {kind}")
        return (pl.col(name) * field.times).round(field.decimals)
    if field.plus_minutes is not None:
        if kind != "datetime" or contract.types[field.plus_minutes] != "integer":
            raise BadInput(f"map to {field.to!r}: `plus_minutes` needs a datetime and an integer field of minutes")
        return instant(pl.col(name) + pl.duration(minutes=field.plus_minutes), name, contract)
    return written(name, contract) if kind in {"datetime", "date", "time"} else pl.col(name)


def written(name: str, contract: Contract) -> pl.Expr:
    """A field as text: dates and times in ISO 8601, booleans as `true` and `false`, numbers as in JSON."""
    kind = contract.types[name]
    if kind == "datetime":
        return instant(pl.col(name), name, contract)
    if kind == "time":
        return pl.col(name).dt.strftime("%H:%M:%S%.f")
    return pl.col(name).cast(pl.String)


def instant(value: pl.Expr, name: str, contract: Contract) -> pl.Expr:
    """A datetime as text in RFC 3339, with a fraction of a second only where it has one."""
    return value.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.f{'' if name in contract.local else 'Z'}")
