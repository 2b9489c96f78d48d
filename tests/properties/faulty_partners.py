"""Partners over HTTP with faults, and the rows that they have."""

import itertools
import json
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class Partner:
    """A partner over HTTP: the faults of its next requests, and the rows it has, in their order."""

    keys: bool = True
    faults: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    known: dict[str, bytes] = field(default_factory=dict)

    def take(self, body, key):
        """Store a body; once, if it comes with a known key."""
        if not (self.keys and key in self.known):
            self.ids += [json.loads(line)["id"] for line in body.splitlines()]
        assert not self.keys or self.known.setdefault(key, body) == body


class PartnerHandler(BaseHTTPRequestHandler):
    """The HTTP handler of the partner."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        """Accept a delivery, or inject the next fault."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        base, name, _ = self.path.rsplit("/", 2)
        if base != self.server.base:  # the sender gave up, and its partner has been replaced
            self.close_connection = True
            return
        held = self.server.partners[name]
        fault = held.faults.pop(0) if held.faults else ""
        if fault in {"", "lost", "500-held"}:
            held.take(body, self.headers["Idempotency-Key"])
        if fault in {"lost", "reset"}:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if fault == "hang":
            self.connection.recv(1)  # until the sender gives up
            self.close_connection = True
            return
        self.send_response(int(fault[:3] or 200))
        if fault == "429":
            self.send_header("Retry-After", "30")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Log nothing."""


@pytest.fixture(scope="module")
def faulty_partners():
    """A server of partners: a function that replaces them, by name whether each honours keys, and returns its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), PartnerHandler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()

        numbers = itertools.count()

        def replace(keys_by_name):
            server.base = f"/{next(numbers)}"
            server.partners = {name: Partner(keys) for name, keys in keys_by_name.items()}
            return f"http://127.0.0.1:{server.server_port}{server.base}", server.partners

        yield replace
        server.shutdown()
        thread.join()
