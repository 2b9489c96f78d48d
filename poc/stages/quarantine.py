"""Quarantine: bad rows are set aside with what is wrong with them, and the good rows go on.

A feed has a budget of bad rows. A file over it is refused whole: so many bad rows mean that the file is not what was
agreed, and half of it would help nobody.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import polars as pl

from poc.batch import MAX_SHOWN_FINDINGS, ROW, Batch, FileRejected, Finding, RejectedRow, RowOutcome
from poc.formats.header import SchemaDrift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from poc.config.partner import Feed

#: Rows of a file set aside whole that are in memory at once.
CHUNK_ROWS = 1000


class Quarantine:
    """Sets bad rows aside.

    Args:
        feed: whose budget says how many of a file's rows may be bad, and what to do with a header that drifted.
        keep: takes rows to be kept as they came.
        lines: the rows of the file as they came, for a file that is set aside whole.
    """

    def __init__(
        self,
        feed: Feed,
        keep: Callable[[Sequence[RejectedRow]], None],
        lines: Callable[[], Iterator[tuple[int, bytes]]],
    ) -> None:
        self._budget = feed.budget
        self._at_once = feed.deliver == "early"
        self._keep_drifted = feed.on_drift == "quarantine"
        self._keep = keep
        self._lines = lines

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Batches whose bad rows are settled as `quarantined`. Raises Refusal for a file over the budget."""
        try:
            yield from self._set_aside(batches)
        except SchemaDrift as drift:
            if not self._keep_drifted:
                raise
            yield from self._set_all_aside(drift)

    def _set_aside(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        rows = bad = 0
        first: tuple[Finding, ...] = ()
        for batch in batches:
            rows += batch.rows.height + len(batch.rejected)
            if not batch.rejected:
                yield batch
                continue
            bad += len(batch.rejected)
            if len(first) < MAX_SHOWN_FINDINGS:
                first += tuple(finding for one in batch.rejected for finding in one.findings)[:MAX_SHOWN_FINDINGS]
            if self._at_once:
                self._judge(bad, rows, first)
            self._keep(batch.rejected)
            codes = Counter(one.findings[0].code for one in batch.rejected)
            settled = (RowOutcome("quarantined", rows_of, code) for code, rows_of in codes.items())
            yield replace(batch, outcomes=(*batch.outcomes, *settled))
        self._judge(bad, rows, first)

    def _set_all_aside(self, drift: SchemaDrift) -> Iterator[Batch]:
        """A file whose header drifted: all rows wait for a new contract, and the drift is told once."""
        blank = Batch(pl.DataFrame(schema={ROW: pl.UInt32}))
        yield replace(blank, notes=tuple(drift.findings))
        lines = self._lines()
        while piece := list(islice(lines, CHUNK_ROWS)):
            self._keep([RejectedRow(row, line, (Finding(row, drift.code, "", str(drift)),)) for row, line in piece])
            yield replace(blank, outcomes=(RowOutcome("quarantined", len(piece), drift.code, str(drift)),))

    def _judge(self, bad: int, rows: int, first: tuple[Finding, ...]) -> None:
        if not self._budget.allows(bad, rows):
            allowed = f"{self._budget.rows:,} rows or {self._budget.share:.0%} of a file"
            found = f"row {first[0].row}: {first[0].code}: {first[0].note}"
            message = f"{bad:,} of {rows:,} rows are bad, the budget is {allowed}; the first is {found}"
            raise FileRejected("error-budget", message, first[:MAX_SHOWN_FINDINGS])
