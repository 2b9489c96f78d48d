"""The sender: sends the requests of one exchange to the partner's endpoint, and counts calls, bytes and lost time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from poc.delivery.send_window import SendWindow
from poc.errors import DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from poc.delivery.joint_request import JointRequest
    from poc.delivery.outbound_request import OutboundRequest


class Endpoint(Protocol):
    """The place where a partner accepts the requests of a feed."""

    def post(self, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:
        """Send one body, and return whether the partner said that it had it already. Raises DeliveryFailed."""


@dataclass(slots=True)
class TransferStats:
    """Counts of a transfer: requests, bytes, seconds lost on time-outs, rows that the partner had already.

    For the receipt; no decision uses them.
    """

    calls: int = 0
    bytes_out: int = 0
    blocked_s: float = 0.0
    repeated_rows: int = 0


class RequestSender:
    """Sends the requests of one exchange.

    `clock_us` returns the current time, in microseconds since 1970. `before_send` is called before each request, and
    raises an error where none may be sent any more. `window` bounds how many are under way at once.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        exchange_id: str,
        file: str,
        clock_us: Callable[[], int],
        stats: TransferStats,
        before_send: Callable[[], None] = lambda: None,
        window: SendWindow | None = None,
    ) -> None:
        self.window = window or SendWindow()
        self._begun: dict[str, Future[bool]] = {}
        self._endpoint = endpoint
        self._exchange_id = exchange_id
        self._headers = {"Milepost-File": quote(file)}
        self._clock_us = clock_us
        self._stats = stats
        self._before_send = before_send

    def begin(self, request: OutboundRequest, joint: JointRequest | None = None) -> None:
        """Begin to send a request with its key; `send` waits for its end. Raises what `before_send` raises."""
        self._begun[request.name] = self.window.begin(self._prepare(request, joint, keyed=True))

    def has_begun(self, request: OutboundRequest) -> bool:
        """Return whether a request was begun and not taken yet."""
        return request.name in self._begun

    def send(self, request: OutboundRequest, joint: JointRequest | None = None, *, keyed: bool) -> bool:
        """Send a request, or the joint request of which it is a part; return whether the partner had it already.

        `keyed` adds an idempotency key, so that the partner does not take it twice; a joint request always has one.

        Raises:
            DeliveryFailed: the partner refused it, or its answer did not arrive.
            ExchangeError: what `before_send` raises; nothing was sent.
        """
        begun = self._begun.pop(request.name, None)
        try:
            repeated = self._prepare(request, joint, keyed=keyed)() if begun is None else self.window.take(begun)
        except DeliveryFailed as error:
            self._stats.blocked_s += error.blocked_s
            raise
        if repeated:
            self.count_repeat(request)
        return bool(repeated)

    def count_repeat(self, request: OutboundRequest) -> None:
        """Count the rows of a request that the partner had already."""
        self._stats.repeated_rows += request.rows

    def count_bytes(self, request: OutboundRequest) -> None:
        """Count the bytes of a part that was sent with the joint request of another exchange."""
        self._stats.bytes_out += len(request.body)

    def _prepare(self, request: OutboundRequest, joint: JointRequest | None, *, keyed: bool) -> Callable[[], bool]:
        """Return a function that sends a request, and count it."""
        self._before_send()
        now = datetime.fromtimestamp(self._clock_us() / 1_000_000, UTC)
        date = format_datetime(now, usegmt=True)
        # a key is a string of RFC 9651, made of values in the ledger, so that it is the same after a restart
        if joint is not None:
            headers = {"Milepost-Slots": joint.header(), "Date": date, "Idempotency-Key": f'"{joint.id}"'}
        else:
            headers = {**self._headers, "Milepost-Slot": request.name, "Date": date}
            if keyed:
                headers["Idempotency-Key"] = f'"{self._exchange_id}-{request.name}"'
        self._stats.calls += 1
        self._stats.bytes_out += len(request.body)
        return partial(self._endpoint.post, request.body if joint is None else joint.body, headers, now)
