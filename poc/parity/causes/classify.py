"""Name the cause of each of many pairs of different texts: the first one that explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from poc.parity.causes.dates import differs_in_date_format, differs_in_time_zone
from poc.parity.causes.names import VALUE_CAUSES
from poc.parity.causes.numbers import differs_in_leading_zeros, differs_in_number_format, differs_in_rounding
from poc.parity.causes.texts import (
    differs_in_case,
    differs_in_encoding,
    differs_in_order,
    differs_in_unicode_form,
    differs_in_whitespace,
    is_null_or_blank,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """What the contract says about a field: its type, and its texts for a missing value."""

    type: str = ""
    missing: tuple[str, ...] = ()


def classify(pairs: pl.DataFrame, facts: FieldFacts) -> pl.Series:
    """Return the cause of each pair of different texts, null for a missing value.

    Args:
        pairs: the columns `left` and `right`.
        facts: of the field. They only help to name the cause.
    """
    by_cause: Mapping[str, Callable[[pl.DataFrame], pl.Series]] = {
        "whitespace": differs_in_whitespace,
        "case": differs_in_case,
        "null-or-blank": lambda rest: is_null_or_blank(rest, facts.missing),
        "leading-zeros": differs_in_leading_zeros,
        "number-format": differs_in_number_format,
        "rounding": lambda rest: differs_in_rounding(rest, facts.type),
        "date-format": differs_in_date_format,
        "time-zone": differs_in_time_zone,
        "unicode-form": differs_in_unicode_form,
        "order": differs_in_order,
        "encoding": differs_in_encoding,
    }
    causes = pl.Series("cause", ["value"], dtype=pl.String).new_from_index(0, pairs.height)
    rest = pairs.select("left", "right").with_columns(row=pl.int_range(pl.len()))
    for cause in VALUE_CAUSES:
        if rest.is_empty():
            break
        explained = by_cause[cause](rest).fill_null(value=False)
        if explained.any():
            causes = causes.scatter(rest.filter(explained).get_column("row"), cause)
            rest = rest.filter(~explained)
    return causes
