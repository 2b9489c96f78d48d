"""Deliver: send the rows to the partner, a request at a time; the first failure ends the attempt."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from poc.batch import Batch, RowOutcome
from poc.delivery.outbound_request import OutboundRequest
from poc.errors import DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from poc.delivery.request_builder import RequestBuilder
    from poc.delivery.sender import RequestSender

#: Size of the bodies that wait in memory for the end of their file, in bytes; more go to an unnamed temporary file.
MEMORY_BYTES = 4 << 20


@dataclass(slots=True)
class Deliver:
    """Sends each request once, and keeps no record of what was sent before.

    Attributes:
        builder: builds requests from rows.
        sender: sends them.
        commit: commits the ledger; called before the first request is sent.
        early: send while the file is still being checked, not after its end.
    """

    builder: RequestBuilder
    sender: RequestSender
    commit: Callable[[], None]
    early: bool
    _committed: bool = field(default=False, init=False)
    _failure: RowOutcome | None = field(default=None, init=False)  # of an earlier request: nothing is sent after it

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches with the outcome of every row: `delivered` until a request fails, `failed` from there on."""
        empty: Batch | None = None
        with tempfile.SpooledTemporaryFile(MEMORY_BYTES, prefix="milepost-held-") as bodies:
            sizes: list[tuple[str, int, int]] = []
            for batch in batches:
                empty = Batch(batch.rows.clear())
                requests = self.builder.add_batch(batch)
                if not self.early:
                    for request in requests:
                        bodies.write(request.body)
                        sizes.append((request.name, request.rows, len(request.body)))
                    requests = []
                yield replace(batch, rows=empty.rows, outcomes=(*batch.outcomes, *self._send(requests)))
            if empty is None:
                return
            bodies.seek(0)
            for name, rows, size_bytes in sizes:
                request = OutboundRequest(name, rows, bodies.read(size_bytes))
                yield replace(empty, outcomes=tuple(self._send([request])))
            yield replace(empty, outcomes=tuple(self._send(self.builder.flush())))

    def _send(self, requests: Iterable[OutboundRequest]) -> Iterator[RowOutcome]:
        for request in requests:
            if not self._committed:
                self.commit()
                self._committed = True
            if self._failure is not None:
                yield replace(self._failure, rows=request.rows)
                continue
            try:
                self.sender.send(request, keyed=False)
            except DeliveryFailed as error:
                self._failure = RowOutcome("failed", request.rows, error.code, str(error))
                yield self._failure
            else:
                yield RowOutcome("delivered", request.rows)
