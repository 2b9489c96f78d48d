"""Any answer of a partner over HTTP has one outcome within the deadline, however odd, slow or cut it is."""

import socket
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poc.config.endpoint import Success
from poc.errors import DeliveryFailed
from tests.poc.transports.deliveries import NOW, SECRET, answer, endpoint, fail, failure_of


@pytest.mark.parametrize(
    ("status", "headers", "kind", "wait_s", "unknown"),
    [
        ("206 Partial Content", "", "retry", 0, True),
        ("207 Multi-Status", "", "retry", 0, True),
        ("301 Moved", "Location: http://[broken\r\n", "stop", 0, False),
        ("302 Found", "", "stop", 0, True),
        ("303 See Other", "Location: /receipt\r\n", "retry", 0, True),
        ("307 Moved", "Location: http://127.0.0.1:1/other\r\n", "stop", 0, False),
        ("308 Moved", "Retry-After: 60\r\n", "wait", 60, False),
        ("401 Unauthorized", "", "pause", 0, False),
        ("403 Forbidden", "", "pause", 0, False),
        ("403 Forbidden", "Retry-After: 60\r\n", "wait", 60, False),
        ("404 Not Found", "", "stop", 0, False),
        ("408 Request Timeout", "", "retry", 0, False),
        ("410 Gone", "", "pause", 0, False),
        ("413 Content Too Large", "", "stop", 0, False),
        ("413 Content Too Large", "Retry-After: 60\r\n", "wait", 60, False),
        ("422 Unprocessable Content", "", "stop", 0, False),
        ("423 Locked", "", "retry", 0, False),
        ("425 Too Early", "", "retry", 0, False),
        ("429 Too Many Requests", "", "wait", 0, False),
        ("429 Too Many Requests", "Retry-After: soon\r\n", "wait", 0, False),
        ("500 Internal Server Error", "Retry-After: 60\r\n", "wait", 60, True),
        ("502 Bad Gateway", "", "retry", 0, True),
        ("502 Bad Gateway", "Retry-After: Tue, 05 Mar 2013 06:01:30 GMT\r\n", "wait", 90, True),
        ("503 Service Unavailable", "Retry-After: 120\r\n", "wait", 120, False),
        ("503 Service Unavailable", "Retry-After: 0\r\n", "retry", 0, False),
        ("503 Service Unavailable", "Retry-After: soon\r\n", "retry", 0, False),
        ("504 Gateway Timeout", "", "retry", 0, True),
        ("504 Gateway Timeout", "Retry-After: 60\r\n", "wait", 60, True),
        ("999 Request denied", "", "retry", 0, True),
    ],
)
def test_an_answer_says_how_to_go_on(scripted, session, status, headers, kind, wait_s, unknown):
    """By its status and Retry-After alone; redirects are not followed."""
    server = scripted([scripted.READ, answer(status, headers)])
    failed = fail(session, server.url)
    assert (failed.kind, failed.wait_s, failed.unknown) == (kind, wait_s, unknown)
    assert failed.code == f"http-{status[:3]}"


def trickle(data, pause_s=0.05):
    """A script that sends a byte at a time."""
    return [step for byte in data for step in (bytes([byte]), pause_s)]


ENDLESS = {
    "head": trickle(b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 1000),
    "interim answers": [b"HTTP/1.1 100 Continue\r\n\r\n", 0.01] * 900,
    "body": [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", *trickle(b"x" * 1000)],
    "body without a length": [b"HTTP/1.1 200 OK\r\n\r\n", *trickle(b"x" * 1000)],
    "chunk headers": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *([b"1\r\nx\r\n", 0.02] * 1000)],
    "chunk size": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", *trickle(b"x" * 1000)],
    "trailers": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", *([b"X: 1\r\n", 0.02] * 1000)],
    "silence": [60.0],
}


@pytest.mark.parametrize("part", ENDLESS)
def test_an_endless_answer_ends_at_the_deadline(scripted, session, clock_from_request, part):
    """Whatever part trickles or never ends: there is no answer in time, and the partner may have taken the request."""
    server = scripted([scripted.READ, *ENDLESS[part]])
    failed = fail(session, server.url, timeout_s=0.4)
    assert (failed.code, failed.kind, failed.unknown) == ("time-out", "retry", True)
    assert "no answer in 0.4 s" in str(failed)
    assert failed.blocked_s >= 0.4
    server.stop()
    assert server.cut_short == 1  # our closing the connection ended the script, which takes many seconds to play


