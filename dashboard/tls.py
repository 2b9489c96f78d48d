"""TLS in front of the dashboard's server: it ends here, and plain HTTP goes on through a socket of loopback.

The server, waitress, speaks no TLS, and its loop cannot wait for a handshake. So the connections are accepted and
decrypted in a loop of their own, with bounds of their own, and the server is told whose each of them is.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections import Counter
from typing import TYPE_CHECKING, cast

from dashboard.connections import MAX_CONNECTIONS, MAX_PER_CLIENT, STALLED_S
from dashboard.security import client_network

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

#: Seconds in which a client must have done the handshake, and between two looks whether the certificate was replaced.
HANDSHAKE_S, RELOAD_S = 10.0, 60.0

#: Bytes that are read at once.
CHUNK_BYTES = 1 << 16


class CertificateUnusable(Exception):
    """The certificate or its key cannot be used; the message names the files."""

    exit_code = 2


class TlsFront:
    """Accepts TLS connections on a listening socket, and passes them to `inner`, a listening socket of loopback.

    `peers` maps the port from which such a connection reaches `inner` to the address of its client. A new certificate
    in the same files is taken for new connections within a minute.

    Args:
        listener: where clients connect.
        cert: the certificate with the chain up to its authority, PEM.
        key: its key, PEM, without a password.

    Raises:
        CertificateUnusable: they cannot be read, or do not belong together.
    """

    def __init__(self, listener: socket.socket, cert: Path, key: Path) -> None:
        self._files = (cert, key)
        self._loaded = self._stamp()
        self._context = self._load()
        self._listener = listener
        self._listener.setblocking(False)
        self.inner = socket.create_server(("127.0.0.1", 0))
        self.peers: dict[int, tuple[str, int]] = {}
        self._open: Counter[str] = Counter()
        #: The connections in their handshake with the networks of their clients, the oldest first.
        self._handshakes: dict[asyncio.Task[None], str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="tls", daemon=True)

    def start(self) -> None:
        """Begin to accept connections, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """End all connections and the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._listener.close()
        self.inner.close()

    def _stamp(self) -> tuple[tuple[int, int], ...]:
        """Return a value that differs once one of the files was replaced."""
        try:
            return tuple((status.st_mtime_ns, status.st_ino) for status in (path.stat() for path in self._files))
        except OSError as error:
            raise CertificateUnusable(f"{error.filename}: {error.strerror}") from error

    def _load(self) -> ssl.SSLContext:
        """Return a new context with the files as they are: one that failed to load files has lost those it had."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        cert, key = self._files
        try:
            context.load_cert_chain(cert, key, password=lambda: "")  # never asked for at the terminal
        except (OSError, ValueError) as error:  # of which SSLError is one
            raise CertificateUnusable(
                f"certificate {cert} and key {key} cannot be used: {error}; give a certificate with its chain and its "
                "key, both PEM, the key without a password"
            ) from error
        return context

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        tasks = [self._loop.create_task(self._accept()), self._loop.create_task(self._reload())]
        self._loop.run_forever()
        del tasks
        for task in (pending := asyncio.all_tasks(self._loop)):
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # in which the sockets are closed
        self._loop.close()

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_S)
            self.reload()

    def reload(self) -> None:
        """Take a certificate that was renewed; with one that cannot be used, the last stays, and the log says why."""
        try:
            if (stamp := self._stamp()) != self._loaded:
                self._context = self._load()
                self._loaded = stamp
        except CertificateUnusable as error:
            logging.getLogger("milepost").error("%s; the last certificate is used on", error)

    async def _accept(self) -> None:
        running: set[asyncio.Task[None]] = set()
        while True:
            try:
                client, address = await self._loop.sock_accept(self._listener)
            except OSError:  # too many open files, or a client that is gone already
                await asyncio.sleep(0.1)
                continue
            host = str(address[0])
            network = client_network(host)
            if not self._has_room(network):
                client.close()
                continue
            self._open[network] += 1
            task = self._loop.create_task(self._serve(client, (host, int(address[1]))))
            running.add(task)
            task.add_done_callback(running.discard)

    def _has_room(self, network: str) -> bool:
        """Return whether a client, of `client_network`, may have one more connection.

        The oldest one in its handshake ends for it.

        There are twice as many as the server keeps, which makes room for a new one by closing one that is idle.
        """
        has_many = self._open[network] >= 2 * MAX_PER_CLIENT
        if not has_many and self._open.total() < 2 * MAX_CONNECTIONS:
            return True
        oldest = next((task for task, other in self._handshakes.items() if other == network or not has_many), None)
        if oldest is None:
            return False
        del self._handshakes[oldest]
        return oldest.cancel()

    async def _serve(self, client: socket.socket, peer: tuple[str, int]) -> None:
        """Do the handshake and pass the bytes of one connection on, both ways, until one side ends it."""
        network = client_network(peer[0])
        try:
            reader, writer = await self._wrap(client, network)
            try:
                await self._pass_through(reader, writer, peer)
            finally:
                await _close(writer)
        except (TimeoutError, OSError):  # of which SSLError is one: a client that speaks no TLS, or is gone
            pass
        finally:
            self._open[network] -= 1
            if not self._open[network]:
                del self._open[network]

    async def _pass_through(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: tuple[str, int]
    ) -> None:
        """Connect to the server as a client, and pass bytes on."""
        inside = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        port = 0
        try:
            inside.setblocking(False)
            inside.bind(("127.0.0.1", 0))
            port = int(inside.getsockname()[1])
            self.peers[port] = peer  # before the server can accept it
            await self._loop.sock_connect(inside, self.inner.getsockname())
            inner_reader, inner_writer = await asyncio.open_connection(sock=inside)
        except BaseException:
            inside.close()
            self.peers.pop(port, None)
            raise
        try:
            await _until_one_ends(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
        finally:
            self.peers.pop(port, None)
            inner_writer.close()

    async def _wrap(self, client: socket.socket, network: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Do the handshake. The socket belongs to the loop from then on."""
        reader = asyncio.StreamReader(CHUNK_BYTES, self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._handshakes[task] = network
        try:
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: protocol,
                client,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=STALLED_S,
            )
        finally:
            self._handshakes.pop(task, None)
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._loop)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write what arrives, at the pace at which it is taken. Raises TimeoutError once nothing is taken any more."""
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        async with asyncio.timeout(STALLED_S):
            await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    """Send what was written, then end the connection; at once where the task is cancelled, or nothing is taken.

    Nothing else closes its socket: the loop would still wait for a number that the next connection gets.
    """
    task = asyncio.current_task()
    try:
        if task is None or not task.cancelling():
            writer.close()
            async with asyncio.timeout(STALLED_S):
                await writer.wait_closed()
    except (TimeoutError, OSError):
        pass
    finally:
        writer.transport.abort()


async def _until_one_ends(*ways: Coroutine[None, None, None]) -> None:
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
