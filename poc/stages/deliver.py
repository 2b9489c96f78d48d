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
HELD_BYTES = 4 << 20


class Deliver:
    """Sends each parcel once, without a memory of what was sent before.

    Args:
        packer: makes parcels of rows.
        courier: carries them.
        seal: told before the first parcel leaves.
        early: send while the file is still being checked, not after its end.
    """

    def __init__(
        self, packer: RequestBuilder, courier: RequestSender, seal: Callable[[], None], *, early: bool
    ) -> None:
        self._packer = packer
        self._courier = courier
        self._seal = seal
        self._early = early
        self._sealed = False
        self._broken: RowOutcome | None = None  # why an earlier parcel failed: nothing is sent after it

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Batches with every row settled: `delivered` once the partner said so, `failed` from the first failure on."""
        blank: Batch | None = None
        with tempfile.SpooledTemporaryFile(HELD_BYTES, prefix="milepost-held-") as held:
            sizes: list[tuple[str, int, int]] = []
            for batch in batches:
                blank = Batch(batch.rows.clear())
                parcels = self._packer.add(batch.rows)
                if not self._early:
                    for parcel in parcels:
                        held.write(parcel.body)
                        sizes.append((parcel.name, parcel.rows, len(parcel.body)))
                    parcels = []
                yield replace(batch, rows=blank.rows, outcomes=(*batch.outcomes, *self._send(parcels)))
            if blank is None:
                return
            held.seek(0)
            for name, rows, size_bytes in sizes:
                yield replace(blank, outcomes=tuple(self._send([OutboundRequest(name, rows, held.read(size_bytes))])))
            yield replace(blank, outcomes=tuple(self._send(self._packer.rest())))

    def _send(self, parcels: Iterable[OutboundRequest]) -> Iterator[RowOutcome]:
        for parcel in parcels:
            if not self._sealed:
                self._seal()
                self._sealed = True
            if self._broken is not None:
                yield replace(self._broken, rows=parcel.rows)
                continue
            try:
                self._courier.carry(parcel, keyed=False)
            except DeliveryFailed as error:
                self._broken = RowOutcome("failed", parcel.rows, error.code, str(error))
                yield self._broken
            else:
                yield RowOutcome("delivered", parcel.rows)
