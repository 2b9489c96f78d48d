"""Deliver a file: write the rows as one file, which appears in the partner's folder or place whole or not at all.

The rows are written to a `.part` file while the source is checked. When that file is whole and on disk, the ledger is
committed; from then on the part is never written again, it is only renamed. A run that resumes after a crash sees from
the target alone what was done: either the part is there and is renamed now, or it was renamed before.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from poc.batch import ROW, Batch, RowOutcome
from poc.errors import DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from poc.delivery.sender import TransferStats
    from poc.formats.file_writers import FileWriter
    from poc.places.target import FilePart, FileTarget
    from poc.retries.failure_policy import FailurePolicy


@dataclass(slots=True)
class DeliverFile:
    """Writes the rows of one file into a folder or place.

    Attributes:
        target: the partner's folder or place for the feed.
        name: the name of the delivered file.
        new_writer: returns the writer of a file.
        commit: commits the ledger; called before the file gets its name.
        policy: decides what follows from a failure.
        stats: counts the bytes written.
        pending_rows: rows of a part that an earlier attempt completed.
        before_send: raises an error where nothing may be sent any more; called before a part is begun or renamed.
    """

    target: FileTarget
    name: str
    new_writer: Callable[[], FileWriter]
    commit: Callable[[], None]
    policy: FailurePolicy
    stats: TransferStats
    pending_rows: int = 0
    before_send: Callable[[], None] = lambda: None
    _failure: DeliveryFailed | None = field(default=None, init=False)

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches; the outcome of all rows comes at the end: `delivered`, or what the policy decides."""
        rows = 0
        empty: Batch | None = None
        part = self._open_part()
        writer = self.new_writer()
        try:
            for batch in batches:
                if empty is None and part is not None:
                    self._write(part, writer.begin([name for name in batch.rows.columns if name != ROW]))
                encoded = () if batch.encoded is None else batch.encoded.slots
                empty, rows = Batch(batch.rows.clear()), rows + batch.rows.height + sum(slot.rows for slot in encoded)
                if batch.rows.height and part is not None:
                    self._write(part, writer.rows(batch.rows))
                for slot in encoded:
                    if part is not None:
                        self._write(part, slot.body)
                yield replace(batch, rows=empty.rows)
            if part is not None and rows:
                self._write(part, writer.end())
                self._finish(part)
        finally:
            if part is not None:
                part.discard()
            self.target.end_file()
        if empty is not None:
            yield replace(empty, outcomes=(self._outcome(rows),))

    def resume(self) -> Iterator[RowOutcome]:
        """Rename the part that an earlier attempt completed, unless that was done; yield the outcome of its rows."""
        try:
            if self.target.state(self.name) == "part":
                self.before_send()
                self.target.publish(self.name)
        except DeliveryFailed as failure:
            self._failure = failure
        finally:
            self.target.end_file()
        yield self._outcome(self.pending_rows)

    def confirm(self) -> None:
        """Do nothing: a delivery of files has no requests."""

    def _open_part(self) -> FilePart | None:
        self.before_send()
        try:
            return self.target.open_part(self.name)
        except DeliveryFailed as failure:
            self._failure = failure
            return None

    def _write(self, part: FilePart, data: bytes) -> None:
        """Write data, unless a write has failed before: the rows that follow are still counted."""
        if self._failure is None:
            try:
                part.write(data)
            except DeliveryFailed as failure:
                self._failure = failure

    def _finish(self, part: FilePart) -> None:
        if self._failure is None:
            self.stats.bytes_out += part.size_bytes
            try:
                part.finish()
            except DeliveryFailed as failure:
                self._failure = failure
                return
            self.commit()
            self._publish()

    def _publish(self) -> None:
        try:
            self.target.publish(self.name)
        except DeliveryFailed as failure:
            self._failure = failure

    def _outcome(self, rows: int) -> RowOutcome:
        if self._failure is None:
            self.policy.on_success()
            return RowOutcome("delivered", rows)
        stop = self.policy.on_failure(self._failure)
        return RowOutcome(stop.outcome, rows, stop.code, stop.reason)
