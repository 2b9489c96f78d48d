"""Typed cells as the texts that a contract checks: numbers, dates and booleans in the notation of their field."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from poc.formats.header import ExpectedFields

#: Whole numbers below this are written without a point; a float holds each of them exactly.
MAX_WHOLE = 1e15


class CellTexts:
    """Writes the cells of files of one contract as texts; an empty cell is null."""

    def __init__(self, expected: ExpectedFields) -> None:
        self._types = expected.types
        self._formats = expected.formats
        self._decimal_chars = expected.decimal_chars
        self._booleans = expected.boolean_texts

    def column(self, name: str, values: Sequence[Any]) -> pl.Series:
        """Return the texts of a column."""
        types = set(map(type, values))
        if types <= {float, str}:
            if float not in types:
                texts = pl.Series(name, values, dtype=pl.String)
                return texts.set(texts == "", None)
            if str not in types:
                return self.numbers(pl.Series(name, values, dtype=pl.Float64))
            filled = [None if value == "" else value for value in values]
            if str not in set(map(type, filled)):
                return self.numbers(pl.Series(name, filled, dtype=pl.Float64))
        keys = [(type(value), value) for value in values]  # True and 1.0 are equal
        text_of = {key: self.text(name, key[1]) for key in set(keys)}
        return pl.Series(name, [text_of[key] for key in keys], dtype=pl.String)

    def numbers(self, values: pl.Series) -> pl.Series:
        """Return the texts of floating-point numbers, whole ones without a point."""
        number = pl.col(values.name)
        is_whole = (number == number.floor()) & (number.abs() < MAX_WHOLE)
        text = pl.when(is_whole).then(number.cast(pl.Int64, strict=False).cast(pl.String))
        texts = pl.DataFrame([values]).select(text.otherwise(number.cast(pl.String))).to_series()
        mark = self._decimal_chars.get(values.name)
        return texts.str.replace(".", mark, literal=True) if mark else texts

    def text(self, name: str, value: Any) -> str | None:
        """Return the text of one cell."""
        if isinstance(value, str):
            return value or None
        if value is None:
            return None
        if isinstance(value, bool):
            true, false = self._booleans.get(name, ("true", "false"))
            return true if value else false
        if isinstance(value, float):
            return str(self.numbers(pl.Series(name, [value]))[0])
        if isinstance(value, date | time):
            return self._moment(name, value)
        if isinstance(value, timedelta):
            return f"PT{value.total_seconds():g}S" if self._types.get(name) == "duration" else str(value)
        return str(value)

    def _moment(self, name: str, value: date | time) -> str:
        type_name = self._types.get(name)
        if type_name == "datetime" and not isinstance(value, datetime | time):
            value = datetime.combine(value, time())
        form = self._formats.get(name, "default")
        if type_name in {"date", "datetime", "time"} and "%" in form:
            return value.strftime(form)
        return value.isoformat()
