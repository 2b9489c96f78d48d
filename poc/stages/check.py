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
    """The keys of a file: those of a single batch as they are, those of several as 16 bytes each."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._only: pl.DataFrame | None = None
        self._hashed: list[pl.DataFrame] = []

    def add(self, typed: pl.DataFrame) -> None:
        """Remember the keys of a batch."""
        if not self._names:
            return
        if self._only is None and not self._hashed:
            self._only = typed.select(ROW, *self._names)
            return
        if self._only is not None:
            self._hashed.append(self._hash(self._only))
            self._only = None
        self._hashed.append(self._hash(typed))

    def twice(self) -> list[Finding]:
        """A finding for every row whose key stands in an earlier row."""
        if self._only is None and not self._hashed:
            return []
        every = pl.concat(self._hashed) if self._only is None else self._only
        columns = every.drop(ROW)
        if columns.n_unique() == every.height:
            return []
        later = every.filter(~pl.struct(columns.columns).is_first_distinct())
        names = ", ".join(self._names)
        return [Finding(row, "primary-key", names, f"the key ({names}) stands in an earlier row") for row in later[ROW]]

    def _hash(self, rows: pl.DataFrame) -> pl.DataFrame:
        key = rows.select(self._names)
        return pl.DataFrame([rows[ROW], *(key.hash_rows(seed).alias(str(seed)) for seed in SEEDS)])
