"""A server on loopback that plays scripts: it sends bytes as they are written, in pieces and with pauses."""

import select
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field

import pytest

#: Steps of a script besides bytes to send, seconds to pause, and `(end,)` to read up to these bytes: read a request;
#: read slowly, a byte at a time; wait until the client closes; reset the connection.
READ, SLOWLY, HANG, RESET = "read", "slowly", "hang", "reset"

#: Seconds after which a step that waits for a client has failed; far more than any needs.
PATIENCE_S = 60


@dataclass
class ScriptedServer:
    """Plays one script for each connection, the last one also for all later ones. `requests` holds what it read."""

    scripts: list
    tls: object = None
    requests: list = field(default_factory=list)
    connections: int = 0
    cut_short: int = 0

    def __post_init__(self):
        self._stopping = threading.Event()
        self._read, self._closed = threading.Event(), threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/p/flights"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def stop(self):
        """End all threads."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def wait_for_request(self):
        """Wait until a request has been read."""
        assert self._read.wait(PATIENCE_S)

    def wait_until_closed(self):
        """Wait until a connection has been closed on this side."""
        assert self._closed.wait(PATIENCE_S)

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            script = self.scripts[min(self.connections, len(self.scripts) - 1)]
            self.connections += 1
            self._threads.append(threading.Thread(target=self._play, args=(connection, script)))
            self._threads[-1].start()

    def _play(self, connection, script):
        connection.settimeout(PATIENCE_S)
        with connection:
            try:
                self._steps(connection, script)
            except OSError:  # the client closed the connection while it was sent something
                self.cut_short += 1
        self._closed.set()

    def _steps(self, connection, script):
        with connection if self.tls is None else self._with_tls(connection) as peer:
            for step in script:
                if isinstance(step, bytes):
                    peer.sendall(step)
                elif step == READ:
                    self.requests.append(read_request(peer))
                    self._read.set()
                elif isinstance(step, tuple):
                    self.requests.append(read_until(peer, *step))
                    self._read.set()
                elif step == SLOWLY:
                    while not self._stopping.wait(0.01):
                        peer.recv(1)
                elif step == RESET:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                elif self._left(peer, PATIENCE_S if step == HANG else step):
                    return

    def _with_tls(self, connection):
        """The connection with TLS; where the handshake fails, the client gets the alert before the connection ends."""
        with connection.dup() as plain:
            try:
                return self.tls.wrap_socket(connection, server_side=True)
            except ssl.SSLError:
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(65536):
                    pass
                raise

    def _left(self, peer, seconds):
        """Whether the client closes the connection within some seconds."""
        ready, _, _ = select.select([peer], [], [], seconds)
        if ready:
            self.cut_short += 1
        return bool(ready)


def read_request(peer):
    """A whole request: its head, and the body as long as the head says."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += peer.recv(65536) or no_more()
    head, _, body = data.partition(b"\r\n\r\n")
    (length,) = (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += peer.recv(65536) or no_more()
    return head + b"\r\n\r\n" + body


def read_until(peer, end):
    """What a client sends, up to bytes with which it ends."""
    data = b""
    while not data.endswith(end):
        data += peer.recv(65536) or no_more()
    return data


def no_more():
    """End a script whose client has gone."""
    raise ConnectionResetError


@pytest.fixture
def scripted():
    """A function that starts a server of scripts; `scripted.READ` and its like are steps."""
    servers = []

    def start(*scripts, tls=None):
        servers.append(ScriptedServer(list(scripts), tls))
        return servers[-1]

    start.READ, start.SLOWLY, start.HANG, start.RESET = READ, SLOWLY, HANG, RESET
    yield start
    for server in servers:
        server.stop()
