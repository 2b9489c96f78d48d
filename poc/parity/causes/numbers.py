"""Causes in the notation of numbers: leading zeros, format, rounding within the last digit.

Most pairs of different numbers are far apart, which their nearest 64-bit floats show for a whole column. The others are
compared exactly, by their decimal values.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

import polars as pl

from poc.parity.causes.texts import Left, Right, of_candidates

#: A number with at most so many characters is compared exactly; more digits are no number that people exchange.
MAX_CHARACTERS = 80

_PLAIN = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$"
PLAIN = re.compile(_PLAIN)

#: Digits in groups of three, before a decimal mark that is not the sign between the groups.
GROUPED = re.compile(r"^[+-]?[0-9]{1,3}(?:([,.'\u2019_ \u00a0\u202f])[0-9]{3})(?:\1[0-9]{3})*(?:(?!\1)[.,][0-9]+)?$")

#: A decimal comma without groups.
COMMA = re.compile(r"^[+-]?[0-9]*,[0-9]+$")

#: What a text with a number in any notation consists of.
_NUMERIC = (
    r"^[(+-]?[0-9.,'\u{2019}_ \u{00a0}\u{202f}]*[0-9][0-9.,'\u{2019}_ \u{00a0}\u{202f}]*(?:[eE][+-]?[0-9]{1,3})?[)-]?$"
)


def differs_in_leading_zeros(pairs: pl.DataFrame) -> pl.Series:
    """Return which pairs are equal without the zeros before their first other character."""

    def stripped(text: pl.Expr) -> pl.Expr:
        return text.str.replace(r"^([+-]?)0+(.)", "${1}${2}")

    return pairs.select(stripped(Left) == stripped(Right)).to_series()


def differs_in_number_format(pairs: pl.DataFrame) -> pl.Series:
    """Return which pairs are two notations of one number: `1.50` and `1.5`, `1,000` and `1000`, `1e3` and `1000`."""
    both = Left.str.contains(_NUMERIC) & Right.str.contains(_NUMERIC)
    left, right = (text.cast(pl.Float64, strict=False) for text in (Left, Right))
    far_apart = ((left - right).abs() > 1e-9 * pl.max_horizontal(left.abs(), right.abs())).fill_null(value=False)
    return of_candidates(pairs, both & ~far_apart, is_same_number)


def is_same_number(left: str, right: str) -> bool:
    """Return whether two texts can be read as the same number."""
    return not number_values(left).isdisjoint(number_values(right))


@lru_cache(maxsize=4096)
def number_values(text: str) -> frozenset[Decimal]:
    """Return the values that a text may have as a number: two for `1,234`, none for a text that is no number."""
    text = text.strip()
    if len(text) > MAX_CHARACTERS:
        return frozenset()
    if text.startswith("(") and text.endswith(")"):
        text = f"-{text[1:-1]}"
    elif text.endswith("-"):
        text = f"-{text[:-1]}"
    values = set()
    if PLAIN.match(text):
        values.add(Decimal(text))
    if match := GROUPED.match(text):
        values.add(Decimal(text.replace(match[1], "").replace(",", ".")))
    if COMMA.match(text):
        values.add(Decimal(text.replace(",", ".")))
    return frozenset(values)


def differs_in_rounding(pairs: pl.DataFrame, type_name: str = "") -> pl.Series:
    """Return which pairs differ by less than one in the last digit of the number with fewer digits, or by one in both.

    Two texts without a decimal point are numbers of things rather than rounded ones, unless the field is a `number`.
    """
    both = Left.str.contains(_PLAIN) & Right.str.contains(_PLAIN)
    left, right = (text.cast(pl.Float64, strict=False) for text in (Left, Right))
    digits = pl.min_horizontal(
        *(text.str.extract(r"\.([0-9]*)").str.len_bytes().fill_null(0) for text in (Left, Right))
    )
    step = pl.lit(10.0).pow(-digits.cast(pl.Float64))
    has_exponent = Left.str.contains("[eE]") | Right.str.contains("[eE]")
    near = has_exponent | ((left - right).abs() <= step * 1.000001)
    if type_name != "number":
        near &= Left.str.contains(r"[.eE]") | Right.str.contains(r"[.eE]")
    return of_candidates(pairs, both & near, is_rounded)


def is_rounded(left: str, right: str) -> bool:
    """Return whether two plain numbers differ within the last digit of the coarser one."""
    if max(len(left), len(right)) > MAX_CHARACTERS:
        return False
    first, second = Decimal(left), Decimal(right)
    exponents = [int(number.as_tuple().exponent) for number in (first, second)]
    step, gap = Decimal(1).scaleb(max(exponents)), abs(first - second)
    return gap == step if exponents[0] == exponents[1] else gap < step
