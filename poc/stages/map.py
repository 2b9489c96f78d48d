"""Map the contract's fields to the names and units that the partner expects.

Numbers are passed with their own digits, booleans unchanged, dates and times as ISO 8601 text: with `Z` for a datetime
that has a zone, without a zone for one that has none. All fields are one selection, so that polars
computes them together; products, look-ups and what replaces an empty value are computed after it (`poc.mapping`).

A computed value may be outside the range of its type, and a text may have no replacement in a look-up. Such a row is
rejected.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from poc.batch import ROW, Batch, Finding, make_rejected_rows
from poc.contract.parsers import has_local, is_local, without_shift
from poc.mapping.expressions import default_cell, field_expression, scaled_number
from poc.mapping.look_ups import make_look_up
from poc.mapping.range_checks import year_check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from poc.config.map_field import MapField
    from poc.contract.contract import Contract


class Map:
    """Selects and computes the partner's fields, in the order of the configuration.

    Args:
        fields: of the partner.
        contract: whose fields they are made of.
        files: the contents of the files that look-ups are in, by their names in the configuration.
        fits: returns findings of values that the partner's format has no place for.

    Raises:
        BadInput: a field does not fit the contract, or a file of look-ups cannot be used.
    """

    def __init__(
        self,
        fields: Sequence[MapField],
        contract: Contract,
        files: Mapping[str, bytes] | None = None,
        fits: Callable[[pl.DataFrame], Iterable[Finding]] | None = None,
    ) -> None:
        self._fields = tuple(fields)
        self._contract = contract
        self._fits = fits
        self._columns = self._select(frozenset())
        self._zone_optional = contract.zone_optional.intersection(name for field in fields for name in field.sources)
        self._computed = [
            (at, computed.compute, computed.findings)
            for at, field in enumerate(fields, 1)
            if (computed := scaled_number(field) or make_look_up(field, files or {}))
        ]
        self._defaults = [
            (at, cell) for at, field in enumerate(fields, 1) if (cell := default_cell(field, contract)) is not None
        ]
        self._checks = [check for field in fields if (check := year_check(field))]

    def _select(self, local: frozenset[str], *, clipped: bool = False) -> list[pl.Expr]:
        """Return the partner's columns; `local` are datetimes some of which have no time zone."""
        fields = (
            field_expression(field, self._contract, local, clipped=clipped).alias(field.to) for field in self._fields
        )
        return [pl.col(ROW), *fields]

    def _compute(self, rows: pl.DataFrame) -> list[Finding]:
        """Replace the columns that are computed after the selection; return findings of values that have no result."""
        findings: list[Finding] = []
        for at, compute, explain in self._computed:
            values = rows.to_series(at)
            results = compute(values)
            if results.null_count() != values.null_count():
                findings += explain(rows.get_column(ROW), values, results)
            rows.replace_column(at, results)
        for at, cell in self._defaults:
            column = rows.to_series(at)
            if column.null_count():
                rows.replace_column(at, column.set(column.is_null(), cell))
        return findings

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
            findings = self._compute(rows)
            for check in failed:
                findings += check.findings(typed)
            if self._fits is not None:
                findings += self._fits(rows)
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
