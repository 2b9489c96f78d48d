"""Texts that mean a missing value, for formats in which they are looked for column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from poc.config.partner import Feed
    from poc.formats.header import ExpectedFields


def missing_texts(feed: Feed, expected: ExpectedFields) -> Mapping[str, frozenset[str]]:
    """Return the texts that mean a missing value, of each field."""
    return {
        name: frozenset((*expected.field_missing.get(name, expected.missing_values), *feed.dialect.nulls))
        for name in expected.names
    }


def blank(column: pl.Series, missing: frozenset[str]) -> pl.Series:
    """Replace texts that mean a missing value by null."""
    is_missing = column.is_in(sorted(missing)) if missing else None
    return column if is_missing is None or not is_missing.any() else column.set(is_missing, None)
