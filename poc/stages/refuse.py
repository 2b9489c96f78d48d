"""Refuse: refuse a whole file for its first rejected row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poc.batch import MAX_SHOWN_FINDINGS, FileRejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.batch import Batch, Finding


class Refuse:
    """Passes batches on, and refuses the file at its end if a row was rejected; nothing was sent until then."""

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the batches unchanged. Raises FileRejected at the end, with the first rejected row."""
        findings: list[Finding] = []
        for batch in batches:
            if batch.rejected:
                of_batch = [finding for row in batch.rejected for finding in row.findings]
                findings = sorted([*findings, *of_batch], key=lambda finding: finding.row)[:MAX_SHOWN_FINDINGS]
            yield batch
        if findings:
            first = findings[0]
            # the message has no value of a row: alerts and logs repeat it
            raise FileRejected(first.code, f"row {first.row}: {first.kind()}", tuple(findings))
