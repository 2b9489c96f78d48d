"""A client that sends nothing, too little or too slowly keeps no page from another one."""

import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager

import pytest
from waitress import wasyncore

from dashboard import connections
from dashboard.server import listen


@pytest.fixture
def server():
    """A running server of one small page and one large answer, with its port."""

    def app(environ, start_response):
        start_response("200 OK", [])
        return [bytes(1 << 20)] * 32 if environ["PATH_INFO"] == "/large" else [b"a page"]

    with running(app) as made:
        yield made


@contextmanager
def running(app, proxies=0, peers=None):
    """Run a server of an application; give it with its port."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server, stop = connections.make_server(app, listener, None, proxies, peers), threading.Event()

    def loop():
        while not stop.is_set():
            wasyncore.loop(timeout=0.02, use_poll=True, map=server._map, count=1)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield server, port
    finally:
        stop.set()
        thread.join()
        server.task_dispatcher.shutdown()
        wasyncore.close_all(server._map)


def page(port):
    """Get the page on a connection of its own."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
        return answer.read()


@pytest.mark.parametrize("sent", [b"", b"GET", b"GET / HTTP/1.1\r\nHost: a\r\nX-"])
def test_half_open_connections_stop_no_page(server, sent):
    """With 300 connections that send no whole request, a page comes on the first try; the oldest are closed."""
    running, port = server
    with ExitStack() as stack:
        opened = []
        for _ in range(300):
            opened.append(stack.enter_context(socket.create_connection(("127.0.0.1", port))))
            opened[-1].sendall(sent)
        assert page(port) == b"a page"
        assert len(running.active_channels) <= connections.MAX_PER_CLIENT
        opened[0].settimeout(60)
        assert opened[0].recv(1) == b""


class OneNetwork(dict):
    """Clients behind TLS that have another address of one /64 for each connection."""

    def get(self, port, default=None):
        """Return a client for the port of its connection."""
        return (f"2001:db8::{port:x}", port)


def test_one_ipv6_network_is_one_client():
    """Whoever has a /64 has more addresses than there are connections; it uses up the share of one client."""

    def app(_, start_response):
        start_response("200 OK", [])
        return [b"a page"]

    with running(app, peers=OneNetwork()) as (server, port), ExitStack() as stack:
        for _ in range(120):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert page(port) == b"a page"
        assert len(server.active_channels) <= connections.MAX_PER_CLIENT


def test_connections_of_many_addresses_are_bounded_together(server):
    """Clients on all the addresses of loopback do not use up the server either."""
    running, port = server
    with ExitStack() as stack:
        for number in range(600):
            client = stack.enter_context(socket.socket())
            client.bind((f"127.0.1.{number % 200 + 1}", 0))
            client.connect(("127.0.0.1", port))
        assert page(port) == b"a page"
        assert len(running.active_channels) <= connections.MAX_CONNECTIONS


@pytest.mark.parametrize("kind", ["silent", "trickling", "second request"])
def test_a_request_must_arrive_in_time(server, monkeypatch, kind):
    """A connection is closed when its request is not whole in time, however it trickles; an idle one stays."""
    _, port = server
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        if kind == "second request":
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = b""
            while not answer.endswith(b"a page"):
                answer += client.recv(1000)
            monkeypatch.setattr(connections, "REQUEST_S", 0.3)
            time.sleep(0.6)  # longer than a request may take
            client.sendall(b"GET")
        monkeypatch.setattr(connections, "REQUEST_S", 0.3)
        until = time.monotonic() + 60
        client.settimeout(0.05)
        ended = False
        while not ended and time.monotonic() < until:
            try:
                if kind == "trickling":
                    client.sendall(b"X")
                ended = client.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True
        assert ended


def test_an_answer_that_is_not_read_is_given_up(server, monkeypatch):
    """Clients that take no byte of a large answer free the threads that make it."""
    running, port = server
    monkeypatch.setattr(connections, "STALLED_S", 2.0)
    with ExitStack() as stack:
        for _ in range(8):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        assert page(port) == b"a page"
        until = time.monotonic() + 60
        while running.active_channels and time.monotonic() < until:
            time.sleep(0.02)
        assert not running.active_channels


@pytest.mark.parametrize(("proxies", "seen"), [(0, b"none"), (1, b"192.0.2.7")])
def test_the_address_that_a_proxy_adds_reaches_the_dashboard_behind_one_alone(proxies, seen):
    """Without it all clients would share the address of the proxy, and one of them could lock all others out."""

    def app(environ, start_response):
        start_response("200 OK", [])
        return [environ.get("HTTP_X_FORWARDED_FOR", "none").encode()]

    with running(app, proxies) as (_, port):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"X-Forwarded-For": "192.0.2.7"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.read() == seen


def test_the_log_of_the_server_has_no_secret_of_a_link(caplog):
    """An answer that fails while it is sent is logged by its path, without what opens a shared page."""

    def app(environ, start_response):
        raise RuntimeError("the answer failed")

    with running(app) as (_, port), pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/s/secret-of-a-link", timeout=60)
    assert "Exception while serving /s/" in caplog.text
    assert "secret-of-a-link" not in caplog.text
