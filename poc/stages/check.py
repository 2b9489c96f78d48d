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

    Rows that break the contract leave `rows` for `bad`. A key is remembered as 16 bytes, not as its text.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Typed batches; last, where keys stand twice, an empty one that names the later rows."""
        keys: list[pl.DataFrame] = []
        last: Batch | None = None
        for batch in batches:
            typed, findings = self._contract.check(batch.rows)
            if self._contract.key:
                keys.append(self._hashed(typed))
            last = self._set_aside(Batch(typed, batch.bad, batch.findings, batch.settled), findings)
            yield last
        if last is not None and (twice := self._twice(keys)):
            yield Batch(last.rows.clear(), findings=tuple(twice))

    def _set_aside(self, batch: Batch, findings: list[Finding]) -> Batch:
        if not findings:
            return batch
        bad = sorted({finding.row for finding in findings})
        rows = batch.rows.filter(~pl.col(ROW).is_in(bad))
        return Batch(rows, (*batch.bad, *bad), (*batch.findings, *findings), batch.settled)

    def _hashed(self, typed: pl.DataFrame) -> pl.DataFrame:
        key = typed.select(self._contract.key)
        return pl.DataFrame([typed[ROW], *(key.hash_rows(seed).alias(str(seed)) for seed in SEEDS)])

    def _twice(self, keys: list[pl.DataFrame]) -> list[Finding]:
        if not keys:
            return []
        every = pl.concat(keys)
        hashes = [str(seed) for seed in SEEDS]
        if every.select(hashes).n_unique() == every.height:
            return []
        names = ", ".join(self._contract.key)
        later = every.filter(~pl.struct(hashes).is_first_distinct())
        return [Finding(row, "primary-key", names, f"the key ({names}) stands in an earlier row") for row in later[ROW]]
