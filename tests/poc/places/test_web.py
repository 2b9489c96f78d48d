"""Requests of a place: one connection for many, and no cut answer is taken for a whole one."""

import time
from contextlib import closing
from io import BytesIO

import pytest

from poc.errors import PlaceUnavailable
from poc.places.web import CutShort, WebClient
from poc.transports.tls import TlsFiles

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\none\n"

#: A step that reads a request without a body.
HEAD = (b"\r\n\r\n",)


def send(client, server, method="GET", body=b""):
    """Send a request, and return its answer's body."""
    answer = client.send(method, server.url, [], body, time.monotonic() + 60)
    return answer.read()


def test_a_connection_is_used_again_and_a_lost_one_replaced(scripted):
    """A server may close a kept connection at any time, also as it reads the next request."""
    server = scripted([HEAD, OK, HEAD, OK, scripted.READ], [scripted.READ, OK])
    with closing(WebClient("place", TlsFiles())) as client:
        assert [send(client, server), send(client, server)] == [b"one\n", b"one\n"]
        assert server.connections == 1
        assert send(client, server, "PUT", BytesIO(b"body")) == b"one\n"
    assert server.connections == 2
    assert [request.endswith(b"\r\n\r\nbody") for request in server.requests] == [False, False, True, True]


def test_a_new_connection_that_is_lost_is_not_replaced(scripted):
    """The request may have had its effect."""
    server = scripted([scripted.READ])
    with closing(WebClient("place", TlsFiles())) as client, pytest.raises(PlaceUnavailable) as failure:
        send(client, server, "PUT", b"body")
    assert (failure.value.code, failure.value.unknown, server.connections) == ("connection", True, 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\none\n",
    ],
    ids=["length", "chunks", "neither"],
)
def test_an_answer_that_may_be_cut_is_an_error(scripted, answer):
    """Without a length or chunks, and without TLS, an end cannot be told from a lost connection."""
    server = scripted([HEAD, answer])
    with closing(WebClient("place", TlsFiles())) as client, pytest.raises(CutShort):
        send(client, server)
