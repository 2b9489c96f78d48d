"""Batches of several files joined into one, so that many small files are checked and mapped as one frame."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from poc.batch import ROW, Batch, Finding, RejectedRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Column of a joined frame that says which file a row is of, as keys are unique within a file.
FILE = "_file"


@dataclass(frozen=True, slots=True)
class JoinedLines:
    """The original lines of a joined batch, by the row's number in it."""

    batches: tuple[Batch, ...]
    offsets: tuple[int, ...]

    def original(self, row: int) -> bytes:
        """Return the bytes of a row without its line end. Raises KeyError for a row of no file."""
        return self.originals([row])[0]

    def originals(self, rows: Sequence[int]) -> list[bytes]:
        """Return the bytes of many rows, as `original` does."""
        lines: list[bytes] = []
        for row in rows:
            at = bisect_right(self.offsets, row - 1) - 1
            lines.append(self.batches[at].lines.original(row - self.offsets[at]))
        return lines


class JoinedBatch:
    """One batch that holds the only batch of each of several files of one feed.

    Args:
        batches: of the files.
        rows: their columns as one frame, without numbers, if there is one; then no row of theirs is rejected.

    Row n of a file is row `offsets[file] + n` of the joined batch, so that rows ascend over all files. Findings name
    rows of the joined batch, too, until `split` turns them back.
    """

    def __init__(self, batches: Sequence[Batch], rows: pl.DataFrame | None = None) -> None:
        self._batches = tuple(batches)
        heights = [batch.rows.height + len(batch.rejected) for batch in batches]
        self.offsets = (0, *accumulate(heights))[:-1]
        self._starts = np.array(self.offsets)
        if rows is None:
            parts = [in_order(batch.rows, batches[0].rows.columns) for batch in batches]
            rows = pl.concat(parts, rechunk=True)
            numbers = rows.drop_in_place(ROW).to_numpy() + np.repeat(self._starts, [part.height for part in parts])
        else:
            numbers = np.arange(1, rows.height + 1)
        rows = rows.insert_column(0, pl.Series(ROW, numbers, dtype=pl.get_index_type()))
        rejected: list[RejectedRow] = []
        for batch, offset in zip(batches, self.offsets, strict=True):
            rejected += shift_rejected(batch.rejected, offset)
        lines = JoinedLines(self._batches, self.offsets)
        self.batch = Batch(rows, lines, tuple(rejected))

    def file_numbers(self, rows: pl.DataFrame) -> pl.Series:
        """Return the number of the file, from 0, that each row of a joined frame belongs to."""
        numbers = rows.get_column(ROW).to_numpy()
        return pl.Series(FILE, np.searchsorted(self._starts, numbers, side="left") - 1)

    def bounds(self, rows: pl.DataFrame) -> list[int]:
        """Return where each file begins in a joined frame, and its height at the end."""
        numbers = rows.get_column(ROW).to_numpy()
        return [*np.searchsorted(numbers, self._starts, side="right").tolist(), rows.height]

    def split(self, batch: Batch) -> list[Batch]:
        """Return the batch of each file: rejected rows as in the file, and the rows with their joined numbers."""
        bounds = self.bounds(batch.rows)
        rejected: list[list[RejectedRow]] = [[] for _ in self.offsets]
        for row in batch.rejected:
            rejected[bisect_right(self.offsets, row.row - 1) - 1].append(row)
        return [
            replace(
                own,
                rows=batch.rows.slice(bounds[at], bounds[at + 1] - bounds[at]),
                rejected=shift_rejected(rejected[at], -offset),
            )
            for at, (own, offset) in enumerate(zip(self._batches, self.offsets, strict=True))
        ]


def in_order(rows: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Return a frame with its columns in an order."""
    return rows if rows.columns == columns else rows.select(columns)


def shift_rejected(rows: Iterable[RejectedRow], shift: int) -> tuple[RejectedRow, ...]:
    """Return rejected rows, and their findings, with the row numbers moved by an amount."""
    if not shift:
        return tuple(rows)
    return tuple(
        RejectedRow(
            row.row + shift,
            row.original,
            tuple(Finding(finding.row + shift, *finding[1:]) for finding in row.findings),
        )
        for row in rows
    )
