"""The capture proxy of a partner: it listens on loopback, and opens a connection to the partner for each that it takes.

A partner that cannot be reached is a connection that is reset before a byte of a request is read, as it would be
without the proxy; nothing is answered in the partner's place.
"""

from __future__ import annotations

import asyncio
import resource
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from poc.capture.connection_relay import ConnectionRelay, Limits
from poc.capture.proxy_lock import write_address
from poc.capture.request_store import RequestStore
from poc.capture.stream import READ_BYTES, Stream
from poc.errors import BadInput
from poc.transports.tls import TlsFiles, make_tls_context, reason_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from poc.transports.http_connection import Peer

#: The most connections at once; further ones wait. Each needs three open files at the most.
MAX_CONNECTIONS = 1024
FILES_EACH, FILES_BESIDE = 3, 64

#: Seconds of connecting after which a monolith that has closed its side is taken to have given up.
SLOW_CONNECT_S = 1.0

#: Seconds for requests that are under way when the proxy is ended, and in which a message is not repeated.
GRACE_S = 10.0
REPEAT_S = 60.0


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """A partner, the folder in which its requests are kept, its address, and the port on loopback; 0 for a free one."""

    partner: str
    folder: Path
    peer: Peer
    authority: str
    port: int = 0
    limits: Limits = field(default=Limits())


class CaptureProxy:
    """The proxy of one partner; `lock` is the open lock file, which says where it listens."""

    def __init__(self, settings: ProxySettings, lock: int, warn: Callable[[str], None]) -> None:
        self.address = ""
        self._settings = settings
        self._lock = lock
        self._warn = warn
        self._warned_s: dict[str, float] = {}
        self._store = RequestStore(settings.folder, self._report, self._write_address)
        self._places = asyncio.Semaphore(most_connections())
        self._relays: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._context: tuple[object, ssl.SSLContext] | None = None

    async def start(self) -> None:
        """Listen. Raises BadInput: the port is taken, or a file for TLS cannot be used."""
        port = self._settings.port
        self._tls_context()
        try:
            self._server = await asyncio.start_server(
                self._take, "127.0.0.1", port, limit=READ_BYTES, backlog=MAX_CONNECTIONS
            )
        except OSError as error:
            raise BadInput(
                f"127.0.0.1:{port}: cannot listen there: {reason_of(error)}; choose another --port"
            ) from error
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._write_address(0)

    async def stop(self) -> None:
        """Take no more connections, wait for requests that are under way, and end all connections."""
        if self._server is not None:
            self._server.close()
        if self._relays:
            await asyncio.wait(self._relays, timeout=GRACE_S)
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)
        self._store.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (it runs in one; tells the type checker)
        self._relays.add(task)
        client = Stream(reader, writer)
        try:
            async with self._places:
                await self._relay(client)
        except asyncio.CancelledError:
            client.reset()
        finally:
            self._relays.discard(task)

    async def _relay(self, client: Stream) -> None:
        peer = self._settings.peer
        start_s = time.monotonic()
        try:
            context = self._tls_context()
            partner = Stream(
                *await asyncio.open_connection(
                    peer.host, peer.port, ssl=context, server_hostname=peer.host if context else None, limit=READ_BYTES
                )
            )
        except (OSError, BadInput, UnicodeError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else error
            self._report(f"the partner cannot be reached at {peer.host}:{peer.port}: {reason}")
            client.reset()
            return
        if client.reader.at_eof() or (client_closed(client) and time.monotonic() - start_s > SLOW_CONNECT_S):
            await partner.close()
            client.reset()
            return
        authority = self._settings.authority.encode("ascii")
        await ConnectionRelay(client, partner, authority, self._store, self._report, self._settings.limits).run()

    def _tls_context(self) -> ssl.SSLContext | None:
        """Return the TLS settings, read again when a file has changed; None for plain TCP. Raises BadInput."""
        files: TlsFiles | None = self._settings.peer.tls
        if files is None:
            return None
        version = files.version()
        if self._context is None or self._context[0] != version:
            self._context = version, make_tls_context(files)
        return self._context[1]

    def _write_address(self, lost: int) -> None:
        with suppress(OSError):
            write_address(self._lock, self.address, lost)

    def _report(self, text: str) -> None:
        now_s = time.monotonic()
        if now_s - self._warned_s.get(text, -REPEAT_S) >= REPEAT_S:
            if len(self._warned_s) > MAX_CONNECTIONS:
                self._warned_s.clear()
            self._warned_s[text] = now_s
            self._warn(f"{self._settings.partner}: {text}")


def client_closed(client: Stream) -> bool:
    """Return whether the monolith has closed its side, though bytes of it may still wait."""
    return bool(client.reader._eof)  # type: ignore[attr-defined] # noqa: SLF001 (no public attribute says so)


def most_connections() -> int:
    """Return how many connections there may be at once; the limit of open files is raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS * FILES_EACH + FILES_BESIDE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return (
        MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min((soft - FILES_BESIDE) // FILES_EACH, MAX_CONNECTIONS)
    )
