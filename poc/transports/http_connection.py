"""Connections that deliveries share, TCP or TLS; every operation on one ends at a deadline.

A deadline is a value of `time.monotonic()`. The time that is left is set on the socket before each operation, so that a
peer that accepts or sends one byte at a time gains nothing: a plain socket operation waits once, and OpenSSL's reads,
writes and handshakes count their time-out over all their waits.
"""

from __future__ import annotations

import ipaddress
import queue
import re
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from poc.transports.tls import TlsFiles, make_tls_context

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Kept = TypeVar("Kept")

#: The most bytes that one read returns.
READ_BYTES = 64 * 1024

#: Seconds to read bytes that have arrived; TLS may wait for the rest of a record.
READY_S = 0.01

IDLE_LIMIT = re.compile(r"(?:^|[,\s])timeout=([0-9]{1,9})(?:$|[,\s])", re.IGNORECASE)

#: One entry of `socket.getaddrinfo`: family, type, protocol, canonical name, and the address to connect to.
AddressInfo = tuple[Any, Any, int, str, Any]


@dataclass(frozen=True, slots=True)
class Peer:
    """The host and port of a connection; `tls` is None for plain TCP."""

    host: str
    port: int
    tls: TlsFiles | None = None


class Connection:
    """An open connection. `reused`: it has carried a request before; `usable_until_s`: the peer's own limit."""

    def __init__(self, sock: socket.socket) -> None:
        self.reused = False
        self.usable_until_s: float | None = None
        self._socket = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    @property
    def is_secure(self) -> bool:
        """Whether it is TLS, so that its end cannot be forged."""
        return isinstance(self._socket, ssl.SSLSocket)

    def send(self, data: bytes, until_s: float) -> None:
        """Send all bytes. Raises TimeoutError at the deadline, OSError."""
        sock = self._socket
        sock.settimeout(seconds_left(until_s))
        sent = sock.send(data)
        if sent < len(data):
            rest = memoryview(data)[sent:]
            while rest:
                sock.settimeout(seconds_left(until_s))
                rest = rest[sock.send(rest) :]

    def receive(self, until_s: float) -> bytes:
        """Return the next bytes, none at the end of the stream. Raises TimeoutError at the deadline, OSError."""
        self._socket.settimeout(seconds_left(until_s))
        return self._socket.recv(READ_BYTES)

    def is_readable(self) -> bool:
        """Return whether bytes, or the end of the stream, can be read at once."""
        return bool(self._poll.poll(0))

    def set_idle_limit(self, keep_alive: str) -> None:
        """Note for how long the peer keeps the idle connection, from its `Keep-Alive` header.

        A request that is sent while the peer closes may be taken or not, so the last second is left out.
        """
        limit = IDLE_LIMIT.search(keep_alive)
        self.usable_until_s = time.monotonic() + int(limit[1]) - 1 if limit else None

    def shut_down(self) -> None:
        """End all operations of other threads on this connection."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, without waiting for the peer."""
        self._socket.close()


