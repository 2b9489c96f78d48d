"""Hashes of the keys of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from poc.batch import ROW

if TYPE_CHECKING:
    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]
    Hashes = npt.NDArray[np.uint64]

#: Two seeds give 128 bits of hash per key, so that equal hashes count as equal keys in a file of any size.
SEEDS = (17, 91)

#: Entries (row, first and second hash) of no row.
NO_ENTRIES = pl.DataFrame(schema={"row": pl.Int64, "a": pl.UInt64, "b": pl.UInt64})


class HashedKeys:
    """One key of the rows of a batch, except those with a null in it. The second hash is computed on first use."""

    def __init__(self, rows: pl.DataFrame, names: tuple[str, ...]) -> None:
        columns = [rows.get_column(name) for name in names]
        numbers = rows.get_column(ROW)
        if any(column.null_count() for column in columns):
            complete = rows.drop_nulls(names)
            columns, numbers = [complete.get_column(name) for name in names], complete.get_column(ROW)
        self.rows = numbers
        self._columns = pl.DataFrame(columns)
        self.a = self._columns.hash_rows(SEEDS[0])
        self._b: pl.Series | None = None

    @property
    def b(self) -> pl.Series:
        """The second hash."""
        if self._b is None:
            self._b = self._columns.hash_rows(SEEDS[1])
        return self._b

    def entries(self) -> pl.DataFrame:
        """Return row, first and second hash of each key."""
        return pl.DataFrame([self.rows.cast(pl.Int64).alias("row"), self.a.alias("a"), self.b.alias("b")])

    def has_repeats(self) -> bool:
        """Return whether first hashes are equal, as those of keys that occur more than once are."""
        ordered = np.sort(self.a.to_numpy())  # four times as fast as counting distinct hashes
        return bool((ordered[1:] == ordered[:-1]).any())

    def repeated(self) -> pl.DataFrame:
        """Return the entries whose key occurs more than once in this batch."""
        return with_duplicate_key(self.entries()) if self.has_repeats() else NO_ENTRIES


def with_duplicate_key(entries: pl.DataFrame) -> pl.DataFrame:
    """Return the entries whose key another entry has, too."""
    return entries.filter(pl.struct("a", "b").is_duplicated())
