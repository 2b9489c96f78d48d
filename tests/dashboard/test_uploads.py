"""Uploads: admitted by their headers, bounded, and cut where they are too slow."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest
from waitress import wasyncore

from dashboard import connections, uploads
from dashboard.server import listen

HEAD = b"POST /in/AA/flights HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n"


@contextmanager
def running(answer):
    """Run a server that decides on each upload by this answer; give its port."""

    def app(environ, start_response):
        start_response("200 OK", [])
        return [str(len(environ["wsgi.input"].read())).encode()]

    listener = listen("127.0.0.1", 0)
    server = connections.make_server(app, listener, admit=lambda *_: answer)
    stop = threading.Event()

    def loop():
        while not stop.is_set():
            wasyncore.loop(timeout=0.02, use_poll=True, map=server._map, count=1)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        thread.join()
        server.task_dispatcher.shutdown()
        wasyncore.close_all(server._map)


def answer_to(client):
    """Return what the server answers until it closes the connection, or has answered whole."""
    data = b""
    while b"\r\n\r\n" not in data and (chunk := client.recv(10_000)):
        data += chunk
    return data


def test_an_admitted_upload_may_be_larger_than_a_form():
    """Its own limit holds, to the byte."""
    with running(200_000) as port:
        for size_bytes, status in ((200_000, b"200 OK"), (200_001, b"413 ")):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
                client.sendall(HEAD % (size_bytes, b"Connection: close\r\n"))
                if status == b"200 OK":
                    client.sendall(bytes(size_bytes))
                assert answer_to(client).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize("expects", [b"", b"Expect: 100-continue\r\n"])
def test_a_refused_upload_is_answered_before_its_body(expects):
    """By a problem, and the body is not asked for."""
    refusal = (401, "Not signed in", "Send a token.")
    with running(refusal) as port, socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(HEAD % (1 << 30, expects))
        answer = answer_to(client)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"application/problem+json" in answer
    assert b"100 Continue" not in answer


def test_more_uploads_than_there_is_room_for_wait(monkeypatch):
    """One more than may arrive at once is answered 503."""
    monkeypatch.setattr(uploads, "MAX_UPLOADS", 1)
    with running(1 << 30) as port, socket.create_connection(("127.0.0.1", port), timeout=60) as first:
        first.sendall(HEAD % (1 << 20, b"Expect: 100-continue\r\n"))
        assert answer_to(first).startswith(b"HTTP/1.1 100 ")
        with socket.create_connection(("127.0.0.1", port), timeout=60) as second:
            second.sendall(HEAD % (1 << 20, b""))
            assert answer_to(second).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("slowest_bytes_s", [1, 1 << 30])
def test_a_slow_upload_is_cut(monkeypatch, slowest_bytes_s):
    """One that sends enough bytes a second has more time than a form; one that does not, no more."""
    monkeypatch.setattr(connections, "REQUEST_S", 0.5)
    monkeypatch.setattr(uploads, "SLOWEST_BYTES_S", slowest_bytes_s)
    with running(1 << 30) as port, socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(HEAD % (1_001, b""))
        client.sendall(bytes(1_000))
        if slowest_bytes_s == 1:
            time.sleep(2)  # longer than a form may take
            client.sendall(b"x")
            assert answer_to(client).startswith(b"HTTP/1.1 200 OK")
        else:
            assert client.recv(1) == b""
