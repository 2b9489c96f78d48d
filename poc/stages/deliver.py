"""Deliver: send the rows to the partner, a request at a time; the first that fails ends the attempt."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING

from poc.batch import Batch, RowOutcome
from poc.delivery.outbox import OutboundRequest
from poc.errors import DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from poc.delivery.request_builder import RequestBuilder
    from poc.delivery.sender import RequestSender

#: Bytes of bodies that wait in memory for the end of their file; more wait in a temporary file without a name.
MEMORY_BYTES = 4 << 20


class Deliver:
    """Sends each request once, without a memory of what was sent before.

    Args:
        builder: makes requests of rows.
        sender: carries them.
        commit: told before the first request leaves.
        early: send while the file is still being checked, not after its end.
    """

    def __init__(
        self, builder: RequestBuilder, sender: RequestSender, commit: Callable[[], None], *, early: bool
    ) -> None:
        self._builder = builder
        self._sender = sender
        self._commit = commit
        self._early = early
        self._committed = False
        self._broken: RowOutcome | None = None  # why an earlier request failed: nothing is sent after it

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Batches with every row settled: `delivered` once the partner said so, `failed` from the first failure on."""
        blank: Batch | None = None
        with tempfile.SpooledTemporaryFile(MEMORY_BYTES, prefix="milepost-held-") as held:
            sizes: list[tuple[str, int, int]] = []
            for batch in batches:
                blank = Batch(batch.rows.clear())
                requests = self._builder.add(batch.rows)
                if not self._early:
                    for request in requests:
                        held.write(request.body)
                        sizes.append((request.name, request.rows, len(request.body)))
                    requests = []
                yield replace(batch, rows=blank.rows, outcomes=(*batch.outcomes, *self._send(requests)))
            if blank is None:
                return
            held.seek(0)
            for name, rows, size_bytes in sizes:
                yield replace(blank, outcomes=tuple(self._send([OutboundRequest(name, rows, held.read(size_bytes))])))
            yield replace(blank, outcomes=tuple(self._send(self._builder.flush())))

    def _send(self, requests: Iterable[OutboundRequest]) -> Iterator[RowOutcome]:
        for request in requests:
            if not self._committed:
                self._commit()
                self._committed = True
            if self._broken is not None:
                yield replace(self._broken, rows=request.rows)
                continue
            try:
                self._sender.send(request, keyed=False)
            except DeliveryFailed as error:
                self._broken = RowOutcome("failed", request.rows, error.code, str(error))
                yield self._broken
            else:
                yield RowOutcome("delivered", request.rows)
