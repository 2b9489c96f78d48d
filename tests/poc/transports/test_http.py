"""A delivery over HTTP succeeds, or fails with an error that says how to go on and shows no secret."""

import contextlib
import logging
import socket
import threading
import traceback
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poc.config.endpoint import Success
from poc.errors import BadInput, DeliveryFailed
from poc.transports.http import HttpEndpoint, new_session
from poc.transports.secrets import Secret

NOW = datetime(2013, 3, 5, 6, tzinfo=UTC)
SECRET = "s3cr3t-t0k3n"


@pytest.fixture
def session():
    """A session as the service creates it."""
    with new_session() as session:
        yield session


def answer(status, headers="", body=b""):
    """The bytes of an answer with a body of a known length."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def endpoint(session, url, timeout_s=5.0, **more):
    """An endpoint for JSON Lines with a secret header."""
    return HttpEndpoint(
        session, url, timeout_s, {"Authorization": Secret(f"Bearer {SECRET}")}, "application/jsonl", **more
    )


def fail(session, url, headers=None, timeout_s=5.0, **more):
    """The failure of a delivery."""
    with pytest.raises(DeliveryFailed) as caught:
        endpoint(session, url, timeout_s, **more).post(b'{"flight":"UA1"}\n', headers or {}, NOW)
    return caught.value


def failure_of(deliver):
    """The failure of a delivery, None for a success."""
    try:
        deliver()
    except DeliveryFailed as failed:
        return failed
    return None


def planned(start_partner, fault, **more):
    """A partner at which the first delivery fails, and its URL."""
    partner = start_partner({"faults": {"UA/flights/a.csv": {"0": {"1": fault}}}, **more})
    return partner, f"{partner.url}/n/UA/flights"


def test_bodies_are_delivered_with_their_headers(start_partner, session):
    """Every header reaches the partner, which knows a repeated key."""
    partner = start_partner()
    url = f"{partner.url}/n/UA/flights"
    out = endpoint(session, url)
    for key, body in (("k1", b'{"n":1}\n'), ("k2", b'{"n":2}\n'), ("k1", b'{"n":1}\n')):
        out.post(body, {"Idempotency-Key": f'"{key}"'}, NOW)
    with pytest.raises(DeliveryFailed, match="answered 422"):
        out.post(b"another\n", {"Idempotency-Key": '"k1"'}, NOW)
    out.post(b'{"n":3}\n', {}, NOW)
    assert partner.held("n") == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_a_request_has_the_headers_of_its_body(scripted, session):
    """Type, length, our name, the secret and the given headers are sent; none can contradict the body."""
    server = scripted([scripted.READ, b"HTTP/1.1 204 No Content\r\n\r\n"])
    endpoint(session, server.url).post(b"{}\n", {"Milepost-Slot": "7"}, NOW)
    head, body = server.requests[0].split(b"\r\n\r\n")
    assert body == b"{}\n"
    assert head.startswith(b"POST /p/flights HTTP/1.1\r\n")
    lines = set(head.split(b"\r\n")[1:])
    assert lines == {
        b"Host: 127.0.0.1:%d" % server.port,
        b"Accept-Encoding: identity",
        b"Content-Type: application/jsonl",
        b"Content-Length: 3",
        b"User-Agent: milepost",
        b"Milepost-Slot: 7",
        f"Authorization: Bearer {SECRET}".encode(),
    }


@pytest.mark.parametrize(
    ("fault", "code", "kind", "wait_s", "unknown"),
    [
        ("unavailable", "http-503", "retry", 0, False),
        ("error", "http-500", "retry", 0, True),
        ("bad-request", "http-400", "stop", 0, False),
        ("gone", "http-410", "pause", 0, False),
        ("wait-seconds", "http-429", "wait", 90, False),
        ("wait-date", "http-429", "wait", 90, False),
        ("reset", "connection", "retry", 0, True),
        ("answer-lost", "connection", "retry", 0, True),
    ],
)
def test_a_failure_says_how_to_go_on(start_partner, session, fault, code, kind, wait_s, unknown):
    """Each fault of the practice partner has its kind, including a wait on the replayed calendar."""
    _, url = planned(start_partner, fault, wait_s=90)
    headers = {"Milepost-File": "a.csv", "Milepost-Slot": "0", "Date": "Tue, 05 Mar 2013 06:00:00 GMT"}
    failed = fail(session, url, headers)
    assert (failed.code, failed.kind, failed.wait_s, failed.unknown) == (code, kind, wait_s, unknown)
    assert str(failed).startswith(url)
    assert failed.blocked_s == 0
    endpoint(session, url).post(b"{}\n", headers, NOW)


def test_a_partner_that_does_not_respond_costs_the_time_out(start_partner, session):
    """The wait is reported, and the partner may have received the body."""
    _, url = planned(start_partner, "hang")
    failed = fail(session, url, {"Milepost-File": "a.csv"}, timeout_s=0.3)
    assert (failed.code, failed.kind, failed.unknown) == ("time-out", "retry", True)
    assert 0.3 <= failed.blocked_s < 3
    assert "no answer in 0.3 s" in str(failed)


def test_a_partner_that_does_not_read_costs_the_time_out(session):
    """A body larger than the system's buffers that is never read ends in a time-out, too."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(DeliveryFailed) as caught:
            endpoint(session, url, 0.3).post(b"x" * 30_000_000, {}, NOW)
    assert (caught.value.code, caught.value.unknown) == ("time-out", True)
    assert caught.value.blocked_s >= 0.3