def test_an_endless_refusal_is_still_a_refusal(scripted, session):
    """The status of a failure counts when its body does not end by the deadline."""
    server = scripted([scripted.READ, b"HTTP/1.1 503 No\r\nRetry-After: 60\r\n\r\n", *trickle(b"x" * 1000)])
    failed = fail(session, server.url, timeout_s=2.0)
    assert (failed.kind, failed.wait_s, failed.unknown) == ("wait", 60, False)
    assert failed.blocked_s >= 2.0


def test_a_partner_that_reads_a_byte_at_a_time_costs_the_time_out(scripted, session):
    """Progress that is too slow does not move the deadline."""
    server = scripted([scripted.SLOWLY])
    with pytest.raises(DeliveryFailed, match=r"no answer in 2 s") as caught:
        endpoint(session, server.url, 2.0).post(b"x" * 30_000_000, {}, NOW)
    assert (caught.value.code, caught.value.unknown) == ("time-out", True)


def test_a_name_that_is_not_looked_up_in_time_costs_the_time_out(session, monkeypatch):
    """The system's look-up knows no time-out; nothing was sent."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30))
    failed = fail(session, "http://slow.example/", timeout_s=0.2)
    over.set()
    assert (failed.code, failed.unknown) == ("time-out", False)
    assert "no connection in 0.2 s" in str(failed)


def test_interim_answers_are_skipped(scripted, session):
    """100, 102 and 103 before the answer change nothing (RFC 9110, 15.2)."""
    early = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    )
    server = scripted([scripted.READ, early, answer("200 OK"), scripted.READ, early + answer("422 No")])
    endpoint(session, server.url).post(b"{}\n", {}, NOW)
    assert fail(session, server.url).code == "http-422"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "answer-malformed"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1001 + answer("200 OK"), "answer-malformed"),
        (b"HTTP/1.1 2_00 OK\r\n\r\n", "answer-malformed"),
        (b"HTTP/1.1 +200 OK\r\n\r\n", "answer-malformed"),
        (b"HTTP/1.1 0200 OK\r\n\r\n", "answer-malformed"),
        (b"HTTP/1.1  200 OK\r\n\r\n", "answer-malformed"),
        ("HTTP/1.1 ２００ OK\r\n\r\n".encode(), "answer-malformed"),
        (b"HTTP/1.1 two hundred\r\n\r\n", "answer-malformed"),
        (b"HTTP/2 200 OK\r\n\r\n", "answer-malformed"),
        (b"SSH-2.0-OpenSSH\r\n", "answer-malformed"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000, "answer-malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nxx", "answer-malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nxx", "answer-malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n", "answer-malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n", "answer-malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxx", "answer-cut"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut short", "answer-cut"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "answer-cut"),
        (b"HTTP/1.1", "answer-cut"),
        (b"", "connection"),
    ],
)
def test_an_odd_or_cut_answer_leaves_open_what_was_taken(scripted, session, reply, code):
    """It is neither a success nor a refusal, and its beginning is kept."""
    server = scripted([scripted.READ, reply])
    failed = fail(session, server.url)
    assert (failed.code, failed.kind, failed.unknown) == (code, "retry", True)
    assert failed.answer in str(failed)


@pytest.mark.parametrize(
    "reply",
    [
        answer("201 Created", "", b"x" * 500_000),
        answer("202 Accepted", "a line without a colon\r\n"),
        b"HTTP/1.1 200\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2\r\nok\r\n0\r\n",
    ],
)
def test_a_complete_answer_of_2xx_is_a_success(scripted, session, reply):
    """However long its body is, whatever it says, and whichever way it ends."""
    server = scripted([scripted.READ, reply])
    endpoint(session, server.url).post(b"{}\n", {}, NOW)
    assert len(server.requests) == 1


@pytest.mark.parametrize("then", ["slowly", "hang"])
@pytest.mark.parametrize(
    ("status", "code", "unknown"),
    [("413 Content Too Large", "http-413", False), ("200 OK", "answer-unexpected", True)],
)
def test_an_answer_that_comes_before_the_end_of_the_request_counts(scripted, session, then, status, code, unknown):
    """A partner may refuse a body that it does not read, or closes on; a success that comes before its end is none."""
    server = scripted([answer(status, "", b"at most 1 MB"), then])
    with pytest.raises(DeliveryFailed, match=rf"answered {status[:3]}.*: at most 1 MB") as caught:
        endpoint(session, server.url, 2.0).post(b"x" * 30_000_000, {}, NOW)
    assert (caught.value.code, caught.value.unknown) == (code, unknown)


def test_a_failure_keeps_what_the_partner_answered(scripted, session):
    """500 bytes, with control characters escaped and the request's secrets masked."""
    said = f'{{"error": "customer 17 is unknown\x1b[31m",\n "got": "bearer {SECRET.upper()}"}}'.encode() + b"x" * 600
    failed = fail(session, scripted([scripted.READ, answer("422 No", "", said)]).url)
    assert failed.answer.startswith(r'{"error": "customer 17 is unknown\x1b[31m",\n "got": "***"}xxx')
    assert failed.answer.endswith("x…")
    assert str(failed).endswith(f"answered 422: {failed.answer}")


