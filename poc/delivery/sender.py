"""The sender: carries one request of one exchange to the partner's door, and counts what it took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from poc.errors import DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from poc.delivery.outbox import OutboundRequest


class Endpoint(Protocol):
    """Where requests of a feed are taken in."""

    def post(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Hand in one body. Raises DeliveryFailed."""


@dataclass(slots=True)
class TransferStats:
    """What sending took: requests, bytes, and seconds lost on time-outs. Counted for the receipt, never decided on."""

    calls: int = 0
    bytes_out: int = 0
    blocked_s: float = 0.0


class RequestSender:
    """Carries the requests of one exchange; `clock_us` is the time now, in microseconds since 1970."""

    def __init__(
        self, door: Endpoint, exchange_id: str, file: str, clock_us: Callable[[], int], stats: TransferStats
    ) -> None:
        self._endpoint = door
        self._exchange_id = exchange_id
        self._headers = {"Milepost-File": quote(file)}
        self._clock_us = clock_us
        self._stats = stats

    def send(self, request: OutboundRequest, *, keyed: bool) -> None:
        """Deliver a request; `keyed` says with each request which one it is, so that it is not taken twice.

        Raises:
            DeliveryFailed: the partner did not take it, or did not say so.
        """
        now = datetime.fromtimestamp(self._clock_us() / 1_000_000, UTC)
        headers = {**self._headers, "Milepost-Slot": request.name, "Date": format_datetime(now, usegmt=True)}
        if keyed:
            # a key is a string of RFC 9651; the same after a restart, as it is made of what the ledger knows
            headers["Idempotency-Key"] = f'"{self._exchange_id}-{request.name}"'
        self._stats.calls += 1
        self._stats.bytes_out += len(request.body)
        try:
            self._endpoint.post(request.body, headers, now)
        except DeliveryFailed as error:
            self._stats.blocked_s += error.blocked_s
            raise
