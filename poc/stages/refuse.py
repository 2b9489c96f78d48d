"""Refuse: nothing leaves before the whole file has been checked, and the first bad row refuses all of it."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from poc.batch import Batch, Settled

if TYPE_CHECKING:
    from collections.abc import Iterator


class Refuse:
    """Holds the batches of a file back until its end.

    The first batch waits in memory and the others in an unnamed temporary file, so that memory does not grow with
    the file and a file of one batch never touches the disk.
    """

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """All batches as they came, or one that settles every row as `refused`."""
        first = next(batches, None)
        if first is None:
            return
        height, bad, findings = first.rows.height, len(first.bad), list(first.findings)
        with tempfile.TemporaryFile(prefix="milepost-held-") as held:
            writer: pa.RecordBatchStreamWriter | None = None
            for batch in batches:
                height += batch.rows.height
                bad += len(batch.bad)
                findings += batch.findings
                if not findings and batch.rows.height:
                    table = batch.rows.to_arrow()
                    writer = writer or pa.ipc.new_stream(held, table.schema)
                    writer.write_table(table)
            if findings:
                found = min(findings, key=lambda finding: finding.row)
                reason = f"row {found.row}: {found.code}{f' in {found.field}' if found.field else ''}: {found.note}"
                refused = Settled("refused", height + bad, found.code, reason)
                yield Batch(first.rows.clear(), findings=tuple(findings), settled=(refused,))
                return
            yield first
            if writer is not None:
                writer.close()
                held.seek(0)
                for arrow in pa.ipc.open_stream(held):
                    yield Batch(pl.DataFrame(arrow))
