"""Delivery over HTTP: one POST per request, over connections that are kept alive.

`timeout_s` is one deadline over everything: the name's look-up, the connection, TLS, the request, and the answer to its
last byte. A delivery follows no redirect, keeps no cookie, and takes no proxy or credentials from the environment. For
speed, whatever is the same for all requests to an endpoint is prepared once.
"""

from __future__ import annotations

import logging
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from poc.config.endpoint import HEADER_NAME, RESERVED_HEADERS
from poc.errors import BadInput, DeliveryFailed
from poc.transports.http_answer import Answer, AnswerReader, EndOfStream, MalformedAnswer
from poc.transports.http_connection import HttpSession, Peer, fetch_certificate, ready_bytes
from poc.transports.http_outcome import answer_failure, is_repeat, with_answer
from poc.transports.secrets import MASK, shown_text
from poc.transports.tls import TlsFiles, explain_untrusted, reason_of, refused_our_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from poc.config.endpoint import Success
    from poc.transports.http_connection import Connection
    from poc.transports.secrets import Secret

log = logging.getLogger(__name__)

#: The most bytes of a body that are kept to look for the described success; for people, its first 500 are shown.
MAX_BODY_BYTES = 1 << 20
SHOWN_BYTES = 500

#: A body up to this size is sent together with the head.
JOINED_BYTES = 256 * 1024

#: Characters of a path that are sent as they are: those of RFC 3986, and `%`, as a path may be encoded already.
PATH_CHARACTERS = "!#$%&'()*+,/:;=?@[]~"

