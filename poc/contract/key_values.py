"""Values of keys: one notation for each value that can be written in several ways.

- A duration has months and seconds. A year is twelve months and a day is 86,400 seconds; a month has no number of days,
  so `P1M` and `P30D` differ. Source: XML Schema 1.1, https://www.w3.org/TR/xmlschema11-2/#duration
- A value of any JSON type is compared as its JSON, numbers by their value.
"""

from __future__ import annotations

import re
from decimal import Context

import polars as pl

from poc.contract.numbers import CANONICAL, value_text

DURATION = re.compile(
    r"(-?)P(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9.]+)S)?)?"
)

#: Digits that a sum of months or seconds may have more than the text that it comes from.
MORE_DIGITS = 10


def duration_value(duration: str) -> str:
    """Return the one notation of a duration's value. Raises ValueError for a text that is no duration."""
    match = DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"{duration!r} is no duration")
    exact = Context(prec=len(duration) + MORE_DIGITS)
    years, months, days, hours, minutes, seconds = (exact.create_decimal(part or "0") for part in match.groups()[1:])
    all_months = exact.fma(years, 12, months)
    all_seconds = exact.fma(exact.fma(exact.fma(days, 24, hours), 60, minutes), 60, seconds)
    sign = match[1] if all_months or all_seconds else ""
    shown = [format(number.normalize(exact), "f") for number in (all_months, all_seconds)]
    return f"{sign}P{shown[0]}MT{shown[1]}S"


def duration_values(durations: pl.Series) -> pl.Series:
    """Return the notation of each value: equal texts exactly where the values are equal."""
    distinct = durations.drop_nulls().unique()
    values = pl.Series([duration_value(duration) for duration in distinct.to_list()], dtype=pl.String)
    return durations.replace(distinct, values)


def literal_values(literals: pl.Series) -> pl.Series:
    """Return the notation of each JSON value: numbers that can be held as `value_text` does, others as they are."""
    values = [
        value_text(literal) if literal is not None and CANONICAL.fullmatch(literal) else literal for literal in literals
    ]
    return pl.Series(literals.name, values, dtype=pl.String)
