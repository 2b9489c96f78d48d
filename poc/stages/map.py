"""Map the contract's fields to the names and units that the partner expects.

Numbers and booleans are passed unchanged, dates and times as ISO 8601 text: with `Z` for a datetime whose format has a
zone, without a zone for one whose format has none. All fields are one selection, so that polars computes them together.

A computed value may be outside the range of its type, and would then be delivered as another value. Such a row is
rejected. One check of a whole column, by its sum or its minimum and maximum, proves that a batch has no such row.
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

#: The first and the last microsecond of the years 1 to 9999, counted from 1970; and the minutes of 10,000 years.
FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
MAX_MINUTES = 5_300_000_000
MINUTE_US = 60_000_000


class Map:
    """Selects and computes the partner's fields, in the order of the configuration."""

    def __init__(self, fields: Sequence[MapField], contract: Contract) -> None:
        self._columns = [pl.col(ROW), *(field_expression(field, contract).alias(field.to) for field in fields)]
        self._checks = [check for field in fields if (check := range_check(field))]

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches whose rows have `_row` and the partner's columns; the rest of a batch is unchanged.

        Rows with a computed value out of range are rejected.
        """
        for batch in batches:
            rows = batch.rows.select(self._columns)
            if all(check.all_in_range(batch.rows, rows) for check in self._checks):
                yield replace(batch, rows=rows)
            else:
                yield self._reject_out_of_range(batch, rows)

    def _reject_out_of_range(self, batch: Batch, rows: pl.DataFrame) -> Batch:
        """Move the rows that are out of range, if there are any, to the rejected ones."""
        by_row: dict[int, list[Finding]] = {}
        for check in self._checks:
            for finding in check.findings(batch.rows):
                by_row.setdefault(finding.row, []).append(finding)
        if not by_row:
            return replace(batch, rows=rows)
        out_of_range = [RejectedRow(row, batch.lines.original(row), tuple(found)) for row, found in by_row.items()]
        rejected = tuple(sorted((*batch.rejected, *out_of_range), key=lambda one: one.row))
        return replace(batch, rows=rows.filter(~pl.col(ROW).is_in(list(by_row))), rejected=rejected)


class RangeCheck(Protocol):
    """Checks the range of a computed field."""

    def all_in_range(self, rows: pl.DataFrame, mapped: pl.DataFrame) -> bool:
        """Return whether no row is out of range; False may be wrong, True is never wrong."""

    def findings(self, rows: pl.DataFrame) -> Iterator[Finding]:
        """Yield a finding for each row, as it was before the map, that is out of range."""


@dataclass(frozen=True, slots=True)
class FiniteCheck:
    """Checks that a scaled number is finite."""

    to: str
    name: str
    times: float
    decimals: int

    def all_in_range(self, rows: pl.DataFrame, mapped: pl.DataFrame) -> bool:  # noqa: ARG002 - not all ranges look at both
        """Return whether the sum is finite: a single infinite value would make it infinite or NaN."""
        return math.isfinite(mapped.get_column(self.to).sum())

    def findings(self, rows: pl.DataFrame) -> Iterator[Finding]:
        """Yield a finding for each row whose result is infinite."""
        scaled = (pl.col(self.name) * self.times).round(self.decimals)
        for row, value in rows.filter(~scaled.is_finite()).select(ROW, self.name).iter_rows():
            note = f"{value} times {self.times} is greater than any number that can be written"
            yield Finding(row, "constraint-error", self.to, note)


@dataclass(frozen=True, slots=True)
class YearCheck:
    """Checks that a datetime with minutes added is in the years 1 to 9999."""

    to: str
    name: str
    minutes: str

    def all_in_range(self, rows: pl.DataFrame, mapped: pl.DataFrame) -> bool:  # noqa: ARG002 - not all ranges look at both
        """Return whether the sum of the minima is not too early, and the sum of the maxima not too late."""
        times, minutes = rows.get_column(self.name), rows.get_column(self.minutes)
        least, most = minutes.min(), minutes.max()
        first, last = times.min(), times.max()
        if not (isinstance(least, int) and isinstance(most, int)):  # no row has minutes
            return True
        if not (isinstance(first, datetime) and isinstance(last, datetime)):
            return True
        return epoch_us(first) + least * MINUTE_US >= FIRST_US and epoch_us(last) + most * MINUTE_US <= LAST_US

    def findings(self, rows: pl.DataFrame) -> Iterator[Finding]:
        """Yield a finding for each row out of range. Minutes are clipped first, so that the sum cannot overflow."""
        minutes = pl.col(self.minutes).clip(-MAX_MINUTES, MAX_MINUTES)
        result = pl.col(self.name).to_physical() + minutes * MINUTE_US
        wrong = rows.filter(~result.is_between(FIRST_US, LAST_US))
        for row, time, added in wrong.select(ROW, pl.col(self.name).cast(pl.String), self.minutes).iter_rows():
            note = f"{time} and {added} minutes are outside the years 1 to 9999"
            yield Finding(row, "constraint-error", self.to, note)


def epoch_us(time: datetime) -> int:
    """Return microseconds since 1970; for single values, where a polars expression would take longer."""
    return (time - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001 - as polars gives it


def range_check(field: MapField) -> RangeCheck | None:
    """Return the range check of a computed field; None for any other field."""
    if field.source is None:
        return None
    if field.times is not None:
        return FiniteCheck(field.to, field.source, field.times, field.decimals)
    return YearCheck(field.to, field.source, field.plus_minutes) if field.plus_minutes is not None else None


def field_expression(field: MapField, contract: Contract) -> pl.Expr:
    """Return a field of the partner as an expression over typed rows. Raises BadInput where its types do not fit."""
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
    """Return a field as text: dates and times in ISO 8601, booleans as `true` and `false`, numbers as in JSON."""
    kind = contract.types[name]
    if kind == "datetime":
        return rfc3339_expression(pl.col(name), name, contract)
    if kind == "time":
        return pl.col(name).dt.strftime("%H:%M:%S%.f")
    return pl.col(name).cast(pl.String)


def rfc3339_expression(value: pl.Expr, name: str, contract: Contract) -> pl.Expr:
    """Return a datetime as RFC 3339 text, with a fraction of a second only where it has one."""
    return value.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.f{'' if name in contract.local else 'Z'}")
