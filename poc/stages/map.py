"""Map: the contract's fields to the names and units that the partner wants.

Numbers and booleans go as they are, dates and times as ISO 8601 text: `Z` stands behind a datetime whose form tells its
zone, and nothing behind one whose form tells none. All fields are one selection: polars works on them side by side.

What is computed may be beyond what a number or a date can be, and would then be delivered as something else. Such a row
is set apart. That no row of a batch is one is proved for the whole column, by a sum or by its least and greatest value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import polars as pl

from poc.batch import ROW, Batch, Finding, RejectedRow
from poc.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from poc.config.partner import MapField
    from poc.contract.contract import Contract

#: The first and the last microsecond of the years that can be written, from 1970 on, and the minutes of 10,000 years.
FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
MAX_MINUTES = 5_300_000_000
MINUTE_US = 60_000_000


class Map:
    """Selects and computes the partner's fields, in the order of the configuration."""

    def __init__(self, fields: Sequence[MapField], contract: Contract) -> None:
        self._columns = [pl.col(ROW), *(field_expression(field, contract).alias(field.to) for field in fields)]
        self._ranges = [found for field in fields if (found := range_check(field))]

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Batches whose rows have `_row` and the partner's columns; everything else stays on them.

        Rows of which a computed value is out of range are among the bad ones.
        """
        for batch in batches:
            rows = batch.rows.select(self._columns)
            if all(limit.kept(batch.rows, rows) for limit in self._ranges):
                yield replace(batch, rows=rows)
            else:
                yield self._set_apart(batch, rows)

    def _set_apart(self, batch: Batch, rows: pl.DataFrame) -> Batch:
        """The batch with the rows that are out of range, if there are any, among the bad ones."""
        found: dict[int, list[Finding]] = {}
        for limit in self._ranges:
            for finding in limit.findings(batch.rows):
                found.setdefault(finding.row, []).append(finding)
        if not found:
            return replace(batch, rows=rows)
        apart = [RejectedRow(row, batch.lines.original(row), tuple(told)) for row, told in found.items()]
        bad = tuple(sorted((*batch.rejected, *apart), key=lambda one: one.row))
        return replace(batch, rows=rows.filter(~pl.col(ROW).is_in(list(found))), rejected=bad)


class RangeCheck(Protocol):
    """What a computed field can be."""

    def kept(self, rows: pl.DataFrame, mapped: pl.DataFrame) -> bool:
        """Whether no row is out of range; it may be wrong only in saying that one is."""

    def findings(self, rows: pl.DataFrame) -> Iterator[Finding]:
        """The rows that are out of range, before they were mapped."""


@dataclass(frozen=True, slots=True)
class FiniteCheck:
    """A scaled number must still be one."""

    to: str
    name: str
    times: float
    decimals: int

    def kept(self, rows: pl.DataFrame, mapped: pl.DataFrame) -> bool:  # noqa: ARG002 - not all ranges look at both
        """Whether the sum is a number: a single value that is none would spoil it."""
        return math.isfinite(mapped.get_column(self.to).sum())

    def findings(self, rows: pl.DataFrame) -> Iterator[Finding]:
        """Rows whose result is infinite."""
        scaled = (pl.col(self.name) * self.times).round(self.decimals)
        for row, value in rows.filter(~scaled.is_finite()).select(ROW, self.name).iter_rows():
            note = f"{value} times {self.times} is greater than any number that can be written"
            yield Finding(row, "constraint-error", self.to, note)


@dataclass(frozen=True, slots=True)
class YearCheck:
    """A datetime with minutes added must be one of the years 1 to 9999."""

    to: str
    name: str
    minutes: str

    def kept(self, rows: pl.DataFrame, mapped: pl.DataFrame) -> bool:  # noqa: ARG002 - not all ranges look at both
        """Whether the least values together are not too early, and the greatest not too late."""
        times, minutes = rows.get_column(self.name), rows.get_column(self.minutes)
        least, most = minutes.min(), minutes.max()
        first, last = times.min(), times.max()
        if not (isinstance(least, int) and isinstance(most, int)):  # there is none
            return True
        if not (isinstance(first, datetime) and isinstance(last, datetime)):
            return True
        return epoch_us(first) + least * MINUTE_US >= FIRST_US and epoch_us(last) + most * MINUTE_US <= LAST_US

    def findings(self, rows: pl.DataFrame) -> Iterator[Finding]:
        """Rows whose result is in no such year; minutes are cut to what cannot wrap round before they are added."""
        minutes = pl.col(self.minutes).clip(-MAX_MINUTES, MAX_MINUTES)
        result = pl.col(self.name).to_physical() + minutes * MINUTE_US
        wrong = rows.filter(~result.is_between(FIRST_US, LAST_US))
        for row, time, added in wrong.select(ROW, pl.col(self.name).cast(pl.String), self.minutes).iter_rows():
            note = f"{time} and {added} minutes are outside the years 1 to 9999"
            yield Finding(row, "constraint-error", self.to, note)


def epoch_us(time: datetime) -> int:
    """Microseconds; asked of single values, as polars takes longer to start."""
    return (time - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001 - as polars gives it


def range_check(field: MapField) -> RangeCheck | None:
    """What a field can be, if it is computed."""
    if field.source is None:
        return None
    if field.times is not None:
        return FiniteCheck(field.to, field.source, field.times, field.decimals)
    return YearCheck(field.to, field.source, field.plus_minutes) if field.plus_minutes is not None else None


def field_expression(field: MapField, contract: Contract) -> pl.Expr:
    """One field of the partner's as an expression over typed rows. Raises BadInput where it does not fit."""
    for name in field.sources:
        if name not in contract.names:
            raise BadInput(f"map to {field.to!r}: unknown field {name!r}; the contract has {', '.join(contract.names)}")
    if field.join:
        return pl.concat_str([text_expression(name, contract) for name in field.join])
    name = field.sources[0]
    kind = contract.types[name]
    if field.times is not None:
        if kind not in {"integer", "number"}:
            raise BadInput(f"map to {field.to!r}: `times` needs a number, {name!r} is a {kind}")
        return (pl.col(name) * field.times).round(field.decimals)
    if field.plus_minutes is not None:
        if kind != "datetime" or contract.types[field.plus_minutes] != "integer":
            raise BadInput(f"map to {field.to!r}: `plus_minutes` needs a datetime and an integer field of minutes")
        return rfc3339_expression(pl.col(name) + pl.duration(minutes=field.plus_minutes), name, contract)
    return text_expression(name, contract) if kind in {"datetime", "date", "time"} else pl.col(name)


def text_expression(name: str, contract: Contract) -> pl.Expr:
    """A field as text: dates and times in ISO 8601, booleans as `true` and `false`, numbers as in JSON."""
    kind = contract.types[name]
    if kind == "datetime":
        return rfc3339_expression(pl.col(name), name, contract)
    if kind == "time":
        return pl.col(name).dt.strftime("%H:%M:%S%.f")
    return pl.col(name).cast(pl.String)


def rfc3339_expression(value: pl.Expr, name: str, contract: Contract) -> pl.Expr:
    """A datetime as text in RFC 3339, with a fraction of a second only where it has one."""
    return value.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.f{'' if name in contract.local else 'Z'}")
