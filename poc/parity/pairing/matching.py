"""Match the records of two sides by hashes: which are equal, which form a pair that differs, which have no partner.

A record is two hashes of 64 bits, of its key and of all its fields, and its number. Two different records are taken for
equal only where both hashes agree. Up to `HELD_RECORDS` of a side, the hashes are held; more are put into buckets on
disk by the key's hash, and one bucket is matched at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from poc.parity.records import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]  # records x (hash of the key, hash of all fields, number)

#: Records of a side of which the hashes are held in memory, and the number of buckets of more.
HELD_RECORDS, BUCKETS = 1 << 19, 64

KEY, RECORD, NUMBER, COPY = "key", "record", "number", "copy"


class HashedRecords:
    """The hashes of one side's records, in memory or in buckets on disk."""

    def __init__(self, folder: Path, key: Sequence[str]) -> None:
        self.records = 0
        self.unreadable = 0
        self._folder = folder
        self._key = [*key, UNREADABLE]
        self._held: list[Hashes] = []
        self.is_on_disk = False

    def add(self, rows: pl.DataFrame) -> None:
        """Add the next records: the same columns in the same order each time, of both sides."""
        hashes = np.empty((rows.height, 3), dtype=np.uint64)
        key = pl.DataFrame([rows.get_column(name) for name in self._key])  # `select` takes longer to start
        hashes[:, 0] = key.hash_rows(seed=1).to_numpy()
        hashes[:, 1] = rows.hash_rows(seed=2).to_numpy()
        hashes[:, 2] = np.arange(self.records, self.records + rows.height)
        self.records += rows.height
        self.unreadable += rows.height - rows.get_column(UNREADABLE).null_count()
        self._held.append(hashes)
        if self.is_on_disk or self.records > HELD_RECORDS:
            self.move_to_disk()

    def move_to_disk(self) -> None:
        """Write the hashes that are held into the buckets."""
        self.is_on_disk = True
        self._folder.mkdir(exist_ok=True)
        for hashes in self._held:
            bucket = hashes[:, 0] % BUCKETS
            ordered = hashes[np.argsort(bucket, kind="stable")]
            ends = np.cumsum(np.bincount(bucket.astype(np.int64), minlength=BUCKETS))
            for number, part in enumerate(np.split(ordered, ends[:-1])):
                if len(part):
                    with (self._folder / str(number)).open("ab") as file:
                        file.write(part.tobytes())
        self._held = []

    def buckets(self) -> Iterator[pl.DataFrame]:
        """Yield the hashes bucket by bucket; in one where they are held."""
        if not self.is_on_disk:
            yield as_frame(np.concatenate([np.empty((0, 3), dtype=np.uint64), *self._held]))
            return
        for number in range(BUCKETS):
            path = self._folder / str(number)
            yield as_frame(np.fromfile(path, dtype=np.uint64).reshape(-1, 3) if path.exists() else _NOTHING)


_NOTHING: Any = np.empty((0, 3), dtype=np.uint64)


def as_frame(hashes: Hashes) -> pl.DataFrame:
    """Return hashes as the columns `key`, `record` and `number`."""
    return pl.DataFrame({name: hashes[:, place] for place, name in enumerate((KEY, RECORD, NUMBER))})


@dataclass(slots=True)
class Matches:
    """The numbers of records that differ: pairs of both sides, and records that only one side has, or has once more."""

    equal: int = 0
    left_pairs: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    right_pairs: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    only_left: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    only_right: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    twice_left: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    twice_right: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))


def match_records(left: HashedRecords, right: HashedRecords, *, by_key: bool) -> Matches:
    """Match the records of two sides.

    Equal records are taken out first, as often as both sides have them. With `by_key`, those left with the same key
    form pairs, in the order of each side. What is left then is `only` on a side if the other side has no record with
    its key, but of several with one key all further ones are `twice`; it is `twice` if the other side has the key.
    """
    if left.is_on_disk != right.is_on_disk:
        for side in (left, right):
            side.move_to_disk()
    parts = [_match_bucket(a, b, by_key=by_key) for a, b in zip(left.buckets(), right.buckets(), strict=True)]
    names = ("left_pairs", "right_pairs", "only_left", "only_right", "twice_left", "twice_right")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    order = np.argsort(joined["left_pairs"], kind="stable")
    for name in ("left_pairs", "right_pairs"):
        joined[name] = joined[name][order]
    for name in names[2:]:
        joined[name].sort()
    return Matches(sum(part.equal for part in parts), **joined)


def _match_bucket(left: pl.DataFrame, right: pl.DataFrame, *, by_key: bool) -> Matches:
    rows, rest_left, rest_right = left.height, left, right
    if rows == right.height:  # mostly both sides have one order: what is equal in its place needs no search
        differs = (left[KEY] != right[KEY]) | (left[RECORD] != right[RECORD])
        if not differs.any():
            return Matches(equal=rows)
        rest_left, rest_right = left.filter(differs), right.filter(differs)
    rest_left, rest_right = _not_surely_equal(rest_left, rest_right)
    on = [KEY, RECORD, COPY]
    one, other = (side.with_columns(count_copies(side, KEY, RECORD)) for side in (rest_left, rest_right))
    rest_left, rest_right = one.join(other, on=on, how="anti"), other.join(one, on=on, how="anti")
    result = Matches(equal=rows - rest_left.height)
    if by_key:
        one, other = (side.with_columns(count_copies(side, KEY)) for side in (rest_left, rest_right))
        pairs = one.join(other, on=[KEY, COPY], how="inner")
        result.left_pairs, result.right_pairs = pairs[NUMBER].to_numpy(), pairs[f"{NUMBER}_right"].to_numpy()
        rest_left = one.join(other, on=[KEY, COPY], how="anti")
        rest_right = other.join(one, on=[KEY, COPY], how="anti")
    result.only_left, result.twice_left = _split_rest(rest_left, right)
    result.only_right, result.twice_right = _split_rest(rest_right, left)
    return result


def _not_surely_equal(left: pl.DataFrame, right: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out records that each side has exactly once, which are mostly all: a look-up takes less than a join."""
    repeated = pl.concat([side[RECORD].filter(side[RECORD].is_duplicated()) for side in (left, right)]).implode()
    one, other = (
        side.filter(~side[RECORD].is_in(against[RECORD].implode()) | side[RECORD].is_in(repeated))
        for side, against in ((left, right), (right, left))
    )
    return one, other


def count_copies(rows: pl.DataFrame, *names: str) -> pl.Series:
    """Return for each row how many rows before it, by number, have the same values in some columns of hashes."""
    copies = np.zeros(rows.height, np.int64)
    repeated = rows[names[-1]].is_duplicated().arg_true().to_numpy()  # mostly few, and the others are first copies
    if len(repeated):
        values = [rows[name].to_numpy()[repeated] for name in names]
        order = np.lexsort((rows[NUMBER].to_numpy()[repeated], *values))
        begins = np.zeros(len(repeated), dtype=bool)
        begins[0] = True
        for value in values:
            begins[1:] |= value[order][1:] != value[order][:-1]
        places = np.arange(len(repeated))
        copies[repeated[order]] = places - np.maximum.accumulate(np.where(begins, places, 0))
    return pl.Series(COPY, copies)


def _split_rest(rest: pl.DataFrame, other: pl.DataFrame) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the numbers of records whose key the other side lacks, and of those that are there once more."""
    is_only = (count_copies(rest, KEY) == 0) & ~rest[KEY].is_in(other[KEY].implode())
    return rest.filter(is_only)[NUMBER].to_numpy(), rest.filter(~is_only)[NUMBER].to_numpy()
