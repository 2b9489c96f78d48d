"""Refuse: the first bad row refuses the whole file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poc.batch import MAX_SHOWN_FINDINGS, FileRejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.batch import Batch, Finding


class Refuse:
    """Passes batches on, and refuses the file at its end where a row was bad; until then nothing of it has left."""

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches as they came. Raises Refusal, which names the first bad row."""
        found: list[Finding] = []
        for batch in batches:
            if batch.rejected:
                told = [finding for bad in batch.rejected for finding in bad.findings]
                found = sorted([*found, *told], key=lambda finding: finding.row)[:MAX_SHOWN_FINDINGS]
            yield batch
        if found:
            first = found[0]
            raise FileRejected(first.code, f"row {first.row}: {first.text()}", tuple(found))
