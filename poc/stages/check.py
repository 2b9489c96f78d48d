"""Check: type the columns and name every row that breaks the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from poc.batch import ROW, Batch, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.contract import Contract

#: Two seeds make 128 bits of hash a key, so that equal hashes may be taken for equal keys in a file of any size.
SEEDS = (17, 91)


class Check:
    """Types every batch, then looks for keys that stand twice in the whole file.

    Rows that break the contract leave `rows` for `bad`.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Typed batches; last, where keys stand twice, an empty one that names the later rows."""
        keys = Keys(self._contract.key)
        last: Batch | None = None
        for batch in batches:
            typed, findings = self._contract.check(batch.rows)
            keys.add(typed)
            last = self._set_aside(Batch(typed, batch.bad, batch.findings, batch.settled), findings)
            yield last
        if last is not None and (twice := keys.twice()):
            yield Batch(last.rows.clear(), findings=tuple(twice))

    def _set_aside(self, batch: Batch, findings: list[Finding]) -> Batch:
        if not findings:
            return batch
        bad = sorted({finding.row for finding in findings})
        rows = batch.rows.filter(~pl.col(ROW).is_in(bad))
        return Batch(rows, (*batch.bad, *bad), (*batch.findings, *findings), batch.settled)


class Keys:
    """The keys of a file, remembered as 16 bytes each.

    Keys whose first hashes all differ cannot stand twice, so the second hash is only made for a file of several
    batches, or one in which the first leaves a doubt.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._rows: list[pl.Series] = []
        self._hashes: list[tuple[pl.Series, ...]] = []
        self._first: pl.DataFrame | None = None

    def add(self, typed: pl.DataFrame) -> None:
        """Remember the keys of a batch."""
        if not self._names:
            return
        if any(typed[name].null_count() for name in self._names):
            typed = typed.drop_nulls(self._names)  # a row that lacks a part of its key has been named for that
        key = pl.DataFrame([typed[name] for name in self._names])
        self._rows.append(typed[ROW])
        if len(self._rows) == 1:
            self._first = key
            self._hashes.append((key.hash_rows(SEEDS[0]),))
        else:
            self._complete_first()
            self._hashes.append(tuple(key.hash_rows(seed) for seed in SEEDS))

    def twice(self) -> list[Finding]:
        """A finding for every row whose key stands in an earlier row."""
        if not self._rows:
            return []
        rows, quick = pl.concat(self._rows), pl.concat([hashes[0] for hashes in self._hashes])
        if quick.n_unique() == rows.len():
            return []
        self._complete_first()
        every = pl.DataFrame([rows, quick.alias("a"), pl.concat([hashes[1] for hashes in self._hashes]).alias("b")])
        later = every.filter(~pl.struct("a", "b").is_first_distinct())
        names = ", ".join(self._names)
        return [Finding(row, "primary-key", names, f"the key ({names}) stands in an earlier row") for row in later[ROW]]

    def _complete_first(self) -> None:
        if self._first is not None:
            self._hashes[0] = (*self._hashes[0], self._first.hash_rows(SEEDS[1]))
            self._first = None
