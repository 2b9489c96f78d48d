"""Exact decimal numbers as text: their canonical notation, their values, and comparisons by value.

A `number` keeps its own digits from file to partner. Its canonical notation is a JSON number: no `+`, no leading zeros,
at least one digit on both sides of the point; trailing zeros and an exponent stay as they came. A number has at most
`MAX_DIGITS` digits and an exponent of at most three digits, so that every comparison and product can be computed
exactly in a small amount of time.

Almost all values are canonical already, and one regular expression proves it for a whole column. Comparisons begin with
the nearest 64-bit floats: rounding keeps the order, so only values whose float equals that of the limit are compared
digit by digit.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

#: The most digits of a number before its exponent.
MAX_DIGITS = 1_000

#: Up to this number of rows, Python checks a column faster than an expression starts.
FEW_ROWS = 1_000

_DIGITS = r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?"
CANONICAL = re.compile(f"-?{_DIGITS}")
_CANONICAL_COLUMN = f"^-?{_DIGITS}$"

#: A decimal of XML Schema with a point: a sign, digits on one side of the point at least, an exponent.
NUMBER = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"

#: Replacements that make a valid number canonical: leading zeros, a point without digits before or after it, and
#: leading zeros of an exponent with more than three digits.
_REPLACEMENTS = (
    (r"^(-?)0+([0-9])", "${1}${2}"),
    (r"^(-?)\.", "${1}0."),
    (r"\.([eE]|$)", "${1}"),
    (r"([eE][+-]?)0+([0-9]{3})$", "${1}${2}"),
)


def canonical_numbers(text: pl.Series) -> pl.Series:
    """Return a column of numbers in canonical notation, null for a text that is no number or that cannot be held."""
    if text.len() <= FEW_ROWS:
        texts = text.to_list()
        if all(cell is None or CANONICAL.fullmatch(cell) for cell in texts):
            return null_unless_short(text)
    elif text.str.contains(_CANONICAL_COLUMN).all():
        return null_unless_short(text)
    number = pl.col(text.name).str.strip_prefix("+")
    for pattern, replacement in _REPLACEMENTS:
        number = number.str.replace(pattern, replacement)
    is_number = pl.col(text.name).str.contains(NUMBER)
    canonical = text.to_frame().select(pl.when(is_number).then(number).alias(text.name)).to_series()
    return null_unless_short(canonical.set(~canonical.str.contains(_CANONICAL_COLUMN), None))


def null_unless_short(numbers: pl.Series) -> pl.Series:
    """Replace canonical numbers of more than `MAX_DIGITS` digits by null."""
    longest = numbers.str.len_bytes().max()
    if not isinstance(longest, int) or longest <= MAX_DIGITS:
        return numbers
    too_long = [number is not None and count_digits(number) > MAX_DIGITS for number in numbers]
    return numbers.set(pl.Series(too_long), None)


def count_digits(number: str) -> int:
    """Return how many digits a number has before its exponent."""
    return len(re.split("[eE]", number)[0].lstrip("+-").replace(".", ""))


def value_text(number: str) -> str:
    """Return the one notation of a canonical number's value: no exponent, no trailing zeros, no negative zero."""
    if "e" in number or "E" in number:
        value = Decimal(number)
        number = format(value, "f") if value else "0"
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return "0" if number == "-0" else number


def value_texts(numbers: pl.Series) -> pl.Series:
    """Return the notation of each value, as `value_text` does: equal texts exactly where the values are equal."""
    if numbers.len() <= FEW_ROWS:
        texts = [None if number is None else value_text(number) for number in numbers.to_list()]
        return pl.Series(numbers.name, texts, dtype=pl.String)
    with_exponent = numbers.str.contains("[eE]").fill_null(value=False)
    if with_exponent.any():
        distinct = numbers.filter(with_exponent).unique().to_list()
        values = pl.Series([value_text(number) for number in distinct], dtype=pl.String)
        replaced = numbers.replace(pl.Series(distinct, dtype=pl.String), values)
    else:
        replaced = numbers
    has_point = replaced.str.contains(".", literal=True)
    if has_point.any():
        stripped = replaced.str.strip_chars_end("0").str.strip_chars_end(".")
        replaced = stripped.zip_with(has_point.fill_null(value=False), replaced)
    return replaced.set(replaced == "-0", "0")


class Limit:
    """One bound of a number: `beyond` is true for each value that breaks it, `holds` for a column without any."""

    def __init__(self, limit: Decimal, *, is_lower: bool, exclusive: bool) -> None:
        self._limit = limit
        self._float = float(limit)
        self._is_lower = is_lower
        self._breaks: Callable[[Decimal], bool]
        if is_lower:
            self._breaks = (lambda value: value <= limit) if exclusive else (lambda value: value < limit)
        else:
            self._breaks = (lambda value: value >= limit) if exclusive else (lambda value: value > limit)

    def beyond(self, numbers: pl.Series) -> pl.Series:
        """Return whether each number breaks the bound; null for null."""
        nearest = numbers.cast(pl.Float64)
        wrong = nearest < self._float if self._is_lower else nearest > self._float
        close = numbers.filter(nearest == self._float)
        if breaking := [number for number in close.unique().to_list() if self._breaks(Decimal(number))]:
            wrong |= numbers.is_in(breaking)
        return wrong

    def holds(self, numbers: pl.Series) -> bool:
        """Return whether no number breaks the bound."""
        nearest = numbers.cast(pl.Float64)
        extreme = nearest.min() if self._is_lower else nearest.max()
        if not isinstance(extreme, float) or (extreme > self._float if self._is_lower else extreme < self._float):
            return True
        return extreme == self._float and not self.beyond(numbers).any()
