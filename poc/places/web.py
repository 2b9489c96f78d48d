"""Requests of a place over HTTP, whose bodies are streamed both ways; every wait ends at a deadline.

Connections and TLS are those of deliveries (`poc.transports.http_connection`): no proxy, certificate or credential is
taken from the environment. An answer that a lost connection has cut is an error, never a shorter body.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import urlsplit

from poc.errors import PlaceRefused, PlaceUnavailable
from poc.transports.http import DEFAULT_PORTS
from poc.transports.http_connection import HttpSession, Peer, fetch_certificate
from poc.transports.tls import TlsFiles, explain_untrusted, reason_of, refused_our_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from poc.transports.http_connection import Connection

#: Bytes of a piece of a body.
PIECE_BYTES = 1 << 20

#: Reasons of TLS by which a server shows that it speaks none.
NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"})


class CutShort(PlaceUnavailable):
    """The connection was lost before the answer's end."""


class WebClient:
    """Connections to the servers of one place; `address` names it in messages. Used by one thread at a time."""

    def __init__(self, address: str, tls: TlsFiles) -> None:
        self._address = address
        self._tls = tls
        self._session = HttpSession()

    def send(
        self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | BinaryIO, until_s: float
    ) -> WebAnswer:
        """Send a request, and return its answer, whose body is read afterwards.

        A kept connection that was lost before any answer is replaced once: all requests of places may be repeated.

        Args:
            method: the method.
            url: the address, encoded as it is sent.
            headers: without `Host`, `Connection` and `Content-Length`.
            body: sent from its current position to its end.
            until_s: the deadline, as a value of `time.monotonic()`.

        Raises:
            PlaceUnavailable: there is no connection or no answer at the deadline.
            PlaceRefused: TLS failed; the message says why.
        """
        peer, head, size_bytes = self._prepare(method, url, headers, body)
        start = 0 if isinstance(body, bytes) else body.tell()
        for _ in range(2):
            connection = self._connect(peer, until_s)
            reused = connection.reused
            answer = WebAnswer(connection, method, self._address, until_s)
            try:
                self._exchange(connection, answer, head, body, size_bytes)
            except (OSError, http.client.HTTPException) as error:
                self._session.discard(connection)
                if reused and not isinstance(error, TimeoutError):
                    if not isinstance(body, bytes):
                        body.seek(start)
                    continue
                raise self._failure(error, peer, until_s, unknown=method not in {"GET", "HEAD"}) from error
            answer.on_end = partial(self._end, peer, connection)
            return answer
        raise PlaceUnavailable("connection", f"{self._address}: the connection was lost twice", unknown=True)

    def close(self) -> None:
        """Close all connections. A later request opens new ones."""
        self._session.close()
        self._session = HttpSession()

    def _prepare(
        self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | BinaryIO
    ) -> tuple[Peer, bytes, int]:
        """Return the peer of a request, its head, and the size of its body."""
        parts = urlsplit(url)
        default = DEFAULT_PORTS[parts.scheme]
        host, port = parts.hostname or "", parts.port or default
        host = host if host.isascii() else host.encode("idna").decode("ascii")
        name = f"[{host}]" if ":" in host else host
        authority = name if port == default else f"{name}:{port}"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if isinstance(body, bytes):
            size_bytes = len(body)
        else:
            at = body.tell()
            size_bytes = body.seek(0, io.SEEK_END) - at
            body.seek(at)
        lines = [f"{method} {target} HTTP/1.1", f"Host: {authority}", *(f"{name}: {value}" for name, value in headers)]
        if size_bytes or method in {"PUT", "POST"}:
            lines.append(f"Content-Length: {size_bytes}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return Peer(host, port, self._tls if parts.scheme == "https" else None), head, size_bytes

    def _connect(self, peer: Peer, until_s: float) -> Connection:
        try:
            return self._session.connection(peer, until_s)
        except OSError as error:
            raise self._failure(error, peer, until_s) from error

    def _exchange(
        self, connection: Connection, answer: WebAnswer, head: bytes, body: bytes | BinaryIO, size_bytes: int
    ) -> None:
        """Send a request and read the head of its answer. Raises OSError, HTTPException."""
        fault: OSError | None = None
        try:
            connection.send(head, answer.until_s)
            for piece in pieces_of(body):
                size_bytes -= len(piece)
                connection.send(piece, answer.until_s)
        except TimeoutError:
            raise
        except OSError as error:  # the server may have answered before it had the whole body
            fault = error
        try:
            answer.begin()
        except (OSError, http.client.HTTPException) as error:
            raise fault or error from error

    def _end(self, peer: Peer, connection: Connection, whole: bool) -> None:
        if whole:
            self._session.give_back(peer, connection)
        else:
            self._session.discard(connection)

    def _failure(
        self, error: Exception, peer: Peer, until_s: float, *, unknown: bool = False
    ) -> PlaceUnavailable | PlaceRefused:
        """Return the error for a request that has no answer."""
        place = self._address
        if isinstance(error, TimeoutError) and error.errno is None:
            return PlaceUnavailable("timeout", f"{place}: no answer from {peer.host} in time", unknown=unknown)
        if isinstance(error, socket.gaierror):
            return PlaceUnavailable("host", f"{place}: the name {peer.host} is unknown; check the address")
        if isinstance(error, ssl.SSLCertVerificationError):
            der = fetch_certificate(peer, until_s)
            return PlaceRefused("tls", f"{place}: TLS with {peer.host}: {explain_untrusted(error, peer.host, der)}")
        if refused_our_certificate(error):
            why = "the server does not accept our certificate (`client_cert`)"
            return PlaceRefused("tls", f"{place}: {why}: {reason_of(cast('OSError', error))}")
        if isinstance(error, ssl.SSLError) and error.reason in NO_TLS:
            why = f"port {peer.port} of {peer.host} speaks no TLS"
            return PlaceRefused("tls", f"{place}: {why}; write `http://`, or the port that does")
        if isinstance(error, OSError):
            why = f"no connection to {peer.host}, port {peer.port}: {reason_of(error)}"
            return PlaceUnavailable("connection", f"{place}: {why}", unknown=unknown)
        why = f"the answer of {peer.host} is cut or not HTTP/1.1: {type(error).__name__}"
        return PlaceUnavailable("connection", f"{place}: {why}", unknown=unknown)


class WebAnswer:
    """An answer: its status, its headers, and its body, which is read once.

    `until_s` is the deadline of every read; a caller may move it on as bytes arrive.
    """

    def __init__(self, connection: Connection, method: str, address: str, until_s: float) -> None:
        self.until_s = until_s
        self.on_end: Callable[[bool], None] = lambda _whole: None
        self._address = address
        self._secure = connection.is_secure
        self._answer = http.client.HTTPResponse(cast("socket.socket", Received(connection, self)), method=method)
        self._ended = False

    def begin(self) -> None:
        """Read the head. Raises OSError, HTTPException."""
        self._answer.begin()

    @property
    def status(self) -> int:
        """The status."""
        return self._answer.status

    @property
    def headers(self) -> http.client.HTTPMessage:
        """The headers."""
        return self._answer.headers

    def read(self, size_bytes: int | None = None) -> bytes:
        """Return the next bytes of the body, or all that are left; none at its end.

        Raises:
            CutShort: the connection was lost before the end.
            PlaceUnavailable: the deadline is over.
        """
        if size_bytes is None:
            return b"".join(self.stream())
        if self._ended:
            return b""
        try:
            data = self._answer.read(size_bytes)
        except TimeoutError as error:
            self.close()
            raise PlaceUnavailable("timeout", f"{self._address}: the answer stopped in its middle") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise CutShort("connection", f"{self._address}: the connection was lost within the answer") from error
        if not data or self._answer.length == 0:
            self._finish()
        return data

    def stream(self) -> Iterator[bytes]:
        """Yield the body in pieces, and close the answer. Raises as `read`."""
        try:
            while piece := self.read(PIECE_BYTES):
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        """Give up what is left of the body; the connection of an answer that has none is kept."""
        if not self._ended:
            self._ended = True
            whole = self._answer.length == 0 and not self._answer.will_close
            self._answer.close()
            self.on_end(whole)

    def _finish(self) -> None:
        """Keep the connection after a complete body. Raises CutShort for one that is not."""
        left = self._answer.length
        if left or (left is None and not self._answer.chunked and not self._secure):
            # without a length or chunks, only TLS tells an end from a lost connection
            self.close()
            note = (
                f"{left:,} bytes are missing" if left else "it tells no length, and its end cannot be told from a cut"
            )
            raise CutShort("connection", f"{self._address}: the connection was lost within the answer: {note}")
        self._ended = True
        self._answer.close()
        self.on_end(not self._answer.will_close)


class Received(io.RawIOBase):
    """What arrives on a connection, as a raw file for the parser of the standard library."""

    def __init__(self, connection: Connection, answer: WebAnswer) -> None:
        super().__init__()
        self._connection = connection
        self._answer = answer
        self._rest = b""

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a buffered reader, as the method of a socket does."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read what is there into a buffer, and return how many bytes. Raises TimeoutError at the deadline, OSError."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self._rest or self._connection.receive(self._answer.until_s)
        size_bytes = min(len(view), len(data))
        view[:size_bytes] = data[:size_bytes]
        self._rest = data[size_bytes:]
        return size_bytes


def pieces_of(body: bytes | BinaryIO) -> Iterator[bytes]:
    """Yield a body in pieces."""
    if isinstance(body, bytes):
        if body:
            yield body
        return
    while piece := body.read(PIECE_BYTES):
        yield piece
