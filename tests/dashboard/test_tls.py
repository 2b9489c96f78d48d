"""TLS in front of the dashboard's server: who speaks it reaches the pages as themselves, and nobody else does."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPSConnection

import pytest
from flask import Flask, request

from dashboard.connections import make_server
from dashboard.security import add_headers
from dashboard.tls import CertificateUnusable, TlsFront


@pytest.fixture
def front(certificates):
    """A server behind TLS on a free port, whose page says who asks; its address and the front."""
    app = Flask(__name__)
    app.after_request(add_headers)
    app.add_url_rule("/", "page", lambda: f"{request.scheme} {request.remote_addr} {'x' * 3_000_000}")
    listener = socket.create_server(("127.0.0.1", 0))
    made = TlsFront(listener, certificates["good.pem"], certificates["good.key"])
    server = make_server(app, made.inner, peers=made.peers)
    running = threading.Event()

    def run():
        running.set()
        while running.is_set():
            server.asyncore.loop(timeout=0.1, map=server._map, use_poll=True, count=1)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    made.start()
    yield made, listener.getsockname()[1]
    made.close()
    running.clear()
    thread.join(timeout=60)
    server.task_dispatcher.shutdown()
    server.close()


def get(certificates, port, source="127.0.0.1"):
    """Get the page as a client that knows the authority, from an address of this machine."""
    trust = ssl.create_default_context(cafile=certificates["ca.pem"])
    connection = HTTPSConnection("127.0.0.1", port, context=trust, timeout=60, source_address=(source, 0))
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.read().decode(), answer.headers
    finally:
        connection.close()


def test_a_page_comes_by_tls_and_knows_its_client(certificates, front):
    """The scheme is https, the address is the client's, the body is whole, and browsers are told to stay with TLS."""
    _, port = front
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: get(certificates, port, f"127.0.0.{n + 2}"), range(8)))
    for number, (text, headers) in enumerate(answers):
        assert text.startswith(f"https 127.0.0.{number + 2} x")
        assert len(text) > 3_000_000
        assert headers["Strict-Transport-Security"] == "max-age=31536000"


def test_plain_http_and_other_programs_of_this_machine_get_nothing(certificates, front):
    """Whoever speaks no TLS, an old one, or reaches behind it, is let go; the next client is served."""
    made, port = front
    for target in (("127.0.0.1", port), made.inner.getsockname()):
        with socket.create_connection(target, timeout=60) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            received = b""
            try:
                while data := plain.recv(1000):
                    received += data
            except ConnectionResetError:
                pass
            assert b"HTTP/1.1 200" not in received
    assert get(certificates, port)[0].startswith("https")


def test_a_certificate_that_cannot_be_used_is_named(certificates, tmp_path):
    """A missing file, a foreign key, and text are refused before anything is served."""
    listener = socket.socket()
    (tmp_path / "text").write_text("no certificate")
    for cert, key in (("good.pem", "missing"), ("good.pem", "other.key"), (tmp_path / "text", "good.key")):
        with pytest.raises(CertificateUnusable, match=r"missing|cannot be used"):
            TlsFront(listener, certificates[cert], certificates[key])
    listener.close()


def test_an_answer_arrives_whole_at_a_slow_client_and_the_next_connection_works(certificates, front):
    """The server ends a connection while its client still reads: nothing is cut off, and no later client is hindered.

    The last bytes of an answer and the next connections share numbers of sockets, so that several come in turn.
    """
    _, port = front
    trust = ssl.create_default_context(cafile=certificates["ca.pem"])
    for _ in range(4):
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(60)
        plain.connect(("127.0.0.1", port))
        with trust.wrap_socket(plain, server_hostname="127.0.0.1") as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            time.sleep(0.3)  # the answer fills every buffer meanwhile
            received = b""
            while data := client.recv(65_536):
                received += data
        assert len(received.partition(b"\r\n\r\n")[2]) > 3_000_000


def test_connections_that_say_nothing_make_room(certificates, front, monkeypatch):
    """As many as there may be, from several addresses, keep nobody out: the oldest one ends for the next client."""
    monkeypatch.setattr("dashboard.tls.MAX_CONNECTIONS", 6)
    made, port = front
    silent = [
        socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(f"127.0.0.{number + 2}", 0))
        for number in range(12)
    ]
    try:
        deadline = time.monotonic() + 60
        while len(made._handshakes) < 12 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert get(certificates, port)[0].startswith("https")
        assert silent[0].recv(1) == b""
    finally:
        for client in silent:
            client.close()


def test_a_certificate_that_cannot_be_used_leaves_the_last_one(certificates, front, caplog):
    """A renewal that is half done, a new certificate beside the old key, changes nothing; the log says so."""
    made, port = front
    made._files = (certificates["other.pem"], certificates["good.key"])
    made.reload()
    assert "the last certificate is used on" in caplog.text
    assert get(certificates, port)[0].startswith("https")
