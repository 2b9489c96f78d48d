"""Drop: put a file's rows into the partner's folder as one file, which is there whole or not at all.

The rows are written to a `.part` file while the source is checked. Once that is whole and on the disk, the ledger takes
note, and from then on the part is never written again: it only gets its name. A run that takes up after a crash sees
from the folder alone what was done: the part is there and is given its name, or it is not and was handed over.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from poc.batch import ROW, Batch, RowOutcome
from poc.errors import DeliveryFailed
from poc.transports.folder import delivery_state, open_part, publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from poc.delivery.failure_policy import FailurePolicy
    from poc.delivery.sender import TransferStats
    from poc.formats.registry import RowEncoder
    from poc.transports.folder import PartFile


class DeliverFile:
    """Writes the rows of one file into a folder.

    Args:
        folder: where; made where only its own name is missing.
        name: of the file to be.
        encoder: writes rows.
        commit: commits the ledger before the file gets its name.
        policy: what follows from a failure.
        stats: counts what was written.
        waiting: rows of a part that an earlier attempt made whole.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        encoder: RowEncoder,
        commit: Callable[[], None],
        policy: FailurePolicy,
        stats: TransferStats,
        *,
        waiting: int = 0,
    ) -> None:
        self._folder = folder
        self._name = name
        self._encoder = encoder
        self._commit = commit
        self._policy = policy
        self._stats = stats
        self._waiting = waiting
        self._failure: DeliveryFailed | None = None

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Batches whose rows are settled at the end: all `delivered`, or all as the policy says."""
        rows = 0
        blank: Batch | None = None
        part = self._begun()
        try:
            for batch in batches:
                if blank is None and part is not None:
                    self._put(part, self._encoder.head([name for name in batch.rows.columns if name != ROW]))
                blank, rows = Batch(batch.rows.clear()), rows + batch.rows.height
                if batch.rows.height and part is not None:
                    self._put(part, self._encoder.encode(batch.rows))
                yield replace(batch, rows=blank.rows)
            if part is not None and rows:
                self._finish(part)
        finally:
            if part is not None:
                part.discard()
        if blank is not None:
            yield replace(blank, outcomes=(self._ended(rows),))

    def _begun(self) -> PartFile | None:
        try:
            if self._folder.parent.is_dir():
                self._folder.mkdir(exist_ok=True)
            return open_part(self._folder, self._name)
        except DeliveryFailed as failure:
            self._failure = failure
            return None

    def _put(self, part: PartFile, data: bytes) -> None:
        """Write on, unless writing has failed before: the rows that follow are counted all the same."""
        if self._failure is None:
            try:
                part.write(data)
            except DeliveryFailed as failure:
                self._failure = failure

    def resume(self) -> Iterator[RowOutcome]:
        """Give a part its name that an earlier attempt made whole, if nobody did; where its rows end."""
        if delivery_state(self._folder, self._name) == "part":
            self._publish()
        yield self._ended(self._waiting)

    def _finish(self, part: PartFile) -> None:
        if self._failure is None:
            self._stats.bytes_out += part.size_bytes
            try:
                part.finish()
            except DeliveryFailed as failure:
                self._failure = failure
                return
            self._commit()
            self._publish()

    def _publish(self) -> None:
        try:
            publish(self._folder, self._name)
        except DeliveryFailed as failure:
            self._failure = failure

    def _ended(self, rows: int) -> RowOutcome:
        if self._failure is None:
            self._policy.on_success()
            return RowOutcome("delivered", rows)
        stop = self._policy.on_failure(self._failure)
        return RowOutcome(stop.outcome, rows, stop.code, stop.reason)
