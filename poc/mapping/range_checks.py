"""Checks of computed values: one outside the range of its type would be delivered as another value.

One check of a whole column, by its minimum and maximum, proves that a batch has no such row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from poc.batch import ROW, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.config.map_field import MapField

#: The first and the last microsecond of the years 1 to 9999, counted from 1970; and the minutes of 10,000 years.
FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
MAX_MINUTES = 5_300_000_000
MINUTE_US = 60_000_000


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