class HttpSession:
    """Connections that are kept for the next request to the same peer. Threads may share a session."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Peer, list[Connection]] = {}
        self._busy: set[Connection] = set()
        self._closed = False
        self._contexts: dict[TlsFiles, tuple[object, ssl.SSLContext]] = {}
        self._shared: dict[Hashable, Any] = {}

    def connection(self, peer: Peer, until_s: float) -> Connection:
        """Return a connection to a peer, a kept one if there is one. Give it back, or discard it.

        Raises:
            TimeoutError: there is none at the deadline.
            OSError: the name is unknown, the peer refuses, or TLS fails; `ssl.SSLError` for the latter.
            BadInput: a file for TLS cannot be used.
        """
        while idle := self._idle.get(peer):
            try:
                connection = idle.pop()
            except IndexError:  # another thread took the last one
                break
            limit_s = connection.usable_until_s
            if connection.is_readable() or (limit_s is not None and time.monotonic() > limit_s):
                connection.close()
                continue
            self._busy.add(connection)
            return connection
        context = None if peer.tls is None else self.tls_context(peer.tls)
        connection = Connection(connect(peer, context, until_s))
        with self._lock:
            if self._closed:
                connection.close()
                raise ConnectionAbortedError("the session is closed")
            self._busy.add(connection)
        return connection

    def give_back(self, peer: Peer, connection: Connection) -> None:
        """Keep a connection for the next request."""
        connection.reused = True
        self._busy.discard(connection)
        if self._closed:
            connection.close()
        else:
            self._idle.setdefault(peer, []).append(connection)

    def discard(self, connection: Connection) -> None:
        """Close a connection that cannot carry another request."""
        self._busy.discard(connection)
        connection.close()

    def tls_context(self, files: TlsFiles) -> ssl.SSLContext:
        """Return the TLS settings of these files, read again when a file has changed. Raises BadInput."""
        version = files.version()
        known = self._contexts.get(files)
        if known is None or known[0] != version:
            known = self._contexts[files] = (version, make_tls_context(files))
        return known[1]

    def shared(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """Return what all requests of this session share, such as an access token; it is made at the first call."""
        with self._lock:
            if key not in self._shared:
                self._shared[key] = make()
            kept: Kept = self._shared[key]
            return kept

    def close(self) -> None:
        """Close all connections; requests of other threads that are under way end with a lost connection."""
        with self._lock:
            self._closed = True
            busy = list(self._busy)
        for connection in busy:
            connection.shut_down()
        for connections in self._idle.values():
            while connections:
                connections.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ready_bytes(connection: Connection) -> Callable[[], bytes]:
    """Return a function that returns what has arrived on a connection, and raises TimeoutError for the rest."""

    def receive() -> bytes:
        if not connection.is_readable():
            raise TimeoutError
        return connection.receive(time.monotonic() + READY_S)

    return receive


def seconds_left(until_s: float) -> float:
    """Return the seconds to a deadline. Raises TimeoutError when there are none."""
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("the deadline is over")
    return left_s


def connect(peer: Peer, context: ssl.SSLContext | None, until_s: float) -> socket.socket:
    """Open a connection, with TLS if there is a context. Each address of the host gets an equal share of the time.

    Raises TimeoutError at the deadline, OSError.
    """
    addresses = resolve(peer.host, peer.port, until_s)
    failure = OSError(f"{peer.host} has no address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(seconds_left(until_s) / (len(addresses) - number))
            sock.connect(address)
            break
        except OSError as error:
            sock.close()
            failure = error
    else:
        raise failure
    if context is None:
        return sock
    try:
        sock.settimeout(seconds_left(until_s))
        # an end without TLS's own end is an error: it may be an attacker who cuts the answer
        return context.wrap_socket(sock, server_hostname=peer.host, suppress_ragged_eofs=False)
    except BaseException:
        sock.close()
        raise


def fetch_certificate(peer: Peer, until_s: float) -> bytes:
    """Return the certificate of a peer, unchecked, in DER; nothing is sent over the connection.

    Empty where there is none, or at the deadline. It explains why a checked connection failed.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        sock = connect(peer, context, until_s)
    except OSError:
        return b""
    with sock:
        return (isinstance(sock, ssl.SSLSocket) and sock.getpeercert(binary_form=True)) or b""


def resolve(host: str, port: int, until_s: float) -> list[AddressInfo]:
    """Return the addresses of a host. Raises TimeoutError at the deadline, OSError.

    The system's look-up takes no time-out, so a name is looked up in a thread that is left behind at the deadline.
    """
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    results: queue.SimpleQueue[list[AddressInfo] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            results.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            results.put(error)
        except UnicodeError:
            results.put(socket.gaierror(socket.EAI_NONAME, "not a valid host name"))

    threading.Thread(target=look_up, name=f"look up {host}", daemon=True).start()
    try:
        result = results.get(timeout=seconds_left(until_s))
    except queue.Empty:
        raise TimeoutError("the name was not looked up in time") from None
    if isinstance(result, OSError):
        raise result
    return result
