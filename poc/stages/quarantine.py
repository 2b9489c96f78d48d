"""Quarantine: store rejected rows with their findings, and pass the valid rows on.

A feed has a budget of rejected rows. A file over its budget is refused whole: with so many rejected rows it is not the
file that was agreed, and half of it would be of no use. Rows are counted before they are stored, and a file that has
very many rejected rows is not read to its end: its budget is then a share of the rows read so far.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import polars as pl

from poc.batch import (
    MAX_SHOWN_FINDINGS,
    ROW,
    Batch,
    FileRejected,
    Finding,
    RejectedRow,
    RowOutcome,
    first_findings,
)
from poc.formats.header import SchemaDrift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from poc.config.partner import Feed

#: From so many rejected rows, or bytes of them, the budget is compared before the end of the file.
MANY_ROWS, MANY_BYTES = 20_000, 4 << 20

#: Rows in memory at once, when a whole file is quarantined.
CHUNK_ROWS = 1000


class Quarantine:
    """Puts rejected rows into quarantine.

    Args:
        feed: the feed, with its budget of rejected rows and its rule for a header that drifted.
        add: stores rejected rows.
        original_lines: yields number and bytes of all rows, for a file that is quarantined whole.
    """

    def __init__(
        self,
        feed: Feed,
        add: Callable[[Sequence[RejectedRow]], None],
        original_lines: Callable[[], Iterator[tuple[int, bytes]]],
    ) -> None:
        self._budget = feed.budget
        self._check_each_batch = feed.deliver == "early"
        self._accepts_drift = feed.on_drift == "quarantine"
        self._add = add
        self._original_lines = original_lines

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches with the outcome `quarantined` for rejected rows. Raises FileRejected over the budget."""
        try:
            yield from self._quarantine_rejected(batches)
        except SchemaDrift as drift:
            if not self._accepts_drift:
                raise
            yield from self._quarantine_file(drift)

    def _quarantine_rejected(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        rows = rejected = size_bytes = 0
        first: tuple[Finding, ...] = ()
        for batch in batches:
            rows += batch.rows.height + len(batch.rejected)
            if not batch.rejected:
                yield batch
                continue
            rejected += len(batch.rejected)
            if len(first) < MAX_SHOWN_FINDINGS:
                first += first_findings(batch.rejected, MAX_SHOWN_FINDINGS)
            size_bytes += sum([len(row.original) for row in batch.rejected])
            is_fixed = not self._budget.share  # more rows allow no more bad ones
            if self._check_each_batch or is_fixed or rejected > MANY_ROWS or size_bytes > MANY_BYTES:
                self._check_budget(rejected, rows, first, so_far=" read so far")
            self._add(batch.rejected)
            codes = Counter([row.findings[0].code for row in batch.rejected])
            outcomes = (RowOutcome("quarantined", count, code) for code, count in codes.items())
            yield replace(batch, outcomes=(*batch.outcomes, *outcomes))
        self._check_budget(rejected, rows, first)

    def _quarantine_file(self, drift: SchemaDrift) -> Iterator[Batch]:
        """Quarantine all rows of a file whose header drifted, until there is a new contract; report the drift once."""
        empty = Batch(pl.DataFrame(schema={ROW: pl.UInt32}))
        yield replace(empty, notes=tuple(drift.findings))
        lines = self._original_lines()
        while chunk := list(islice(lines, CHUNK_ROWS)):
            self._add([RejectedRow(row, line, (Finding(row, drift.code, "", str(drift)),)) for row, line in chunk])
            yield replace(empty, outcomes=(RowOutcome("quarantined", len(chunk), drift.code, str(drift)),))

    def _check_budget(self, rejected: int, rows: int, first: tuple[Finding, ...], *, so_far: str = "") -> None:
        if not self._budget.allows(rejected, rows):
            allowed = f"{self._budget.rows:,} rows or {self._budget.share:.0%} of a file"
            example = f"row {first[0].row}: {first[0].kind()}"  # no value: alerts and logs repeat the message
            message = f"{rejected:,} of {rows:,} rows{so_far} are bad, the budget is {allowed}; the first is {example}"
            raise FileRejected("error-budget", message, first[:MAX_SHOWN_FINDINGS], rows)
