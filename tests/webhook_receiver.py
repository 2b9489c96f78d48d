"""A receiver of webhooks on loopback, for tests of several rooms."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

#: The secret that signs webhooks in tests.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Receiver:
    """A webhook's address that answers with the next of `answers`, then always with 204."""

    answers: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    def __post_init__(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((dict(self.headers), body))
                status = receiver.answers.pop(0) if receiver.answers else 204
                self.send_response(status)
                if status // 100 == 3:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def start_receiver():
    """A function that starts a webhook receiver on loopback; all end with the test."""
    started = []

    def start():
        started.append(Receiver())
        return started[-1]

    yield start
    for receiver in started:
        receiver.server.shutdown()
        receiver.server.server_close()


@pytest.fixture
def receiver(start_receiver):
    """A running webhook receiver."""
    return start_receiver()


@pytest.fixture
def webhook(receiver, monkeypatch):
    """The table of a target that posts to the receiver; its secret is in the environment."""
    monkeypatch.setenv("HOOK", SECRET)
    return f'name = "hook"\nwebhook = "http://{receiver.address}/h"\nsecret = "${{env:HOOK}}"'
