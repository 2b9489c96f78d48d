"""Map the contract's fields to the names and units that the partner expects.

Numbers are passed with their own digits, booleans unchanged, dates and times as ISO 8601 text: with `Z` for a datetime
that has a zone, without a zone for one that has none. All fields are one selection, so that polars
computes them together; numbers that are multiplied are computed after it (`scaled_numbers`).

A computed value may be outside the range of its type, and would then be delivered as another value. Such a row is
rejected. One check of a whole column, by its minimum and maximum, proves that a batch has no such row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from poc.batch import ROW, Batch, Finding, make_rejected_rows
from poc.contract.numbers import MAX_DIGITS
from poc.contract.parsers import has_local, is_local, without_shift
from poc.contract.scaled_numbers import ScaledNumber
from poc.errors import BadInput
from poc.text import plain_texts, truncate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from poc.config.partner import MapField
    from poc.contract.contract import Contract

#: The first and the last microsecond of the years 1 to 9999, counted from 1970; and the minutes of 10,000 years.
FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
MAX_MINUTES = 5_300_000_000
MINUTE_US = 60_000_000


class Map:
    """Selects and computes the partner's fields, in the order of the configuration."""

    def __init__(self, fields: Sequence[MapField], contract: Contract) -> None:
        self._fields = tuple(fields)
        self._contract = contract
        self._columns = self._select(frozenset())
        self._zone_optional = contract.zone_optional.intersection(name for field in fields for name in field.sources)
        self._scaled = [(at, scaled) for at, field in enumerate(fields, 1) if (scaled := scaled_number(field))]
        self._checks = [check for field in fields if (check := year_check(field))]

    def _select(self, local: frozenset[str], *, clipped: bool = False) -> list[pl.Expr]:
        """Return the partner's columns; `local` are datetimes some of which have no time zone."""
        fields = (
            field_expression(field, self._contract, local, clipped=clipped).alias(field.to) for field in self._fields
        )
        return [pl.col(ROW), *fields]

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches whose rows have `_row` and the partner's columns; the rest of a batch is unchanged.

        Rows with a computed value out of range are rejected.
        """
        for batch in batches:
            typed, columns = batch.rows, self._columns
            if local := frozenset(name for name in self._zone_optional if has_local(typed.get_column(name))):
                typed = separate_local(typed, local)
            failed = [check for check in self._checks if not check.all_in_range(typed)]
            if local or failed:
                columns = self._select(local, clipped=bool(failed))
            rows = typed.select(columns)
            findings: list[Finding] = []
            for at, scaled in self._scaled:
                values = rows.to_series(at)
                products = scaled.compute(values)
                if products.null_count() != values.null_count():
                    findings += too_long_findings(scaled, rows.get_column(ROW), values, products)
                rows.replace_column(at, products)
            for check in failed:
                findings += check.findings(typed)
            yield reject(batch, rows, findings) if findings else replace(batch, rows=rows)


def separate_local(rows: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """Return rows in which datetimes with and without a time zone are alike, and a column says which have none."""
    columns = [rows.get_column(name) for name in names]
    return rows.with_columns(
        *[without_shift(column) for column in columns],
        *[is_local(column).alias(f"\0local {column.name}") for column in columns],
    )


def reject(batch: Batch, rows: pl.DataFrame, findings: list[Finding]) -> Batch:
    """Move the rows that have findings to the rejected ones."""
    by_row: dict[int, list[Finding]] = {}
    for finding in findings:
        by_row.setdefault(finding.row, []).append(finding)
    originals = batch.lines.originals(list(by_row))
    out_of_range = make_rejected_rows(by_row, originals, [tuple(of_row) for of_row in by_row.values()])
    rejected = tuple(sorted((*batch.rejected, *out_of_range), key=lambda one: one.row))
    return replace(batch, rows=rows.filter(~pl.col(ROW).is_in(list(by_row))), rejected=rejected)


def too_long_findings(
    scaled: ScaledNumber, numbers: pl.Series, values: pl.Series, products: pl.Series
) -> Iterator[Finding]:
    """Yield a finding for each row whose product has too many digits."""
    missing = pl.DataFrame([numbers, values.alias("value")]).filter(values.is_not_null() & products.is_null())
    for row, value in missing.iter_rows():
        note = f"{truncate(str(value))} times {scaled.times} has more than {MAX_DIGITS:,} digits"
        yield Finding(row, "constraint-error", scaled.to, note)


@dataclass(frozen=True, slots=True)
class YearCheck:
    """Checks that a datetime with minutes added is in the years 1 to 9999."""

    to: str
    name: str
    minutes: str

    def all_in_range(self, rows: pl.DataFrame) -> bool:
        """Return whether no row can be out of range: the sums of the minima and of the maxima are in range.

        False may be wrong, True is never wrong.
        """
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


def year_check(field: MapField) -> YearCheck | None:
    """Return the range check of a field with minutes added; None for any other field."""
    if field.source is None or field.plus_minutes is None:
        return None
    return YearCheck(field.to, field.source, field.plus_minutes)


def scaled_number(field: MapField) -> ScaledNumber | None:
    """Return the computation of a field that is multiplied; None for any other field."""
    if field.source is None or field.times is None:
        return None
    return ScaledNumber(field.to, field.source, field.times, field.decimals)


def literal_fields(fields: Iterable[MapField], contract: Contract) -> frozenset[str]:
    """Return the partner's fields whose text is JSON as it is: numbers, and values of any type from JSON."""
    types = {"number", "any"} if contract.json_values else {"number"}
    return frozenset(
        field.to
        for field in fields
        if field.times is not None or (field.source is not None and contract.types[field.source] in types)
    )


