"""The keys of all rows read so far: in a temporary file, with a Bloom filter in memory before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import polars as pl

from poc.contract.hashed_keys import NO_ENTRIES, HashedKeys, with_duplicate_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.contract.hashed_keys import Hashes, Numbers

#: Bits that a key sets, all in one 64-bit word of the filter.
BITS = 5


class KeyFilter:
    """One key of all rows so far.

    Args:
        file: receives row and both hashes of every key, batch by batch.
        word_bits: the filter has 2 to the power of this 64-bit words; it is created on first use.
        limit: the most keys looked up at once, which bounds memory.
        held: up to this number of keys, first hashes are held in memory instead of a filter.
    """

    def __init__(self, file: BinaryIO, word_bits: int, limit: int, held: int) -> None:
        self._file = file
        self._limit = limit
        self._max_held = held
        self._held: list[Hashes] = []  # first hashes of all keys, up to `held` of them
        self._word_bits = word_bits
        self._sizes: list[int] = []  # keys in each block of the file
        self._filter: Hashes = np.empty(0, np.uint64)
        self._suspects: list[Hashes] = []  # first hashes that may be repeated, up to `limit` of them
        self._lists_suspects = True  # until there are more than `limit`
        self._has_suspects = False

    def add(self, key: HashedKeys, rejected: set[int], *, keep_rejected: bool) -> None:
        """Add a batch. Rows that are `rejected` already are stored as negative numbers, or not at all."""
        entries = key.entries()
        if rejected:
            row = pl.col("row")
            is_rejected = row.is_in(list(rejected))
            if keep_rejected:
                entries = entries.with_columns(pl.when(is_rejected).then(-row).otherwise(row))
            else:
                entries = entries.filter(~is_rejected)
        rows, a, b = (entries[name].to_numpy() for name in ("row", "a", "b"))
        for part in (rows, a, b):
            self._file.write(np.ascontiguousarray(part).data)
        self._sizes.append(len(rows))
        if not len(self._filter):
            if self._max_held and sum(self._sizes) <= self._max_held:
                self._held.append(a)
                return
            self._filter = np.zeros(1 << self._word_bits, np.uint64)
            for block in self._blocks(len(self._held)):
                self._add_to_filter(*block, find_suspects=keep_rejected)
            self._held.clear()
        self._add_to_filter(rows, a, b, find_suspects=keep_rejected)

    def _add_to_filter(self, rows: Numbers, a: Hashes, b: Hashes, *, find_suspects: bool) -> None:
        word, bits = self._address(a, b)
        if find_suspects:
            present = (self._filter[word] & bits) == bits
            self._has_suspects = self._has_suspects or bool(present.any())
            self._suspect(a[present])
            if len(rows) and rows.min() < 0:  # a repeat within the batch is not in the filter yet
                self._suspect(a[np.isin(a, a[rows < 0])])
        np.bitwise_or.at(self._filter, word, bits)

    def _address(self, a: Hashes, b: Hashes) -> tuple[Hashes, Hashes]:
        """Return the word of the filter that the first hash of each key selects, and the bits that the second does."""
        bits = np.zeros(len(b), np.uint64)
        for number in range(BITS):
            bits |= np.uint64(1) << (b >> np.uint64(6 * number) & np.uint64(63))
        return a >> np.uint64(64 - self._word_bits), bits

    def may_repeat(self) -> bool:
        """Return whether any key may occur in two batches."""
        if self._held:
            ordered = np.sort(np.concatenate(self._held))
            self._suspect(ordered[1:][ordered[1:] == ordered[:-1]])
            self._held.clear()
            self._has_suspects = bool(self._suspects) or not self._lists_suspects
        return self._has_suspects

    def _suspect(self, hashes: Hashes) -> None:
        if self._lists_suspects and len(hashes):
            self._suspects.append(hashes)
            self._lists_suspects = sum(map(len, self._suspects)) <= self._limit
        if not self._lists_suspects:
            self._suspects.clear()

    def repeats_of(self, key: HashedKeys) -> pl.DataFrame:
        """Return the entries of a new batch whose key occurs twice, here or before, with the earlier entries of it."""
        a, b = key.a.to_numpy(), key.b.to_numpy()
        word, bits = self._address(a, b)
        present = (self._filter[word] & bits) == bits
        if not present.any():
            return key.repeated()
        earlier = self._collect(np.unique(a[present]), 0, 1)
        return with_duplicate_key(pl.concat([earlier, key.entries()]))

    def repeated(self) -> pl.DataFrame:
        """Return all entries whose key occurs twice, looked up so that about `limit` keys are in memory at a time."""
        if self._lists_suspects:
            suspects = np.unique(np.concatenate([NO_ENTRIES["a"].to_numpy(), *self._suspects]))
            return with_duplicate_key(self._collect(suspects, 0, 1)) if len(suspects) else NO_ENTRIES
        parts = -(-sum(self._sizes) // self._limit)
        entries = NO_ENTRIES
        for part in range(parts):
            entries = pl.concat([entries, with_duplicate_key(self._collect(None, part, parts))])
            if entries.height > self._limit:
                break  # the caller refuses so many
        return entries

    def _collect(self, hashes: Hashes | None, part: int, parts: int) -> pl.DataFrame:
        """Read the file once for entries with these first hashes, in ascending order, or with any hash of one part."""
        entries = [NO_ENTRIES]
        for rows, a, b in self._blocks(len(self._sizes)):
            if hashes is None:
                wanted = a % np.uint64(parts) == part
            else:
                wanted = hashes[np.minimum(np.searchsorted(hashes, a), len(hashes) - 1)] == a
            if wanted.any():
                entries.append(pl.DataFrame({"row": rows[wanted], "a": a[wanted], "b": b[wanted]}))
        return pl.concat(entries)

    def _blocks(self, count: int) -> Iterator[tuple[Numbers, Hashes, Hashes]]:
        """Yield rows, first and second hashes of the first `count` batches in the file."""
        self._file.seek(0)
        for size in self._sizes[:count]:
            rows = np.frombuffer(self._file.read(8 * size), np.int64)
            a = np.frombuffer(self._file.read(8 * size), np.uint64)
            yield rows, a, np.frombuffer(self._file.read(8 * size), np.uint64)
        self._file.seek(0, 2)
