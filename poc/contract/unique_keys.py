"""Find repeated keys in a file of any size, exactly and in bounded memory.

A row is rejected if one of its keys occurs in an earlier *valid* row: a row that is not delivered makes no later row a
duplicate. The result does not depend on the boundaries of batches. Rows that break the contract otherwise are not
compared; nor is a key with a null in it.

- In a file of one batch, one hash per key decides: if all hashes differ, all keys do.
- From the second batch on, 128 bits of hash per key go to an unnamed temporary file, beside the row number. Up to a
  million keys, the first hashes are also held in memory and sorted at the end; this needs less memory than the filter.
- If the first batch has repeats, the others may have many. Up to a million keys, each batch is then compared with all
  rows before it, so that the file need not be read a second time.
- Beyond that, a Bloom filter of fixed size (32 MB for all keys) tells which rows may be repeats, with rare false
  positives: one in 78,000 at 3 million rows. With `at_once` it does so from the start.
- Possible repeats are looked up in the temporary file, in one pass. If the filter is too full to help, every key is
  looked up, a part of them at a time. Without repeats, there is usually no pass at all.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from itertools import repeat
from typing import TYPE_CHECKING, Self

import polars as pl

from poc.batch import FileRejected, Finding, make_findings
from poc.contract.hashed_keys import NO_ENTRIES, HashedKeys, with_duplicate_key
from poc.contract.key_filter import KeyFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: 64-bit words in the filters of a file, as a power of 2: 32 MB.
WORD_BITS = 22

#: The most keys looked up at once; it bounds memory.
MAX_LOOKUP_KEYS = 1_000_000

#: Up to this number of keys, first hashes of 8 bytes each are held and sorted at the end, instead of a filter; or
#: entries of 24 bytes each, while batches are compared with all before.
MAX_HELD_KEYS = 1_000_000


class UniqueKeyCheck:
    """Check of the keys of one file. `keys` are error codes and fields, as in `Contract.unique`.

    With `at_once`, each batch is compared with all rows before it, and `at_end` finds nothing.
    """

    def __init__(
        self,
        keys: Sequence[tuple[str, tuple[str, ...]]],
        *,
        at_once: bool = False,
        limit: int = MAX_LOOKUP_KEYS,
        held: int = MAX_HELD_KEYS,
    ) -> None:
        self._keys = keys
        self._at_once = at_once
        self._limit = limit
        self._held = 0 if at_once else held
        self._filters: list[KeyFilter] = []
        self._earlier: list[pl.DataFrame] = []  # of each key the entries of all valid rows so far, while it looks back
        self._rejected = 0
        self._first_batch: tuple[list[HashedKeys], set[int]] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, rows: pl.DataFrame) -> list[Finding]:
        """Add the next rows of the file, which are valid otherwise; `_row` ascends.

        Returns:
            Findings for rows that repeat a key of a row in this batch or, with `at_once`, in any before; by row.
        """
        if not self._keys or not rows.height:
            return []
        hashed = [HashedKeys(rows, names) for _, names in self._keys]
        if self._first_batch is None and not self._filters:
            findings = self._findings(key.repeated() for key in hashed)
            self._first_batch = hashed, {finding.row for finding in findings}
            return findings
        if self._first_batch is not None:  # this is the second batch, so the first one goes to the files, too
            word_bits = max(WORD_BITS - (len(self._keys) - 1).bit_length(), 10)
            for _ in self._keys:
                file = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115, the stack closes it
                self._filters.append(KeyFilter(file, word_bits, self._limit, self._held))
            if self._first_batch[1] and not self._at_once:
                self._earlier = [NO_ENTRIES for _ in self._keys]
            self._store(*self._first_batch)
            self._first_batch = None
        findings = self._findings(self._repeats(number, key) for number, key in enumerate(hashed))
        self._store(hashed, {finding.row for finding in findings})
        return findings

    def at_end(self) -> list[Finding]:
        """Return findings for all rows that repeat a key, by row; none if `add` has returned all of them.

        Raises:
            FileRejected: there are more repeats than the limit of memory.
        """
        if self._at_once or self._earlier:
            return []
        may_repeat = [key_filter.may_repeat() for key_filter in self._filters]
        if not any(may_repeat):
            return []
        entries = [key_filter.repeated() for key_filter in self._filters]
        if (count := sum(part.height for part in entries)) > self._limit:
            code, names = self._keys[0]
            raise FileRejected(code, f"{count} rows share a key ({', '.join(names)}, ...) with others; that is no key")
        already_found = {-row for part in entries for row in part["row"].to_list() if row < 0}
        findings = self._findings(part.with_columns(pl.col("row").abs()) for part in entries)
        return findings if any(finding.row not in already_found for finding in findings) else []

    def _repeats(self, number: int, key: HashedKeys) -> pl.DataFrame:
        """Return the entries of a batch that repeat a key, in this batch or in all rows it is compared with."""
        if self._at_once:
            return self._filters[number].repeats_of(key)
        if not self._earlier:
            return key.repeated()
        earlier = self._earlier[number].filter(pl.col("a").is_in(key.a.implode()))
        return with_duplicate_key(pl.concat([earlier, key.entries()])) if earlier.height else key.repeated()

    def _store(self, hashed: list[HashedKeys], rejected: set[int]) -> None:
        for key_filter, key in zip(self._filters, hashed, strict=True):
            key_filter.add(key, rejected, keep_rejected=not self._at_once)
        if self._earlier:
            is_valid = ~pl.col("row").is_in(list(rejected))
            valid = [key.entries().filter(is_valid) if rejected else key.entries() for key in hashed]
            self._earlier = [pl.concat(parts) for parts in zip(self._earlier, valid, strict=True)]
            self._rejected += len(rejected)
            most_that_share = 2 * self._rejected * len(self._keys)  # of rows that share a key, at most one is valid
            if sum(part.height for part in self._earlier) > self._held or most_that_share > self._limit:
                self._earlier = []  # the end of the file decides

    def _findings(self, entries: Iterable[pl.DataFrame]) -> list[Finding]:
        """Decide which of the rows that share keys are rejected, in the order of rows."""
        parts = list(entries)
        with_repeats = [number for number, part in enumerate(parts) if part.height]
        if len(with_repeats) <= 1:
            return [finding for number in with_repeats for finding in self._findings_of(number, parts[number])]
        keys_of_row: dict[int, list[tuple[int, int, int]]] = {}
        for number, part in enumerate(parts):
            for row, a, b in part.iter_rows():
                keys_of_row.setdefault(row, []).append((number, a, b))
        first_row: dict[tuple[int, int, int], int] = {}
        findings: list[Finding] = []
        for row in sorted(keys_of_row):
            repeats = [key for key in keys_of_row[row] if key in first_row]
            for key in repeats:
                code, names = self._keys[key[0]]
                listed = ", ".join(names)
                findings.append(Finding(row, code, listed, f"the key ({listed}) is already in row {first_row[key]}"))
            if not repeats:
                first_row.update(dict.fromkeys(keys_of_row[row], row))
        return findings

    def _findings_of(self, number: int, entries: pl.DataFrame) -> list[Finding]:
        """Return the findings where rows share one key only: each but the first of those that have it is rejected."""
        code, names = self._keys[number]
        listed = ", ".join(names)
        repeats = (
            entries.sort("row")
            .select("row", first=pl.col("row").first().over("a", "b"))
            .filter(pl.col("row") != pl.col("first"))
        )
        notes = [f"the key ({listed}) is already in row {first}" for first in repeats["first"].to_list()]
        return make_findings(repeats["row"].to_list(), repeat(code), repeat(listed), notes)
