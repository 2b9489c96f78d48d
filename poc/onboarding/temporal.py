"""Formats of dates and times in a sample: those that fit all values, and whether they leave the order open."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from poc.contract.parsers import make_parser
from poc.contract.schema import SchemaField

if TYPE_CHECKING:
    import polars as pl

    from poc.contract.parsers import ColumnParser

#: Formats of dates that are tried, the unambiguous ones first.
DATES = (
    "default", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y",
    "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%y/%m/%d",
    "%d-%m-%y", "%m-%d-%y", "%y-%m-%d",
    "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y",
)  # fmt: skip

#: Times of day after a date.
TIMES = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%H:%M:%S%z", "%H:%M:%S %z", "%H:%M:%S.%f%z", "%I:%M %p", "%I:%M:%S %p")

#: Values that are tried first, so that formats which fit none cost nothing.
FEW = 5


class TemporalFormat(NamedTuple):
    """A type, and a format of it."""

    type: str
    format: str

    def field(self) -> dict[str, str]:
        """Return the keys of a field of this format."""
        return {"type": self.type} if self.format == "default" else {"type": self.type, "format": self.format}

    @property
    def is_day_first(self) -> bool:
        """Whether the day stands before the month, both as numbers."""
        return 0 <= self.format.find("%d") < self.format.find("%m")

    @property
    def is_month_first(self) -> bool:
        """Whether the month stands first, and the year last."""
        return self.format.startswith("%m")


@cache
def candidates() -> tuple[TemporalFormat, ...]:
    """Return all formats that are tried."""
    dates = [TemporalFormat("date", form) for form in DATES]
    moments = [TemporalFormat("datetime", "default")]
    for form in DATES:
        day = "%Y-%m-%d" if form == "default" else form
        moments += [TemporalFormat("datetime", f"{day}{gap}{time}") for gap in (" ", "T") for time in TIMES]
    return (*dates, *moments, TemporalFormat("time", "default"), TemporalFormat("time", "%H:%M"))


@cache
def parser(form: TemporalFormat) -> ColumnParser:
    """Return the parser of a format."""
    return make_parser(SchemaField.model_validate({"name": "x", **form.field()}))


def fitting_formats(values: pl.Series) -> list[TemporalFormat]:
    """Return the formats that fit all of some texts."""
    few = values.head(FEW)
    likely = [form for form in candidates() if not parser(form)(few).null_count()]
    return [form for form in likely if not parser(form)(values).null_count()]


def compact_dates(values: pl.Series) -> bool:
    """Return whether all texts are dates such as 20261102, of this century or the last."""
    if not values.str.contains("^(?:19|20)[0-9]{6}$").all():
        return False
    return not parser(TemporalFormat("date", "%Y%m%d"))(values).null_count()


def fits_some_format(values: pl.Series) -> bool:
    """Return whether each text is a date or time, though in different formats."""
    rest = values
    for form in candidates():
        if rest.is_empty():
            break
        if form.format.count("%y"):  # nearly anything with two separators
            continue
        rest = rest.filter(parser(form)(rest).is_null())
    return rest.is_empty()
