"""HTTP out: one POST a request, on one kept-alive connection.

What made it quick: everything that is the same for every request of a place is prepared once, no header is sent that
nobody needs, and the session's adapter is asked directly, as a delivery follows no redirect and keeps no cookie.
"""

from __future__ import annotations

import re
import ssl
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import requests
from urllib3 import exceptions as wire

from poc.errors import BadInput, DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from poc.transports.secrets import Secret

#: What a request body is, by the format it is written in.
MEDIA_TYPES = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}

#: Bytes of an answer that are read to keep its connection; of a longer one the rest is left, and the connection closed.
MAX_RESPONSE_BYTES = 64 * 1024

#: The longest wait that is understood, in seconds.
MAX_WAIT_S = 10.0**9

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

#: Headers that no configuration may write: they say how a request is read.
RESERVED_HEADERS = frozenset(
    {"host", "connection", "content-length", "content-type", "transfer-encoding", "expect", "te", "idempotency-key"}
)


def new_session() -> requests.Session:
    """A session that goes where the configuration says: no proxy or credential is taken from the environment."""
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.headers["User-Agent"] = "milepost"
    return session


class HttpEndpoint:
    """Where one feed of one partner is delivered to.

    Args:
        session: whose connections are used.
        url: the address as configured; it stands in messages.
        timeout_s: seconds to wait for a connection, and for an answer.
        headers: secret headers; their values are revealed to the request alone.
        media_type: what the bodies are.

    Raises:
        BadInput: the address or the name of a header cannot be used.
    """

    def __init__(
        self, session: requests.Session, url: str, timeout_s: float, headers: Mapping[str, Secret], media_type: str
    ) -> None:
        for name in headers:
            if not HEADER_NAME.fullmatch(name) or name.lower() in RESERVED_HEADERS:
                raise BadInput(f"{url}: {name!r} cannot be a secret header; choose another name")
        try:
            self._blank = session.prepare_request(requests.Request("POST", url, {"Content-Type": media_type}))
            self._adapter = session.get_adapter(url)
        except (requests.RequestException, ValueError) as error:
            raise BadInput(f"{url}: not an address to deliver to: {error}") from error
        self._session = session
        self._url = url
        self._timeout_s = timeout_s
        self._secrets = dict(headers)

    def post(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Deliver one body.

        Args:
            body: not empty.
            headers: of this request, `Idempotency-Key` for one.
            now: the time by which a date in `Retry-After` counts.

        Raises:
            DeliveryFailed: the partner did not take it, or did not say so in time. `blocked_s` is what waiting for a
                time-out took. It comes without a cause, as the library's own errors hold the headers sent.
        """
        request = self._blank.copy()
        request.body = body
        request.headers["Content-Length"] = str(len(body))
        request.headers.update(headers)
        for name, secret in self._secrets.items():
            request.headers[name] = secret.reveal()
        began = time.monotonic()
        failed: DeliveryFailed | None = None
        try:
            answer = self._adapter.send(
                request,
                stream=True,
                timeout=self._timeout_s,
                verify=True if self._session.verify is None else self._session.verify,
                cert=self._session.cert,
                proxies=self._session.proxies,
            )
        except OSError as error:  # all of the library's errors are
            failed = no_response_failure(self._url, error, self._timeout_s, time.monotonic() - began)
        else:
            drain_response(answer, began + self._timeout_s)
            if not 200 <= answer.status_code < 300:
                failed = status_failure(self._url, answer.status_code, answer.headers.get("Retry-After"), now)
        if failed is not None:
            raise failed


def no_response_failure(url: str, error: OSError, timeout_s: float, took_s: float) -> DeliveryFailed:
    """A request without an answer, told by what was underneath."""
    causes = list(error_chain(error))
    words = next((e.strerror for e in causes if isinstance(e, OSError) and e.strerror), type(causes[-1]).__name__)
    if any(isinstance(e, wire.ConnectTimeoutError) and not isinstance(e, wire.NewConnectionError) for e in causes):
        return DeliveryFailed("time-out", f"{url}: no connection in {timeout_s:g} s", took_s)
    if any(isinstance(e, wire.NewConnectionError) for e in causes):
        return DeliveryFailed("connection", f"{url}: no connection: {words}")
    if any(isinstance(e, ssl.SSLCertVerificationError) for e in causes):
        return DeliveryFailed("connection", f"{url}: its certificate is not trusted")
    if any(isinstance(e, wire.ReadTimeoutError | TimeoutError) for e in causes):
        return DeliveryFailed("time-out", f"{url}: no answer in {timeout_s:g} s", took_s, unknown=True)
    return DeliveryFailed("connection", f"{url}: connection lost: {words}", unknown=True)


def status_failure(url: str, status: int, retry_after: str | None, now: datetime) -> DeliveryFailed:
    """An answer that is no success, by what it asks for."""
    code, said = f"http-{status}", f"{url}: answered {status}"
    if status == 410:
        return DeliveryFailed(code, f"{said}: the partner took this address back; ask for the new one", kind="stop")
    if status == 429 or (status == 503 and retry_after is not None):
        asked_s = retry_after_s(retry_after or "", now)
        note = f", to wait {asked_s:g} s" if asked_s else ""
        return DeliveryFailed(code, said + note, kind="wait", wait_s=asked_s)
    if status == 409:  # what a partner answers that is still at work on the first request with this key
        return DeliveryFailed(code, f"{said}: it is still at work on this request, or in conflict with it")
    if status >= 500 or status in {408, 425}:
        return DeliveryFailed(code, said, unknown=status >= 500 and status != 503)
    moved = ": moved; put the new address into the configuration" if 300 <= status < 400 else ""
    return DeliveryFailed(code, said + moved, kind="stop")


def retry_after_s(text: str, now: datetime) -> float:
    """Seconds that a `Retry-After` asks for, in either form; 0 for one that is past or cannot be read."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_WAIT_S)
    try:
        until = parsedate_to_datetime(text)
        if until.tzinfo is None:
            until = until.replace(tzinfo=now.tzinfo)
        return min(max((until - now).total_seconds(), 0.0), MAX_WAIT_S)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0


def drain_response(answer: requests.Response, until_s: float) -> None:
    """Read an answer's body so that its connection is kept; one that is long, slow or broken costs the connection.

    The status has been read: whatever becomes of the body, the delivery went as the status says.
    """
    taken = 0
    with suppress(wire.HTTPError, OSError):
        while taken < MAX_RESPONSE_BYTES and time.monotonic() < until_s:
            part = answer.raw.read1(MAX_RESPONSE_BYTES, decode_content=False)
            if not part:
                return
            taken += len(part)
    answer.close()


def error_chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those it was made of, the outermost first."""
    found: BaseException | None = error
    for _ in range(20):  # deeper than any library goes, and an end where causes go round
        if found is None:
            return
        yield found
        inner = [part for part in found.args if isinstance(part, BaseException)]
        found = inner[0] if inner else found.__cause__ or found.__context__
