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
MINUTE_US, DAY_US = 60_000_000, 86_400_000_000


@dataclass(frozen=True, slots=True)
class YearCheck:
    """Checks that a datetime with minutes added, or in another time zone, is in the years 1 to 9999.

    `minutes` is the field of minutes, empty if none are added; a time in another `zone` may be a day off.
    """

    to: str
    name: str
    minutes: str
    zone: str = ""

    def all_in_range(self, rows: pl.DataFrame) -> bool:
        """Return whether no row can be out of range: the sums of the minima and of the maxima are in range.

        False may be wrong, True is never wrong.
        """
        times = rows.get_column(self.name)
        least, most = self._least_and_most(rows)
        first, last = times.min(), times.max()
        if least is None or most is None:  # no row has minutes
            return True
        if not (isinstance(first, datetime) and isinstance(last, datetime)):
            return True
        first_us, last_us = self._limits()
        return epoch_us(first) + least * MINUTE_US >= first_us and epoch_us(last) + most * MINUTE_US <= last_us

    def findings(self, rows: pl.DataFrame) -> Iterator[Finding]:
        """Yield a finding for each row out of range. Minutes are clipped first, so that the sum cannot overflow."""
        minutes = pl.col(self.minutes).clip(-MAX_MINUTES, MAX_MINUTES) if self.minutes else pl.lit(0)
        result = pl.col(self.name).to_physical() + minutes * MINUTE_US
        wrong = rows.filter(~result.is_between(*self._limits()))
        added = pl.col(self.minutes) if self.minutes else pl.lit(None)
        for row, time, count in wrong.select(ROW, pl.col(self.name).cast(pl.String), added.alias("added")).iter_rows():
            sum_text = f"{time} and {count} minutes are" if self.minutes else f"{time} is"
            place = f" or at their edge, where {self.zone} may be in another" if self.zone else ""
            yield Finding(row, "constraint-error", self.to, f"{sum_text} outside the years 1 to 9999{place}")

    def _least_and_most(self, rows: pl.DataFrame) -> tuple[int | None, int | None]:
        if not self.minutes:
            return 0, 0
        minutes = rows.get_column(self.minutes)
        least, most = minutes.min(), minutes.max()
        return (least, most) if isinstance(least, int) and isinstance(most, int) else (None, None)

    def _limits(self) -> tuple[int, int]:
        margin_us = DAY_US if self.zone else 0
        return FIRST_US + margin_us, LAST_US - margin_us


def epoch_us(time: datetime) -> int:
    """Return microseconds since 1970; for single values, where a polars expression would take longer."""
    return (time - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001 - as polars gives it


def year_check(field: MapField) -> YearCheck | None:
    """Return the range check of a field with minutes added, or in another time zone; None for any other field."""
    if field.source is None or (field.plus_minutes is None and field.zone is None):
        return None
    return YearCheck(field.to, field.source, field.plus_minutes or "", field.zone or "")
