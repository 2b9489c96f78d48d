"""A partner on loopback with a token server of OAuth2, for tests of several rooms."""

import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

#: Seconds after which a request that waits for the test has failed; far more than any needs.
PATIENCE_S = 60


@dataclass
class TokenServer:
    """A token server at `/token`, and a partner at every other path, who takes requests with a valid token.

    `answers` are the next answers of the token server, each a status and a body, or a function that writes to the
    connection; then each request gets a new token. `asked` are the requests for tokens, by their headers and forms;
    `taken` and `refused` are the requests of the partner. While `gate` is not set, token requests wait.
    """

    tls: ssl.SSLContext | None = None
    answers: list = field(default_factory=list)
    expires_in: object = 3600
    asked: list = field(default_factory=list)
    taken: list = field(default_factory=list)
    refused: list = field(default_factory=list)
    valid: set = field(default_factory=set)

    def __post_init__(self):
        outer = self
        self.gate, self.was_asked = threading.Event(), threading.Event()
        self.gate.set()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/token":
                    outer.give_token(self, body)
                elif self.headers["Authorization"] in {f"Bearer {token}" for token in outer.valid}:
                    outer.taken.append((dict(self.headers), body))
                    self.reply(204)
                else:
                    outer.refused.append((dict(self.headers), body))
                    self.reply(401, f"no {self.headers['Authorization']}".encode())

            def do_OPTIONS(self):
                self.reply(204 if (self.headers["Authorization"] or "")[7:] in outer.valid else 401)

            def reply(self, status, body=b""):
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):
                """Let a client go that does not want to wait."""

        self.server = Server(("127.0.0.1", 0), Handler)
        if self.tls is not None:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def give_token(self, handler, body):
        """Answer a request for a token."""
        self.asked.append((dict(handler.headers), {key: value for key, (value,) in parse_qs(body.decode()).items()}))
        self.was_asked.set()
        assert self.gate.wait(PATIENCE_S)
        answer = self.answers.pop(0) if self.answers else None
        if callable(answer):
            answer(handler)
        elif answer is not None:
            handler.reply(*answer)
        else:
            token = f"t0k3n-{len(self.asked)}"
            self.valid.add(token)
            given = {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in}
            handler.reply(200, json.dumps(given).encode())

    def stop(self):
        """End the server, and all that waits."""
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def start_token_server():
    """A function that starts a partner with a token server; all end with the test."""
    started = []

    def start(**more):
        started.append(TokenServer(**more))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def token_server(start_token_server):
    """A running partner with a token server."""
    return start_token_server()
