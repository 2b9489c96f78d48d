"""The texts of pairs of records that differ, brought together from two sides in different orders, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

#: Pairs that are compared at once. The texts of more pairs are written to disk.
CHUNK_PAIRS = 1 << 15

PLACE = "\0place"


def take_rows(
    frames: Iterable[pl.DataFrame], wanted: NDArray[np.uint64]
) -> Iterator[tuple[NDArray[np.int64], pl.DataFrame]]:
    """Yield rows by their numbers over all frames, and the places of these numbers in `wanted`, which ascends."""
    first = 0
    if not len(wanted):
        return
    for rows in frames:
        begin, end = np.searchsorted(wanted, [first, first + rows.height])
        if end > begin:
            yield np.arange(begin, end), pick_rows(rows, (wanted[begin:end] - np.uint64(first)).astype(np.int64))
        first += rows.height
        if first > wanted[-1]:  # the rest need not be read
            return


def pick_rows(rows: pl.DataFrame, places: NDArray[np.int64]) -> pl.DataFrame:
    """Return some rows; few of them are copied, as a part of a frame of texts keeps all of its memory."""
    picked = rows[places]
    if len(places) * 4 > rows.height:
        return picked
    return pl.DataFrame([pl.Series(column.name, column.to_list(), dtype=pl.String) for column in picked.iter_columns()])


class PairTexts:
    """The texts of both sides of pairs, by chunks of neighbouring ones; of `pairs` at least."""

    def __init__(self, folder: Path, pairs: int) -> None:
        self._folder = folder
        self._on_disk = pairs > CHUNK_PAIRS
        self._chunks = {0}
        self._held: tuple[list[pl.DataFrame], list[pl.DataFrame]] = ([], [])
        self._files = 0

    def add(self, side: int, rows: pl.DataFrame, places: NDArray[np.int64]) -> None:
        """Add rows of a side (0 or 1), and the numbers of their pairs."""
        if not len(places):
            return
        rows = rows.with_columns(pl.Series(PLACE, places))
        if not self._on_disk:
            self._held[side].append(rows)
            return
        chunks = places // CHUNK_PAIRS
        numbers = np.unique(chunks)
        for chunk in numbers:
            self._files += 1
            part = rows if len(numbers) == 1 else rows.filter(pl.Series(chunks == chunk))
            self._chunks.add(int(chunk))
            part.write_ipc_stream(
                self._folder / f"{chunk}-{side}-{self._files}.arrow", compat_level=pl.CompatLevel.oldest()
            )

    def chunks(self) -> Iterator[tuple[int, pl.DataFrame, pl.DataFrame]]:
        """Yield the number of the first pair of each chunk, and the rows of both sides in the order of the pairs."""
        for chunk in sorted(self._chunks):
            sides = self._held
            if self._on_disk:
                sides = ([], [])
                for side in (0, 1):
                    paths = self._folder.glob(f"{chunk}-{side}-*.arrow")
                    sides[side].extend(pl.read_ipc_stream(path) for path in paths)
            left, right = (in_order(pl.concat(frames)) for frames in sides)
            yield chunk * CHUNK_PAIRS, left, right


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows in the order of their places."""
    places = rows.get_column(PLACE)
    return rows if places.is_sorted() else rows[places.arg_sort()]
