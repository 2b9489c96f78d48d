"""A partner over HTTP whose answers a test decides, request by request."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class AnsweringPartner:
    """What the partner was sent: bodies and keys in order, and what it has taken, by key."""

    url: str
    bodies: list = field(default_factory=list)
    keys: list = field(default_factory=list)
    taken: dict = field(default_factory=dict)

    def lines(self):
        """The lines that it has taken, in the order of their arrival."""
        return [line for body in self.taken.values() for line in body.splitlines()]


class Handler(BaseHTTPRequestHandler):
    """Answers as the test says; None closes the connection without an answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        """Answer one request."""
        partner, answer = self.server.partner, self.server.answer
        body = self.rfile.read(int(self.headers["Content-Length"]))
        partner.bodies.append(body)
        partner.keys.append(self.headers["Idempotency-Key"])
        status, headers, text = answer(len(partner.bodies), body) or (None, {}, "")
        if status is None:
            self.close_connection = True
            return
        if 200 <= status < 300:
            partner.taken.setdefault(self.headers["Idempotency-Key"], body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        """Log nothing."""


@pytest.fixture
def answer_with():
    """A function that starts a partner which answers `answer(nth, body)`: status, headers and text."""
    servers = []

    def start(answer):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.answer, server.partner = answer, AnsweringPartner(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        return server.partner

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()
