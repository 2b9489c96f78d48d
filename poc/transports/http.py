"""Delivery over HTTP: one POST per request, on one keep-alive connection.

For speed, whatever is the same for all requests to an endpoint is prepared once, no unnecessary header is sent, and
the session's adapter is called directly, since a delivery follows no redirect and keeps no cookie.
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

#: The most bytes of a response body that are read to keep the connection; for a longer one the connection is closed.
MAX_RESPONSE_BYTES = 64 * 1024

#: Upper limit of a `Retry-After`, in seconds.
MAX_WAIT_S = 10.0**9

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

#: Headers that no configuration may set, because they determine how a request is read.
RESERVED_HEADERS = frozenset(
    {"host", "connection", "content-length", "content-type", "transfer-encoding", "expect", "te", "idempotency-key"}
)


def new_session() -> requests.Session:
    """Return a session that takes no proxy or credentials from the environment, only from the configuration."""
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.headers["User-Agent"] = "milepost"
    return session


class HttpEndpoint:
    """The URL that receives one feed of one partner.

    Args:
        session: whose connections are used.
        url: as configured; messages name it.
        timeout_s: seconds to wait for a connection, and for a response.
        headers: secret headers; their values are revealed only to the request.
        media_type: of the bodies.

    Raises:
        BadInput: the URL or the name of a header cannot be used.
    """

    def __init__(
        self, session: requests.Session, url: str, timeout_s: float, headers: Mapping[str, Secret], media_type: str
    ) -> None:
        for name in headers:
            if not HEADER_NAME.fullmatch(name) or name.lower() in RESERVED_HEADERS:
                raise BadInput(f"{url}: {name!r} cannot be a secret header; choose another name")
        try:
            self._template = session.prepare_request(requests.Request("POST", url, {"Content-Type": media_type}))
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
            headers: of this request, such as `Idempotency-Key`.
            now: the reference time for a date in `Retry-After`.

        Raises:
            DeliveryFailed: the partner refused it, or did not respond in time. `blocked_s` is the time spent waiting
                for a time-out. The error has no cause, because the library's errors contain the headers sent.
        """
        request = self._template.copy()
        request.body = body
        request.headers["Content-Length"] = str(len(body))
        request.headers.update(headers)
        for name, secret in self._secrets.items():
            request.headers[name] = secret.reveal()
        start_s = time.monotonic()
        failure: DeliveryFailed | None = None
        try:
            response = self._adapter.send(
                request,
                stream=True,
                timeout=self._timeout_s,
                verify=True if self._session.verify is None else self._session.verify,
                cert=self._session.cert,
                proxies=self._session.proxies,
            )
        except OSError as error:  # the base of all of the library's errors
            failure = no_response_failure(self._url, error, self._timeout_s, time.monotonic() - start_s)
        else:
            drain_response(response, start_s + self._timeout_s)
            if not 200 <= response.status_code < 300:
                failure = status_failure(self._url, response.status_code, response.headers.get("Retry-After"), now)
        if failure is not None:
            raise failure


def no_response_failure(url: str, error: OSError, timeout_s: float, elapsed_s: float) -> DeliveryFailed:
    """Return the failure of a request without a response, explained by the error's innermost causes."""
    causes = list(error_chain(error))
    reason = next((e.strerror for e in causes if isinstance(e, OSError) and e.strerror), type(causes[-1]).__name__)
    if any(isinstance(e, wire.ConnectTimeoutError) and not isinstance(e, wire.NewConnectionError) for e in causes):
        return DeliveryFailed("time-out", f"{url}: no connection in {timeout_s:g} s", elapsed_s)
    if any(isinstance(e, wire.NewConnectionError) for e in causes):
        return DeliveryFailed("connection", f"{url}: no connection: {reason}")
    if any(isinstance(e, ssl.SSLCertVerificationError) for e in causes):
        return DeliveryFailed("connection", f"{url}: its certificate is not trusted")
    if any(isinstance(e, wire.ReadTimeoutError | TimeoutError) for e in causes):
        return DeliveryFailed("time-out", f"{url}: no answer in {timeout_s:g} s", elapsed_s, unknown=True)
    return DeliveryFailed("connection", f"{url}: connection lost: {reason}", unknown=True)


def status_failure(url: str, status: int, retry_after: str | None, now: datetime) -> DeliveryFailed:
    """Return the failure of a response that is no success, by what its status asks for."""
    code, message = f"http-{status}", f"{url}: answered {status}"
    if status == 410:
        return DeliveryFailed(code, f"{message}: the partner withdrew this URL; ask for the new one", kind="stop")
    if status == 429 or (status == 503 and retry_after is not None):
        wait_s = retry_after_s(retry_after or "", now)
        note = f", to wait {wait_s:g} s" if wait_s else ""
        return DeliveryFailed(code, message + note, kind="wait", wait_s=wait_s)
    if status == 409:  # the answer of a partner that still processes the first request with this key
        return DeliveryFailed(code, f"{message}: it still processes this request, or is in conflict with it")
    if status >= 500 or status in {408, 425}:
        return DeliveryFailed(code, message, unknown=status >= 500 and status != 503)
    moved = ": moved; put the new URL into the configuration" if 300 <= status < 400 else ""
    return DeliveryFailed(code, message + moved, kind="stop")


def retry_after_s(text: str, now: datetime) -> float:
    """Return the seconds of a `Retry-After` in either form; 0 if it is in the past or cannot be parsed."""
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


def drain_response(response: requests.Response, until_s: float) -> None:
    """Read a response's body so that its connection is kept; a long, slow or broken body closes the connection.

    The status has been read before: the body does not change the result of the delivery.
    """
    size_bytes = 0
    with suppress(wire.HTTPError, OSError):
        while size_bytes < MAX_RESPONSE_BYTES and time.monotonic() < until_s:
            part = response.raw.read1(MAX_RESPONSE_BYTES, decode_content=False)
            if not part:
                return
            size_bytes += len(part)
    response.close()


def error_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, outermost first."""
    current: BaseException | None = error
    for _ in range(20):  # deeper than any library goes; ends a circular chain of causes
        if current is None:
            return
        yield current
        inner = [part for part in current.args if isinstance(part, BaseException)]
        current = inner[0] if inner else current.__cause__ or current.__context__
