"""Keys that stand twice in a file of any size, found exactly and in bounded memory.

A row is bad if one of its keys stands in an earlier *good* row: a row that is not delivered makes no later row a
duplicate. That does not depend on where batches begin. Rows that break the contract otherwise never come here; a key
with a null in it is not compared.

- A file of one batch is settled by one hash a key: where all hashes differ, all keys do.
- From the second batch on, 128 bits of hash a key go to an unnamed temporary file, beside the row. Up to a million
  keys the first hashes are held as well, and sorted at the end, which takes half the time of what follows.
- Beyond that, a filter of fixed size (32 MB for all) tells which rows may be repeats, hardly ever wrongly: one in
  78,000 at 3 million rows. With `at_once` it does from the start.
- What may be a repeat is looked up in the temporary file, in one pass. Where the filter is too full to help, every key
  is, a part of them at a time. Without repeats, as a rule, there is no pass at all.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, Self

import numpy as np
import polars as pl

from poc.batch import ROW, FileRejected, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]
    Words = npt.NDArray[np.uint64]

#: Two seeds make 128 bits of hash a key, so that equal hashes may be taken for equal keys in a file of any size.
SEEDS = (17, 91)

#: Words of 64 bits in the filters of a file, as a power of 2: 32 MB. A key sets `BITS` bits of one word.
WORD_BITS = 22
BITS = 5

#: Keys looked up at once; what bounds memory.
MAX_LOOKUP_KEYS = 1_000_000

#: Keys up to which their first hashes, 8 bytes each, are held and sorted at the end: faster than a filter of 32 MB.
MAX_SORTED_KEYS = 1_000_000


class UniqueKeyCheck:
    """The keys of one file. `keys` are codes of findings and fields, as in `Contract.unique`.

    With `at_once`, rows are compared with all before them as they come, and `later` finds nothing.
    """

    def __init__(
        self,
        keys: Sequence[tuple[str, tuple[str, ...]]],
        *,
        at_once: bool = False,
        limit: int = MAX_LOOKUP_KEYS,
        held: int = MAX_SORTED_KEYS,
    ) -> None:
        self._keys = keys
        self._at_once = at_once
        self._limit = limit
        self._held = 0 if at_once else held
        self._memories: list[KeyFilter] = []
        self._first: tuple[list[HashedKeys], set[int]] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, rows: pl.DataFrame) -> list[Finding]:
        """Remember the next rows of the file, which break no other rule; `_row` ascends.

        Returns:
            Findings for rows that repeat a key of a row in this batch or, with `at_once`, in any before; by row.
        """
        if not self._keys or not rows.height:
            return []
        hashed = [HashedKeys(rows, names) for _, names in self._keys]
        if self._first is None and not self._memories:
            found = self._judge(key.repeated() for key in hashed)
            self._first = hashed, {finding.row for finding in found}
            return found
        if self._first is not None:  # a second batch: what was kept of the first goes to the files
            word_bits = max(WORD_BITS - (len(self._keys) - 1).bit_length(), 10)
            for _ in self._keys:
                file = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115, the stack closes it
                self._memories.append(KeyFilter(file, word_bits, self._limit, self._held))
            self._remember(*self._first)
            self._first = None
        found = self._judge(
            memory.suspects(key) if self._at_once else key.repeated()
            for memory, key in zip(self._memories, hashed, strict=True)
        )
        self._remember(hashed, {finding.row for finding in found})
        return found

    def later(self) -> list[Finding]:
        """At the end of the file: findings for all rows that repeat a key, by row; none if `add` has named them all.

        Raises:
            Refusal: there are more repeats than memory is kept for.
        """
        doubts = [memory.doubted() for memory in self._memories]
        if self._at_once or not any(doubts):
            return []
        entries = [memory.repeated() for memory in self._memories]
        if (many := sum(part.height for part in entries)) > self._limit:
            code, names = self._keys[0]
            raise FileRejected(code, f"{many} rows share a key ({', '.join(names)}, ...) with others; that is no key")
        told = {-row for part in entries for row in part["row"] if row < 0}
        found = self._judge(part.with_columns(pl.col("row").abs()) for part in entries)
        return found if any(finding.row not in told for finding in found) else []

    def _remember(self, hashed: list[HashedKeys], bad: set[int]) -> None:
        for number, key in enumerate(hashed):
            self._memories[number].add(key, bad, keep_bad=not self._at_once)

    def _judge(self, entries: Iterable[pl.DataFrame]) -> list[Finding]:
        """Which of the rows that share keys are bad, the earliest first."""
        rows: dict[int, list[tuple[int, int, int]]] = {}
        for number, part in enumerate(entries):
            for row, a, b in part.iter_rows():
                rows.setdefault(row, []).append((number, a, b))
        stands: dict[tuple[int, int, int], int] = {}
        found: list[Finding] = []
        for row in sorted(rows):
            repeats = [key for key in rows[row] if key in stands]
            for key in repeats:
                code, names = self._keys[key[0]]
                listed = ", ".join(names)
                found.append(Finding(row, code, listed, f"the key ({listed}) stands in row {stands[key]} already"))
            if not repeats:
                stands.update(dict.fromkeys(rows[row], row))
        return found


class HashedKeys:
    """One key of the rows of a batch. The second hash is only made where it is needed."""

    def __init__(self, rows: pl.DataFrame, names: tuple[str, ...]) -> None:
        columns = [rows.get_column(name) for name in names]
        numbers = rows.get_column(ROW)
        if any(column.null_count() for column in columns):
            whole = rows.drop_nulls(names)
            columns, numbers = [whole.get_column(name) for name in names], whole.get_column(ROW)
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
        """Row, first and second hash."""
        return pl.DataFrame([self.rows.cast(pl.Int64).alias("row"), self.a.alias("a"), self.b.alias("b")])

    def repeated(self) -> pl.DataFrame:
        """The entries whose key stands more than once in this batch."""
        ordered = np.sort(self.a.to_numpy())  # four times as fast as counting distinct ones
        if not (ordered[1:] == ordered[:-1]).any():
            return NO_ENTRIES
        return with_duplicate_key(self.entries())


#: Entries of no row.
NO_ENTRIES = pl.DataFrame(schema={"row": pl.Int64, "a": pl.UInt64, "b": pl.UInt64})


def with_duplicate_key(entries: pl.DataFrame) -> pl.DataFrame:
    """The entries whose key another has too."""
    return entries.filter(pl.struct("a", "b").is_duplicated())


class KeyFilter:
    """One key of all rows before: on disk, with a filter in front."""

    def __init__(self, file: BinaryIO, word_bits: int, limit: int, held: int) -> None:
        self._file = file
        self._limit = limit
        self._most_held = held
        self._held: list[Words] = []  # first hashes of all keys, while they are few
        self._word_bits = word_bits
        self._sizes: list[int] = []  # keys in each block of the file
        self._filter: Words = np.empty(0, np.uint64)  # made when it is needed
        self._suspects: list[Words] = []  # first hashes that may stand twice, while they are few
        self._few = True
        self._seen = False

    def add(self, key: HashedKeys, bad: set[int], *, keep_bad: bool) -> None:
        """Remember a batch. Rows that are `bad` already are kept as negative numbers, or not at all."""
        entries = key.entries()
        if bad:
            row = pl.col("row")
            told = row.is_in(list(bad))
            entries = (
                entries.with_columns(pl.when(told).then(-row).otherwise(row)) if keep_bad else entries.filter(~told)
            )
        rows, a, b = (entries[name].to_numpy() for name in ("row", "a", "b"))
        for part in (rows, a, b):
            self._file.write(np.ascontiguousarray(part).data)
        self._sizes.append(len(rows))
        if not len(self._filter):
            if self._most_held and sum(self._sizes) <= self._most_held:
                self._held.append(a)
                return
            self._filter = np.zeros(1 << self._word_bits, np.uint64)
            for before in self._blocks(len(self._held)):
                self._pass(*before, look=keep_bad)
            self._held.clear()
        self._pass(rows, a, b, look=keep_bad)

    def _pass(self, rows: Numbers, a: Words, b: Words, *, look: bool) -> None:
        """Take the keys of a batch into the filter; with `look`, suspect those that may be in it already."""
        place, bits = self._address(a, b)
        if look:
            seen = (self._filter[place] & bits) == bits
            self._seen = self._seen or bool(seen.any())
            self._suspect(a[seen])
            if len(rows) and rows.min() < 0:  # a repeat within a batch is not in the filter before it
                self._suspect(a[np.isin(a, a[rows < 0])])
        np.bitwise_or.at(self._filter, place, bits)

    def _address(self, a: Words, b: Words) -> tuple[Words, Words]:
        """The word of the filter that the first hash of each key names, and the bits of it that the second does."""
        bits = np.zeros(len(b), np.uint64)
        for number in range(BITS):
            bits |= np.uint64(1) << (b >> np.uint64(6 * number) & np.uint64(63))
        return a >> np.uint64(64 - self._word_bits), bits

    def doubted(self) -> bool:
        """Whether any key may stand in two batches."""
        if self._held:
            ordered = np.sort(np.concatenate(self._held))
            self._suspect(ordered[1:][ordered[1:] == ordered[:-1]])
            self._held.clear()
            self._seen = bool(self._suspects) or not self._few
        return self._seen

    def _suspect(self, hashes: Words) -> None:
        if self._few and len(hashes):
            self._suspects.append(hashes)
            self._few = sum(map(len, self._suspects)) <= self._limit
        if not self._few:
            self._suspects.clear()

    def suspects(self, key: HashedKeys) -> pl.DataFrame:
        """The entries of a batch whose key stands twice, here or before, with the entries before that have it."""
        a, b = key.a.to_numpy(), key.b.to_numpy()
        place, bits = self._address(a, b)
        seen = (self._filter[place] & bits) == bits
        if not seen.any():
            return key.repeated()
        before = self._gather(np.unique(a[seen]), 0, 1)
        return with_duplicate_key(pl.concat([before, key.entries()]))

    def repeated(self) -> pl.DataFrame:
        """All entries whose key stands twice, gathered so that about `limit` keys are held at a time."""
        if self._few:
            suspects = np.unique(np.concatenate([NO_ENTRIES["a"].to_numpy(), *self._suspects]))
            return with_duplicate_key(self._gather(suspects, 0, 1)) if len(suspects) else NO_ENTRIES
        parts = -(-sum(self._sizes) // self._limit)
        found = NO_ENTRIES
        for part in range(parts):
            found = pl.concat([found, with_duplicate_key(self._gather(None, part, parts))])
            if found.height > self._limit:
                break  # the caller refuses so many
        return found

    def _gather(self, hashes: Words | None, part: int, parts: int) -> pl.DataFrame:
        """One pass over the file for entries with these first hashes, sorted, or with any of one part of them."""
        found = [NO_ENTRIES]
        for rows, a, b in self._blocks(len(self._sizes)):
            if hashes is None:
                wanted = a % np.uint64(parts) == part
            else:
                wanted = hashes[np.minimum(np.searchsorted(hashes, a), len(hashes) - 1)] == a
            if wanted.any():
                found.append(pl.DataFrame({"row": rows[wanted], "a": a[wanted], "b": b[wanted]}))
        return pl.concat(found)

    def _blocks(self, count: int) -> Iterator[tuple[Numbers, Words, Words]]:
        """Rows, first and second hashes of the first `count` batches in the file."""
        self._file.seek(0)
        for size in self._sizes[:count]:
            rows = np.frombuffer(self._file.read(8 * size), np.int64)
            a = np.frombuffer(self._file.read(8 * size), np.uint64)
            yield rows, a, np.frombuffer(self._file.read(8 * size), np.uint64)
        self._file.seek(0, 2)
