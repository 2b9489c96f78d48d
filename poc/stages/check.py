"""Check: type the columns, and set apart every row that breaks the contract, with all that is wrong with it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from poc.batch import ROW, Batch, Finding, RejectedRow, SecondPassNeeded
from poc.contract.unique_keys import UniqueKeyCheck

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from poc.contract.contract import Contract


class Check:
    """Types every batch; rows that break the contract leave `rows` for `bad`.

    Keys that stand twice are bad at once where both rows are in one batch, or where `at_once` is asked for, which can
    cost a look back at the whole file with a batch. Otherwise they are found at the end of the file, when their rows
    have gone down the line: the stage then raises `Recall`, and finds nothing more on a second run that knows these
    findings (`known`, by row). A row that is bad in itself is not compared, so it makes no other row a duplicate.
    """

    def __init__(
        self, contract: Contract, known: Mapping[int, tuple[Finding, ...]] | None = None, *, at_once: bool = False
    ) -> None:
        self._contract = contract
        self._known = known or {}
        self._order = sorted(self._known)
        self._at_once = at_once

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Typed batches.

        Raises:
            Recall: keys stand twice whose rows have been passed on.
            Refusal: so many that they cannot be named.
        """
        with UniqueKeyCheck(self._contract.unique, at_once=self._at_once) as keys:
            for batch in batches:
                rows, findings = self._contract.check(batch.rows)
                findings = self._with_known(rows, findings)
                good = exclude_rows(rows, findings)
                if twice := keys.add(good):
                    good = exclude_rows(good, twice)
                    findings = sorted(findings + twice, key=lambda finding: finding.row)
                yield replace(batch, rows=good, rejected=merge_rejected(batch.rejected, rejected_rows(batch, findings)))
            if later := keys.later():
                raise SecondPassNeeded(tuple(later))

    def _with_known(self, rows: pl.DataFrame, findings: list[Finding]) -> list[Finding]:
        if not self._order or not rows.height:
            return findings
        numbers = rows.get_column(ROW)
        here = self._order[bisect_left(self._order, numbers[0]) : bisect_left(self._order, numbers[-1] + 1)]
        present = set(numbers.to_list()) if here else set()
        told = [finding for row in here if row in present for finding in self._known[row]]
        return sorted(findings + told, key=lambda finding: finding.row) if told else findings


def merge_rejected(from_reader: tuple[RejectedRow, ...], found: Iterator[RejectedRow]) -> tuple[RejectedRow, ...]:
    """Bad rows in the order of their file."""
    here = tuple(found)
    return tuple(sorted((*from_reader, *here), key=lambda bad: bad.row)) if from_reader else here


def exclude_rows(rows: pl.DataFrame, findings: list[Finding]) -> pl.DataFrame:
    """The rows that have no finding."""
    if not findings:
        return rows
    bad = sorted({finding.row for finding in findings})
    return rows.filter(~pl.col(ROW).is_in(bad))


def rejected_rows(batch: Batch, findings: list[Finding]) -> Iterator[RejectedRow]:
    """The rows that have findings, as they came. Findings are in the order of rows."""
    by_row: dict[int, list[Finding]] = {}
    for finding in findings:
        by_row.setdefault(finding.row, []).append(finding)
    for row, told in by_row.items():
        yield RejectedRow(row, batch.lines.original(row), tuple(told))