SUCCESS = Success.model_validate(
    {"status": [200, 207], "content_type": "application/json", "json": "/ok", "equals": True}
)


@pytest.mark.parametrize(
    ("status", "content_type", "body", "words"),
    [
        ("200 OK", "application/json", b'{"ok": true}', ""),
        ("207 Multi-Status", "Application/JSON; charset=utf-8", b'{"ok": true}', ""),
        ("201 Created", "application/json", b'{"ok": true}', "success is 200 or 207"),
        ("200 OK", "text/html", b"<h1>Log in</h1>", "as 'text/html', not application/json: <h1>Log in</h1>"),
        ("200 OK", "application/json", b'{"errors": true}', "without /ok"),
        ("200 OK", "application/json", b'{"ok": 1}', "/ok is not true"),
        ("200 OK", "application/json", b'{"ok": "true"}', "/ok is not true"),
        ("200 OK", "application/json", b'{"ok": tr', "not in JSON"),
        ("200 OK", "application/json", b"[" * 100_000, "not in JSON"),
        ("200 OK", "application/json", b"[true]", "without /ok"),
    ],
)
def test_a_success_is_what_the_configuration_describes(scripted, session, status, content_type, body, words):
    """Any other answer of 2xx leaves open what was taken."""
    server = scripted([scripted.READ, answer(status, f"Content-Type: {content_type}\r\n", body)])
    if not words:
        endpoint(session, server.url, success=SUCCESS).post(b"{}\n", {}, NOW)
        return
    failed = fail(session, server.url, success=SUCCESS)
    assert (failed.code, failed.kind, failed.unknown) == ("answer-unexpected", "retry", True)
    assert words in str(failed)


PARTS = (
    b"HTTP/1.1 ", b"HTTP/1.0 ", b"\r\n", b"\r\n\r\n", b"Content-Length: 3\r\n", b"abc", b"0\r\n\r\n", b"3\r\nabc\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Retry-After: 7\r\n", b"Connection: close\r\n", b"ffffffffffffffff\r\n",
)  # fmt: skip


PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(PARTS),
    st.integers(0, 1100).map(lambda status: b"HTTP/1.1 %d Z\r\n" % status),
    st.floats(0, 0.02),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reply=st.lists(PIECES, max_size=12), end=st.sampled_from(["close", "hang", "reset"]))
def test_any_answer_has_one_outcome_within_the_deadline(scripted, session, clock_from_request, reply, end):
    """Delivered, or a failure of one kind: it is never raised as another error, and nothing outlasts the deadline.

    The server stays open for a minute where the script hangs: that the delivery ended shows that we closed it.
    """
    server = scripted([scripted.READ, *reply, *([] if end == "close" else [getattr(scripted, end.upper())])])
    failed = failure_of(lambda: endpoint(session, server.url, 0.3).post(b"{}\n", {}, NOW))
    if failed is not None:
        assert failed.kind in {"retry", "wait", "pause", "stop"}
        assert (failed.kind == "wait") >= (failed.wait_s > 0)
        assert failed.code != "time-out" or failed.blocked_s >= 0.3
        assert failed.unknown or failed.code.startswith("http-")
    server.stop()
    assert len(server.requests) == 1
