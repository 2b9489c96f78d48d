"""Check: type the columns, and reject every row that breaks the contract, with everything that is wrong with it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from operator import attrgetter, lt
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from poc.batch import ROW, Batch, Finding, RejectedRow, SecondPassNeeded, make_rejected_rows
from poc.contract.hashed_keys import HashedKeys
from poc.contract.unique_keys import UniqueKeyCheck
from poc.joined_batch import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from poc.contract.contract import Contract
    from poc.joined_batch import JoinedBatch

#: The order of findings and rejected rows.
BY_ROW = attrgetter("row")


class Check:
    """Types every batch, and moves rows that break the contract from `rows` to `rejected`.

    A duplicate key is rejected at once where both rows are in one batch, in a file whose first batch has duplicates, or
    with `at_once`, which may look back at the whole file for a batch. Otherwise duplicates are found at the end of the
    file, when their rows have passed on: the stage then raises SecondPassNeeded, and a second pass that gets these
    findings (`known_findings`) raises nothing more. A row that breaks another rule is not compared, so it makes no
    other row a duplicate.
    """

    def __init__(
        self,
        contract: Contract,
        known_findings: Mapping[int, tuple[Finding, ...]] | None = None,
        *,
        at_once: bool = False,
    ) -> None:
        self._contract = contract
        self._known_findings = known_findings or {}
        self._known_rows = sorted(self._known_findings)
        self._at_once = at_once

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield typed batches.

        Raises:
            SecondPassNeeded: rows with a duplicate key have been passed on.
            FileRejected: there are too many duplicate keys to list them.
        """
        with UniqueKeyCheck(self._contract.unique, at_once=self._at_once) as keys:
            for batch in batches:
                rows, findings = self._contract.check(batch.rows)
                findings = self._add_known(rows, findings)
                valid = exclude_rows(rows, findings)
                if duplicates := keys.add(self._contract.with_key_values(valid)):
                    valid = exclude_rows(valid, duplicates)
                    findings = sorted(findings + duplicates, key=BY_ROW)
                rejected = merge_rejected(batch.rejected, rejected_rows(batch, findings))
                yield replace(batch, rows=valid, rejected=rejected)
            if later := keys.at_end():
                raise SecondPassNeeded(tuple(later))

    def _add_known(self, rows: pl.DataFrame, findings: list[Finding]) -> list[Finding]:
        if not self._known_rows or not rows.height:
            return findings
        numbers = rows.get_column(ROW)
        start, end = bisect_left(self._known_rows, numbers[0]), bisect_left(self._known_rows, numbers[-1] + 1)
        in_range = self._known_rows[start:end]
        present = set(numbers.to_list()) if in_range else set()
        known = [finding for row in in_range if row in present for finding in self._known_findings[row]]
        return sorted(findings + known, key=BY_ROW) if known else findings


def merge_rejected(by_reader: tuple[RejectedRow, ...], by_check: tuple[RejectedRow, ...]) -> tuple[RejectedRow, ...]:
    """Return the rows rejected by reader and check in the order of their file."""
    return tuple(sorted((*by_reader, *by_check), key=BY_ROW)) if by_reader and by_check else by_reader or by_check


def exclude_rows(rows: pl.DataFrame, findings: list[Finding]) -> pl.DataFrame:
    """Return the rows without a finding."""
    if not findings or not rows.height:
        return rows
    numbers = rows.get_column(ROW).to_numpy()  # they ascend
    rejected = np.array([finding.row for finding in findings], dtype=np.int64)
    at = np.minimum(np.searchsorted(numbers, rejected), rows.height - 1)
    valid = np.ones(rows.height, dtype=bool)
    valid[at[numbers[at] == rejected]] = False
    return rows.filter(pl.Series(valid))


def rejected_rows(batch: Batch, findings: list[Finding]) -> tuple[RejectedRow, ...]:
    """Return the rows that have findings, as they came. The findings are in the order of rows."""
    if not findings:
        return ()
    numbers = [finding.row for finding in findings]
    if all(map(lt, numbers, numbers[1:])):  # one finding each
        originals = batch.lines.originals(numbers)
        return tuple(make_rejected_rows(numbers, originals, zip(findings, strict=True)))
    by_row: dict[int, tuple[Finding, ...]] = {}
    for row, finding in zip(numbers, findings, strict=True):
        by_row[row] = (*by_row[row], finding) if row in by_row else (finding,)
    return tuple(make_rejected_rows(by_row, batch.lines.originals(list(by_row)), by_row.values()))


def check_joined(contract: Contract, joined: JoinedBatch) -> Batch:
    """Return the joined batch with typed rows, and with the rows that break the contract rejected.

    Each row gets the findings that `Check` gives it in a file on its own.
    """
    batch = joined.batch
    rows, findings = contract.check(batch.rows)
    valid = exclude_rows(rows, findings)
    if duplicates := repeated_keys(contract, joined, valid):
        valid = exclude_rows(valid, duplicates)
        findings = sorted(findings + duplicates, key=BY_ROW)
    rejected = merge_rejected(batch.rejected, rejected_rows(batch, findings))
    return replace(batch, rows=valid, rejected=rejected)


def repeated_keys(contract: Contract, joined: JoinedBatch, rows: pl.DataFrame) -> list[Finding]:
    """Return findings for the rows of a joined frame, valid otherwise, that repeat a key of their file."""
    if not contract.unique or not rows.height:
        return []
    keyed = contract.with_key_values(rows).with_columns(joined.file_numbers(rows))
    if not any(HashedKeys(keyed, (FILE, *names)).has_repeats() for _, names in contract.unique):
        return []
    findings: list[Finding] = []
    bounds = joined.bounds(keyed)
    for at, offset in enumerate(joined.offsets):
        of_file = keyed.slice(bounds[at], bounds[at + 1] - bounds[at])
        with UniqueKeyCheck(contract.unique) as keys:
            found = keys.add(of_file.with_columns(of_file.get_column(ROW) - offset))
        findings += [finding._replace(row=finding.row + offset) for finding in found]
    return findings