def field_expression(
    field: MapField, contract: Contract, local: frozenset[str] = frozenset(), *, clipped: bool = False
) -> pl.Expr:
    """Return a field of the partner as an expression over typed rows.

    `clipped` limits the minutes that are added: polars panics where it has to write a time of an impossible year.

    Raises:
        BadInput: the types of the contract's fields do not fit.
    """
    for name in field.sources:
        if name not in contract.names:
            raise BadInput(f"map to {field.to!r}: unknown field {name!r}; the contract has {', '.join(contract.names)}")
    if field.join:
        return pl.concat_str([text_expression(name, contract, local) for name in field.join])
    name = field.sources[0]
    kind = contract.types[name]
    if field.times is not None:
        if kind not in {"integer", "number"}:
            raise BadInput(f"map to {field.to!r}: `times` needs a number, {name!r} is a {kind}")
        return pl.col(name)
    if field.plus_minutes is not None:
        if kind != "datetime" or contract.types[field.plus_minutes] != "integer":
            raise BadInput(f"map to {field.to!r}: `plus_minutes` needs a datetime and an integer field of minutes")
        minutes = pl.col(field.plus_minutes)
        minutes = minutes.clip(-MAX_MINUTES, MAX_MINUTES) if clipped else minutes
        return rfc3339_expression(pl.col(name) + pl.duration(minutes=minutes), name, contract, local)
    return text_expression(name, contract, local) if kind in {"datetime", "date", "time"} else pl.col(name)


def text_expression(name: str, contract: Contract, local: frozenset[str]) -> pl.Expr:
    """Return a field as text: dates and times in ISO 8601, booleans as `true` and `false`, numbers as in JSON."""
    kind = contract.types[name]
    if kind == "datetime":
        return rfc3339_expression(pl.col(name), name, contract, local)
    if kind == "time":
        return pl.col(name).dt.strftime("%H:%M:%S%.f")
    if kind == "any" and contract.json_values:
        return pl.col(name).map_batches(
            lambda literals: pl.Series(name, plain_texts(literals), dtype=pl.String), return_dtype=pl.String
        )
    return pl.col(name).cast(pl.String)


def rfc3339_expression(value: pl.Expr, name: str, contract: Contract, local: frozenset[str]) -> pl.Expr:
    """Return a datetime as RFC 3339 text, with a fraction of a second only where it has one."""
    text = value.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.f{'' if name in contract.local or name in local else 'Z'}")
    if name not in local:
        return text
    return pl.when(pl.col(f"\0local {name}")).then(text).otherwise(pl.concat_str([text, pl.lit("Z")]))
