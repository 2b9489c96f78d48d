"""Numbers of the map that are multiplied: exact products of decimals, rounded half to even once.

The result is text, as every number in the pipeline: its digits without trailing zeros. Most values fit into 64 bits as
whole multiples of a power of ten, and are computed a column at a time; the others are computed one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from poc.batch import Finding
from poc.contract.numbers import FEW_ROWS, MAX_DIGITS
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from numpy.typing import NDArray

#: Products up to this size do not overflow 64 bits.
MAX_PRODUCT = 2**62

#: A decimal of at most 15 digits is the shortest text of its nearest float; a float below 0.0001 has an exponent.
MAX_FLOAT_DIGITS, FLOAT_DECIMALS = 15, 4

#: The most characters of a number that is computed with a whole column.
MAX_COLUMN_CHARS = 18


class ScaledNumber:
    """Computes `times` times the field `name`, rounded to `decimals`, for the partner's field `to`."""

    def __init__(self, to: str, name: str, times: Decimal, decimals: int) -> None:
        self.to = to
        self.name = name
        self.times = times
        self._decimals = decimals
        self._factor, self._scale = unscaled_decimal(str(times))
        self._unit = 10**decimals
        # in units of the last decimal: sizes whose nearest float is written like the decimal
        self._least, self._most = 10 ** max(decimals - FLOAT_DECIMALS, 0), 10**MAX_FLOAT_DIGITS

    def compute(self, values: pl.Series) -> pl.Series:
        """Return the products as text; null for null, and for a product that has too many digits to be written."""
        if values.len() <= FEW_ROWS:
            return self._one_by_one(values)
        text = self._whole_column(values)
        if text.null_count() > values.null_count():
            rest = (values.is_not_null() & text.is_null()).arg_true()
            text = text.scatter(rest, self._one_by_one(values.gather(rest)))
        return text

    def findings(self, numbers: pl.Series, values: pl.Series, products: pl.Series) -> Iterator[Finding]:
        """Yield a finding for each row whose product has too many digits."""
        missing = pl.DataFrame([numbers, values.alias("value")]).filter(values.is_not_null() & products.is_null())
        for row, value in missing.iter_rows():
            note = f"{truncate(str(value))} times {self.times} has more than {MAX_DIGITS:,} digits"
            yield Finding(row, "constraint-error", self.to, note)

    def _whole_column(self, values: pl.Series) -> pl.Series:
        """Return the products that 64 bits can hold; null for the others."""
        numbers, scale = unscaled_numbers(values)
        shift = scale + self._scale - self._decimals
        factor = self._factor * 10 ** max(-shift, 0)
        if abs(factor) >= MAX_PRODUCT or shift > MAX_COLUMN_CHARS:
            return pl.Series(self.to, [None], dtype=pl.String).new_from_index(0, values.len())
        integers = numbers.fill_null(0).to_numpy()
        largest = MAX_PRODUCT // max(abs(factor), 1)
        held = (integers <= largest) & (integers >= -largest)
        rounded = divide_half_even(np.where(held, integers, 0) * factor, max(shift, 0))
        size = np.abs(rounded)
        held &= (size < self._most) & ((size >= self._least) | (size == 0))
        # numpy divides correctly rounded; polars would multiply by the inverse of a constant
        text = pl.Series(self.to, rounded / self._unit).cast(pl.String).str.strip_suffix(".0")
        if held.all() and not numbers.null_count():
            return text
        return text.set(numbers.is_null() | pl.Series(~held), None)

    def _one_by_one(self, values: pl.Series) -> pl.Series:
        if values.dtype != pl.String:
            products = [None if value is None else self._product(value, 0) for value in values.to_list()]
        else:
            products = [
                None if value is None else self._product(*unscaled_decimal(value)) for value in values.to_list()
            ]
        return pl.Series(self.to, products, dtype=pl.String)

    def _product(self, unscaled: int, scale: int) -> str | None:
        places = scale + self._scale - self._decimals
        units = unscaled * self._factor
        if places > 0:
            divisor = 10**places
            units, rest = divmod(units, divisor)
            units += 2 * rest > divisor or (2 * rest == divisor and units % 2 == 1)
        else:
            units *= 10**-places
        if self._least <= units < self._most:
            return repr(units / self._unit).removesuffix(".0")
        return decimal_text(units, self._decimals)


def unscaled_decimal(number: str) -> tuple[int, int]:
    """Return a number as (n, s): it is n divided by 10 to the power of s."""
    digits, _, exponent = number.lower().partition("e")
    whole, _, fraction = digits.partition(".")
    return int(whole + fraction), len(fraction) - int(exponent or 0)


def decimal_text(units: int, decimals: int) -> str | None:
    """Return an integer divided by 10**decimals as text; None if it has more than `MAX_DIGITS` digits."""
    if abs(units) >= 10**MAX_DIGITS:
        return None
    digits = str(abs(units)).zfill(decimals + 1)
    if decimals:
        digits = f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".")
    return f"-{digits}" if units < 0 else digits


def unscaled_numbers(values: pl.Series) -> tuple[pl.Series, int]:
    """Return a column as 64-bit integers n and a scale s: each is n / 10**s; null if it does not fit."""
    if values.dtype != pl.String:
        return values, 0
    is_short = (values.str.len_bytes() <= MAX_COLUMN_CHARS) & ~values.str.contains("[eE]")
    short = values.set(~is_short, None)
    fractions = short.str.len_bytes() - short.str.find(".", literal=True) - 1
    scale = int(fractions.max() or 0)  # type: ignore[arg-type] # the lengths are integers
    decimals = short.cast(pl.Decimal(38, scale), strict=False)
    return decimals.to_physical().cast(pl.Int64, strict=False), scale


def divide_half_even(numbers: NDArray[np.int64], places: int) -> NDArray[np.int64]:
    """Return integers divided by 10 to the power of `places`, rounded half to even."""
    if not places:
        return numbers
    divisor = 10**places
    quotient = numbers // divisor
    rest = numbers - quotient * divisor
    half = divisor // 2
    rounded: NDArray[np.int64] = quotient + ((rest > half) | ((rest == half) & (quotient % 2 == 1)))
    return rounded