REFUSES_OURS = "the partner does not accept our certificate (`client_cert`)"

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class RequestPreview:
    """A request as it would be sent, for people: the values of secret headers are masked."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    size_bytes: int


def new_session() -> HttpSession:
    """Return a session, whose connections its endpoints share."""
    return HttpSession()


class HttpEndpoint:
    """The URL that receives one feed of one partner.

    Args:
        session: whose connections are used.
        url: as configured; messages name it.
        timeout_s: seconds from the beginning of a request to the end of its answer.
        headers: secret headers; their values are revealed only to the request.
        media_type: of the bodies, unless a plain header says another one.
        plain_headers: headers whose values are no secrets.
        success: what a success looks like, where the configuration describes it.
        tls: certificates for an `https` address.

    Raises:
        BadInput: the URL, the name of a header or a certificate cannot be used.
    """

    def __init__(
        self,
        session: HttpSession,
        url: str,
        timeout_s: float,
        headers: Mapping[str, Secret],
        media_type: str,
        *,
        plain_headers: Mapping[str, str] | None = None,
        success: Success | None = None,
        tls: TlsFiles | None = None,
    ) -> None:
        for name in headers:
            if not HEADER_NAME.fullmatch(name) or name.lower() in RESERVED_HEADERS | {"content-type"}:
                raise BadInput(f"{url}: {name!r} cannot be a secret header; choose another name")
        self._peer, authority, path = split_url(url, tls or TlsFiles())
        if self._peer.tls is not None:
            session.tls_context(self._peer.tls)
        plain = dict(plain_headers or {})
        names = {name.lower() for name in (*plain, *headers)}
        ours = {"User-Agent": "milepost", "Content-Type": media_type}
        lines = [(name, value) for name, value in ours.items() if name.lower() not in names] + list(plain.items())
        self._head = f"POST {path} HTTP/1.1\r\nHost: {authority}\r\nAccept-Encoding: identity\r\n"
        self._head += "".join(f"{name}: {value}\r\n" for name, value in lines)
        self._path = path
        self._session = session
        self._url = url
        self._timeout_s = timeout_s
        self._secrets = dict(headers)
        self._success = success
        looks_inside = success is not None and success.pointer is not None
        # a secret that begins within the shown bytes is complete in the kept ones, so that it can be masked
        longest = max((len(secret.reveal()) for secret in headers.values()), default=0)
        self._keep_bytes = MAX_BODY_BYTES if looks_inside else SHOWN_BYTES + 4 + 6 * longest

    def post(self, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:
        """Deliver one body, and return whether the partner said that it had the request already.

        Args:
            body: not empty.
            headers: of this request, such as `Idempotency-Key`.
            now: the reference time for a date in `Retry-After`.

        Raises:
            DeliveryFailed: the partner refused it, did not answer in time, or its answer is not the success that the
                configuration describes. `blocked_s` is the time spent waiting for a time-out. The error has no cause,
                because a cause could contain the headers sent.
        """
        result = self._exchange(body, headers, now)
        if isinstance(result, DeliveryFailed):
            raise result
        return result

    def ask(self) -> int:
        """Return the status of the partner's answer to OPTIONS, which carries no row and no key.

        Raises DeliveryFailed where there is no connection, or no answer in time.
        """
        start_s = time.monotonic()
        until_s = start_s + self._timeout_s
        try:
            connection = self._session.connection(self._peer, until_s)
        except OSError as error:
            raise self._no_connection(error, start_s) from None
        reader = AnswerReader(lambda: connection.receive(until_s))
        head = self._head_text(0, {}, lambda secret: secret.reveal())
        try:
            connection.send(f"OPTIONS{head.removeprefix('POST')}".encode("ascii"), until_s)
            return reader.read(SHOWN_BYTES).status
        except (OSError, EndOfStream, MalformedAnswer) as error:
            raise self._no_answer(error, reader, start_s, reused=False) from None
        finally:
            self._session.discard(connection)

    def preview(self, body: bytes, headers: Mapping[str, str]) -> RequestPreview:
        """Return the request that `post` would send, with the values of secret headers masked."""
        method, *lines = self._head_text(len(body), headers, lambda _: MASK).removesuffix("\r\n\r\n").split("\r\n")
        shown = tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))
        return RequestPreview(method.partition(" ")[0], self._url, shown, len(body))

    def fetch(self, body: bytes, keep_bytes: int) -> Answer:
        """Post one body, and return the answer with at most `keep_bytes` of its body, whatever it says.

        Raises DeliveryFailed where there is none, as `post` does.
        """
        result = self._answer(body, {}, keep_bytes, time.monotonic())
        if isinstance(result, DeliveryFailed):
            raise result
        return result[0]

    def _exchange(self, body: bytes, headers: Mapping[str, str], now: datetime) -> DeliveryFailed | bool:
        start_s = time.monotonic()
        result = self._answer(body, headers, self._keep_bytes, start_s)
        if isinstance(result, DeliveryFailed):
            return result
        answer, fault = result
        text = ""
        if answer.status != 200 or answer.ending != "complete" or self._success is not None or fault is not None:
            text = shown_text(answer.body, self._secrets.values(), SHOWN_BYTES)
        elapsed_s = time.monotonic() - start_s
        failure = answer_failure(self._url, answer, self._success, self._timeout_s, elapsed_s, now, text)
        if failure is None and fault is not None:
            message = f"{self._url}: answered {answer.status} before it had the whole request"
            return DeliveryFailed("answer-unexpected", with_answer(message, text), unknown=True, answer=text)
        return failure or is_repeat(answer)

    def _answer(
        self, body: bytes, headers: Mapping[str, str], keep_bytes: int, start_s: float
    ) -> DeliveryFailed | tuple[Answer, OSError | None]:
        """Return the answer to one request, and the error that ended its sending; or the failure without an answer."""
        until_s = start_s + self._timeout_s
        try:
            connection = self._session.connection(self._peer, until_s)
        except BadInput as error:  # a certificate that has been removed since
            return DeliveryFailed("certificate", f"{self._url}: {error}")
        except OSError as error:
            return self._no_connection(error, start_s)
        reader = AnswerReader(lambda: connection.receive(until_s))
        answer: Answer | None = None
        fault: OSError | None = None
        try:
            fault = self._send(connection, body, headers, until_s)
            if isinstance(fault, TimeoutError):  # the answer may have come before the partner stopped reading
                reader = AnswerReader(ready_bytes(connection))
            try:
                answer = reader.read(keep_bytes)
            except (OSError, EndOfStream, MalformedAnswer) as error:
                cause = fault if fault is not None and not refused_our_certificate(error) else error
                return self._no_answer(cause, reader, start_s, reused=connection.reused)
            if log.isEnabledFor(logging.DEBUG):
                log.debug("POST %s: %d bytes, answered %d", self._path, len(body), answer.status)
            return answer, fault
        finally:
            if answer is not None and answer.keep_alive and fault is None:
                connection.set_idle_limit(answer.headers.get("keep-alive", ""))
                self._session.give_back(self._peer, connection)
            else:
                self._session.discard(connection)

    def _send(self, connection: Connection, body: bytes, headers: Mapping[str, str], until_s: float) -> OSError | None:
        """Send the request; return the error that ended it, as an answer may have come before."""
        head = self._head_text(len(body), headers, lambda secret: secret.reveal()).encode("ascii")
        try:
            if len(body) <= JOINED_BYTES:
                connection.send(head + body, until_s)
            else:
                connection.send(head, until_s)
                connection.send(body, until_s)
        except OSError as error:
            return error
        return None

    def _head_text(self, size_bytes: int, headers: Mapping[str, str], show: Callable[[Secret], str]) -> str:
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        lines += [f"{name}: {show(secret)}\r\n" for name, secret in self._secrets.items()]
        return f"{self._head}Content-Length: {size_bytes}\r\n{''.join(lines)}\r\n"

    def _no_connection(self, error: OSError, start_s: float) -> DeliveryFailed:
        """Return the failure of a request that was not sent."""
        if isinstance(error, TimeoutError) and error.errno is None:
            message = f"{self._url}: no connection in {self._timeout_s:g} s"
            return DeliveryFailed("time-out", message, time.monotonic() - start_s)
        if isinstance(error, ssl.SSLCertVerificationError):
            der = fetch_certificate(self._peer, start_s + self._timeout_s)
            return DeliveryFailed("certificate", f"{self._url}: {explain_untrusted(error, self._peer.host, der)}")
        if refused_our_certificate(error):
            return DeliveryFailed("certificate", f"{self._url}: {REFUSES_OURS}: {reason_of(error)}")
        secure = " with TLS" if isinstance(error, ssl.SSLError) else ""
        return DeliveryFailed("connection", f"{self._url}: no connection{secure}: {reason_of(error)}")

    def _no_answer(self, error: Exception, reader: AnswerReader, start_s: float, *, reused: bool) -> DeliveryFailed:
        """Return the failure of a request whose answer has no status: the partner may have taken it."""
        skipped = f", after {reader.interim} interim answers" if reader.interim else ""
        text = shown_text(reader.beginning, self._secrets.values(), SHOWN_BYTES)
        if isinstance(error, TimeoutError) and error.errno is None:
            message = f"{self._url}: no answer in {self._timeout_s:g} s{skipped}"
            elapsed_s = time.monotonic() - start_s
            return DeliveryFailed("time-out", with_answer(message, text), elapsed_s, unknown=True, answer=text)
        if isinstance(error, MalformedAnswer):
            message = with_answer(f"{self._url}: its answer is not HTTP/1.1{skipped}: {error}", text)
            return DeliveryFailed("answer-malformed", message, unknown=True, answer=text)
        if not reader.empty:
            message = with_answer(f"{self._url}: the connection was lost within the head of the answer{skipped}", text)
            return DeliveryFailed("answer-cut", message, unknown=True, answer=text)
        if isinstance(error, OSError) and refused_our_certificate(error):
            # with TLS 1.3, the refusal comes after the request was sent, which the partner then cannot read
            return DeliveryFailed("certificate", f"{self._url}: {REFUSES_OURS}: {reason_of(error)}")
        reason = reason_of(error) if isinstance(error, OSError) else "closed without an answer"
        return DeliveryFailed("connection", f"{self._url}: connection lost: {reason}", unknown=True, reused=reused)


def split_url(url: str, tls: TlsFiles) -> tuple[Peer, str, str]:
    """Return the peer of a URL, its authority as the `Host` header says it, and its path. Raises BadInput."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if parts.scheme not in DEFAULT_PORTS or not host or port == 0:
            raise BadInput(f"{url}: not an address to deliver to; write http(s)://HOST[:PORT]/PATH")
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
    except ValueError as error:
        raise BadInput(f"{url}: not an address to deliver to: {error}") from error
    default = DEFAULT_PORTS[parts.scheme]
    name = f"[{host}]" if ":" in host else host
    authority = name if port in {None, default} else f"{name}:{port}"
    secure = tls if parts.scheme == "https" else None
    return Peer(host, port or default, secure), authority, quote(parts.path or "/", PATH_CHARACTERS)
