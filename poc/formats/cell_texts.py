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
            texts = None
            if str in types:
                texts = pl.Series(name, [v if type(v) is str else None for v in values], dtype=pl.String)
                texts = texts.set(texts == "", None)
            if texts is not None and float not in types:
                return texts
            numbers = self.numbers(pl.Series(name, [v if type(v) is float else None for v in values], dtype=pl.Float64))
            return numbers if texts is None else numbers.zip_with(numbers.is_not_null(), texts)
        keys = [(type(value), value) for value in values]  # True and 1.0 are equal
        text_of = {key: self.text(name, key[1]) for key in set(keys)}
        return pl.Series(name, [text_of[key] for key in keys], dtype=pl.String)

    def numbers(self, values: pl.Series) -> pl.Series:
        """Return the texts of floating-point numbers, whole ones without a point."""
        mark = self._decimal_chars.get(values.name)
        integers = values.cast(pl.Int64, strict=False)
        is_exact = (integers == values).all() and integers.null_count() == values.null_count()
        if is_exact and (integers.abs() < MAX_WHOLE).all():
            return integers.cast(pl.String)
        number = pl.col(values.name)
        is_whole = (number == number.floor()) & (number.abs() < MAX_WHOLE)
        text = pl.when(is_whole).then(number.cast(pl.Int64, strict=False).cast(pl.String))
        texts = pl.DataFrame([values]).select(text.otherwise(number.cast(pl.String))).to_series()
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
        if type_name == type(value).__name__ and "%" in form:  # a moment of another type would lose a part of it
            return value.strftime(form)
        return value.isoformat()
