"""Deliver: send the rows to the partner, a request at a time; the first that fails ends the attempt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import polars as pl

from poc.batch import ROW, Batch, Settled
from poc.errors import DeliveryFailed
from poc.formats import jsonl
from poc.transports import http

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests


@dataclass(slots=True)
class Traffic:
    """What sending took: requests, bytes, and seconds lost on time-outs. Counted for the receipt, never decided on."""

    calls: int = 0
    bytes_out: int = 0
    blocked_s: float = 0.0


class Deliver:
    """Sends rows in requests that each hold rows of one slot: `request_rows` consecutive rows of the source file.

    A slot is named in the request, so that sender and partner mean the same rows whatever was left out of them.
    """

    def __init__(
        self, session: requests.Session, place: http.Place, request_rows: int, file: str, traffic: Traffic
    ) -> None:
        self._session = session
        self._place = place
        self._request_rows = request_rows
        self._file = file
        self._traffic = traffic

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Batches with every row settled: `delivered` once the partner said so, `failed` from the first failure on."""
        broken: Settled | None = None  # why an earlier request failed: nothing is sent after it
        rest: pl.DataFrame | None = None  # rows of a slot that the next batch may go on with
        for batch in batches:
            *whole, rest = self._slots(batch.rows if rest is None else pl.concat([rest, batch.rows]))
            settled = list(batch.settled)
            for rows in whole:
                settled.append(self._send(rows, broken))
                broken = settled[-1] if settled[-1].outcome == "failed" else None
            yield Batch(batch.rows.clear(), batch.bad, batch.findings, tuple(settled))
        if rest is not None and rest.height:
            yield Batch(rest.clear(), settled=(self._send(rest, broken),))

    def _slots(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The rows of each slot in turn; one empty frame where there are none."""
        size, start = self._request_rows, 0
        while start < rows.height and (rows[ROW][start] - 1) // size < (rows[ROW][-1] - 1) // size:
            after = (rows[ROW][start] - 1) // size * size + size
            end = int(rows[ROW].search_sorted(after, side="right"))
            yield rows[start:end]
            start = end
        yield rows[start:] if start else rows

    def _send(self, rows: pl.DataFrame, broken: Settled | None) -> Settled:
        if broken is not None:
            return replace(broken, rows=rows.height)
        body = jsonl.encode(rows)
        slot = (rows[ROW][0] - 1) // self._request_rows
        headers = {"Milepost-File": quote(self._file), "Milepost-Slot": str(slot)}
        self._traffic.calls += 1
        self._traffic.bytes_out += len(body)
        try:
            http.post(self._session, self._place, body, headers)
        except DeliveryFailed as error:
            self._traffic.blocked_s += error.blocked_s
            return Settled("failed", rows.height, error.code, str(error))
        return Settled("delivered", rows.height)