def test_without_a_connection_nothing_was_received(session):
    """A partner that refuses the connection, or has no address, certainly received nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"http://127.0.0.1:{server.getsockname()[1]}/"
    for url, words in ((closed, "refused"), ("http://no-such-partner.invalid/", "no connection")):
        failed = fail(session, url)
        assert (failed.code, failed.kind, failed.unknown) == ("connection", "retry", False)
        assert words in str(failed)


def test_a_connection_that_is_not_accepted_costs_the_time_out(session):
    """A server with a full queue accepts no connection: nothing was sent, so nothing was received."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        failed = fail(session, f"http://127.0.0.1:{server.getsockname()[1]}/", timeout_s=0.3)
    assert (failed.code, failed.kind, failed.unknown) == ("time-out", "retry", False)
    assert failed.blocked_s >= 0.3
    assert "no connection in 0.3 s" in str(failed)


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


def test_a_withdrawn_url_is_reported_as_such(scripted, session):
    """A person reads what 410 means and what to do."""
    server = scripted([scripted.READ, answer("410 Gone")])
    assert "the partner withdrew this URL; ask for the new one" in str(fail(session, server.url))


def test_one_connection_carries_requests_until_an_answer_ends_it(scripted, session):
    """Answers of every framing keep the connection; `Connection: close`, HTTP/1.0 and bytes too many end it."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n"
    kept = (answer("200 OK", "", b"taken"), b"HTTP/1.1 204 No Content\n\n", chunked, answer("422 No", "", b"x"))
    ends = (
        answer("200 OK", "Connection: close\r\n"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        answer("200 OK") + b"x",
        answer("200 OK"),
    )
    first, *others = ([scripted.READ, end, scripted.HANG] for end in ends)
    server = scripted([*(step for reply in kept for step in (scripted.READ, reply)), *first], *others)
    target = endpoint(session, server.url)
    failures = [failure_of(lambda: target.post(b"{}\n", {}, NOW)) for _ in (*kept, *ends)]
    assert [failed.code for failed in failures if failed is not None] == ["http-422"]
    assert (server.connections, len(server.requests)) == (4, 8)


def test_a_connection_that_the_partner_closed_is_not_used_again(scripted, session):
    """An idle connection is looked at before it carries a request, and one past its Keep-Alive time is left."""
    server = scripted(
        [scripted.READ, answer("200 OK")], [scripted.READ, answer("200 OK", "Keep-Alive: timeout=1\r\n"), scripted.HANG]
    )
    target = endpoint(session, server.url)
    for _ in range(4):
        target.post(b"{}\n", {}, NOW)
        server.wait_until_closed() if server.connections == 1 else None
    assert (server.connections, len(server.requests)) == (4, 4)


def test_a_kept_connection_that_is_lost_is_named_as_such(scripted, session):
    """The partner may have closed it as idle while the request was on its way."""
    server = scripted([scripted.READ, answer("200 OK"), scripted.READ, scripted.RESET], [scripted.READ, scripted.RESET])
    endpoint(session, server.url).post(b"{}\n", {}, NOW)
    assert [(failed.code, failed.unknown, failed.reused) for failed in (fail(session, server.url) for _ in "ab")] == [
        ("connection", True, True),
        ("connection", True, False),
    ]


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
def test_an_endless_answer_ends_at_the_deadline(scripted, session, part):
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
    failed = fail(session, server.url, timeout_s=0.4)
    assert (failed.kind, failed.wait_s, failed.unknown) == ("wait", 60, False)
    assert failed.blocked_s >= 0.4


def test_a_partner_that_reads_a_byte_at_a_time_costs_the_time_out(scripted, session):
    """Progress that is too slow does not move the deadline."""
    server = scripted([scripted.SLOWLY])
    with pytest.raises(DeliveryFailed, match=r"no answer in 0\.4 s") as caught:
        endpoint(session, server.url, 0.4).post(b"x" * 30_000_000, {}, NOW)
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


@pytest.mark.parametrize(
    "framing",
    [b"Content-Length : 50", b"Transfer-Encoding : chunked", b"Content-Length\0: 50", b"Content-Length: \xa02"],
)
def test_an_unreadable_header_of_framing_leaves_open_what_was_taken(scripted, session, framing):
    """Where the answer ends is unknown, so that it may be cut; the status of a refusal counts nevertheless."""
    for status, unknown in ((b"200 OK", True), (b"422 No", False)):
        reply = b"HTTP/1.1 " + status + b"\r\n" + framing + b"\r\n\r\nok"
        failed = fail(session, scripted([scripted.READ, reply]).url)
        assert (failed.unknown, f"answered {status[:3].decode()}" in str(failed)) == (unknown, True)


@pytest.mark.parametrize("then", ["slowly", "hang"])
@pytest.mark.parametrize(
    ("status", "code", "unknown"),
    [("413 Content Too Large", "http-413", False), ("200 OK", "answer-unexpected", True)],
)
def test_an_answer_that_comes_before_the_end_of_the_request_counts(scripted, session, then, status, code, unknown):
    """A partner may refuse a body that it does not read, or closes on; a success that comes before its end is none."""
    server = scripted([answer(status, "", b"at most 1 MB"), then])
    with pytest.raises(DeliveryFailed, match=rf"answered {status[:3]}.*: at most 1 MB") as caught:
        endpoint(session, server.url, 0.4).post(b"x" * 30_000_000, {}, NOW)
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
def test_any_answer_has_one_outcome_within_the_deadline(scripted, session, reply, end):
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


def test_closing_the_session_ends_requests_that_are_under_way(scripted, session):
    """A thread that waits for an answer gets a lost connection at once, and no later request is sent."""
    server = scripted([scripted.READ, scripted.HANG])
    failures = []
    waiting = threading.Thread(target=lambda: failures.append(fail(session, server.url, timeout_s=60)))
    waiting.start()
    server.wait_for_request()
    session.close()
    waiting.join(30)
    assert [(failed.code, failed.unknown) for failed in failures] == [("connection", True)]
    assert fail(session, server.url).unknown is False


@pytest.mark.parametrize("name", ["Content-Length", "host", "Date", "A B", "A:", "", "X\r\nY", "é"])
def test_a_header_that_cannot_be_secret_is_refused(session, name):
    """The error comes when the endpoint is created, not when something is sent."""
    with pytest.raises(BadInput, match="cannot be a secret header") as caught:
        HttpEndpoint(session, "http://127.0.0.1:1/", 1, {name: Secret(SECRET)}, "application/jsonl")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/", "ftp:/x", "http://", "127.0.0.1"])
def test_an_invalid_url_is_refused(session, url):
    """The error comes when the endpoint is created."""
    with pytest.raises(BadInput, match="not an address"):
        endpoint(session, url).post(b"x", {}, NOW)


def test_no_failure_shows_a_secret(start_partner, scripted, session, caplog):
    """Neither message, chain, locals nor debug log of any failure contains the value of a secret header."""
    caplog.set_level(logging.DEBUG)
    partner, url = planned(start_partner, "reset")
    failing, silent = (
        scripted([scripted.READ, answer("500 x", "", f"you said {SECRET}".encode())]),
        scripted([scripted.READ]),
    )
    odd = scripted([scripted.READ, f"Bearer {SECRET}\r\n".encode()])
    texts = []
    for address in (url, "http://127.0.0.1:1/", failing.url, silent.url, odd.url):
        failed = fail(session, address, {"Milepost-File": "a.csv"})
        assert (failed.__cause__, failed.__context__) == (None, None)
        texts += traceback.format_exception(failed)
        texts += traceback.TracebackException.from_exception(failed, capture_locals=True).format()
        texts += [repr(failed), repr(vars(failed))]
    assert SECRET.encode() in failing.requests[0]
    target = endpoint(session, url)
    target.post(b"{}\n", {"Milepost-File": "a.csv"}, NOW)
    texts += [repr(target), repr(vars(target)), caplog.text]
    assert "POST /n/UA/flights" in caplog.text
    assert SECRET not in "".join(texts)
    assert len(partner.held("n")) == 1
