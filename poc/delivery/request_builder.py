"""Build requests from rows: the rows of each slot of a file become one body.

A slot is `request_rows` consecutive rows of the source file. The request names its slot, so that sender and partner
mean the same rows, whichever of them were left out. A batch is encoded at once and the bytes are cut at the slots:
cutting bytes takes a twentieth of the time of encoding slot by slot.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from poc.batch import ROW
from poc.delivery.outbound_request import OutboundRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from poc.batch import Batch
    from poc.formats.registry import RowEncoder


class RequestBuilder:
    """Builds the requests of one file, batch after batch; a slot may continue in the next batch."""

    def __init__(self, request_rows: int, encoder: RowEncoder) -> None:
        self._size = request_rows
        self._encoder = encoder
        self._slot = -1
        self._rows = 0
        self._parts: list[bytes] = []

    def add(self, rows: pl.DataFrame) -> list[OutboundRequest]:
        """Add rows, and return the requests that they complete."""
        if not rows.height:
            return []
        numbers = rows[ROW]
        first, last = ((int(numbers[at]) - 1) // self._size for at in (0, -1))
        if first == last:
            return self._append(first, rows.height, self._encoder.encode(rows), rows)
        slots = (numbers.to_numpy().astype(np.int64) - 1) // self._size
        ends = [*(np.flatnonzero(np.diff(slots)) + 1).tolist(), rows.height]
        complete: list[OutboundRequest] = []
        start = 0
        for end, part in zip(ends, self._encode_slots(rows, ends), strict=True):
            complete += self._append(int(slots[start]), end - start, part, rows)
            start = end
        return complete

    def build_joined(
        self, rows: pl.DataFrame, bounds: Sequence[int], offsets: Sequence[int]
    ) -> list[list[OutboundRequest]]:
        """Return the requests of each of several files, whose rows are one frame.

        Args:
            rows: the rows of all files, with their joined numbers.
            bounds: where each file begins in `rows`, and the height of `rows`.
            offsets: of each file, by how much its numbers were moved.
        """
        requests: list[list[OutboundRequest]] = [[] for _ in offsets]
        if not rows.height:
            return requests
        heights = np.diff(np.asarray(bounds))
        files = np.repeat(np.arange(len(offsets)), heights)
        slots = (rows[ROW].to_numpy().astype(np.int64) - 1 - np.repeat(np.asarray(offsets), heights)) // self._size
        changes = np.flatnonzero((np.diff(files) != 0) | (np.diff(slots) != 0)) + 1
        ends = [*changes.tolist(), rows.height]
        head = self._encoder.head([name for name in rows.columns if name != ROW])
        start = 0
        for end, part in zip(ends, self._encode_slots(rows, ends), strict=True):
            requests[files[start]].append(
                OutboundRequest(str(slots[start]), end - start, self._encoder.finish(head + part))
            )
            start = end
        return requests

    def add_batch(self, batch: Batch) -> list[OutboundRequest]:
        """Add the rows of a batch, encoded or not, and return the requests that they complete."""
        if batch.encoded is None:
            return self.add(batch.rows)
        complete: list[OutboundRequest] = []
        for slot, rows, body in batch.encoded.slots:
            complete += self.flush()
            self._slot, self._rows, self._parts = slot, rows, [body]
        return complete

    def flush(self) -> list[OutboundRequest]:
        """Return the request that is still open, if there is one."""
        if not self._rows:
            return []
        request = OutboundRequest(str(self._slot), self._rows, self._encoder.finish(b"".join(self._parts)))
        self._rows, self._parts = 0, []
        return [request]

    def halve(self, request: OutboundRequest) -> list[OutboundRequest]:
        """Return two requests with half of the rows each, named after the request; it must have two rows at least.

        The same request gives the same halves, so that each has the same key after a restart.
        """
        rows = request.rows // 2
        first, second = self._encoder.cut(request.body, rows)
        return [
            OutboundRequest(f"{request.name}.1", rows, first),
            OutboundRequest(f"{request.name}.2", request.rows - rows, second),
        ]

    def _append(self, slot: int, rows: int, part: bytes, frame: pl.DataFrame) -> list[OutboundRequest]:
        complete = self.flush() if slot != self._slot else []
        if not self._rows:
            self._slot = slot
            self._parts = (
                [head] if (head := self._encoder.head([name for name in frame.columns if name != ROW])) else []
            )
        self._rows += rows
        self._parts.append(part)
        return complete

    def _encode_slots(self, rows: pl.DataFrame, ends: list[int]) -> list[bytes]:
        starts = [0, *ends[:-1]]
        if not self._encoder.row_is_line:
            return [self._encoder.encode(rows[start:end]) for start, end in zip(starts, ends, strict=True)]
        data = self._encoder.encode(rows)
        line_ends: NDArray[np.int64] = np.flatnonzero(np.frombuffer(data, np.uint8) == 0x0A) + 1
        cuts = [0, *(int(line_ends[end - 1]) for end in ends)]
        return [data[start:end] for start, end in pairwise(cuts)]
