"""A delivery over HTTP succeeds, or fails with an error that says how to go on and shows no secret."""

import contextlib
import logging
import socket
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poc.errors import BadInput, DeliveryFailed
from poc.transports.http import HttpEndpoint, new_session, retry_after_s
from poc.transports.secrets import Secret

NOW = datetime(2013, 3, 5, 6, tzinfo=UTC)
SECRET = "s3cr3t-t0k3n"


@pytest.fixture
def session():
    """A session as the service creates it."""
    with new_session() as session:
        yield session


@pytest.fixture
def answering():
    """A function that starts a server which sends one response, byte for byte, and keeps the request."""
    with contextlib.ExitStack() as stack:

        def start(answer, pieces_s=0.0):
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            server.settimeout(10)
            got = []

            def serve():
                with contextlib.suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        request = b""
                        while not request.endswith(b"}\n"):  # the end of every body in these tests
                            request += connection.recv(65536)
                        got.append(request)
                        for piece in (
                            [answer] if not pieces_s else [answer[i : i + 8] for i in range(0, len(answer), 8)]
                        ):
                            connection.sendall(piece)
                            time.sleep(pieces_s)

            thread = threading.Thread(target=serve)
            thread.start()
            stack.callback(thread.join, 10)
            return f"http://127.0.0.1:{server.getsockname()[1]}/p/flights", got

        yield start


def endpoint(session, url, timeout_s=5.0):
    """An endpoint for JSON Lines with a secret header."""
    return HttpEndpoint(session, url, timeout_s, {"Authorization": Secret(f"Bearer {SECRET}")}, "application/jsonl")


def fail(session, url, headers=None, timeout_s=5.0):
    """The failure of a delivery."""
    with pytest.raises(DeliveryFailed) as caught:
        endpoint(session, url, timeout_s).post(b'{"flight":"UA1"}\n', headers or {}, NOW)
    return caught.value


def planned(start_partner, fault, **more):
    """A partner at which the first delivery fails, and its URL."""
    partner = start_partner({"faults": {"UA/flights/a.csv": {"0": {"1": fault}}}, **more})
    return partner, f"{partner.url}/n/UA/flights"


def test_bodies_are_delivered_over_one_connection(start_partner, session):
    """Every header reaches the partner, and the connection is kept, even after responses with a body."""
    partner = start_partner()
    url = f"{partner.url}/n/UA/flights"
    out = endpoint(session, url)
    for key, body in (("k1", b'{"n":1}\n'), ("k2", b'{"n":2}\n'), ("k1", b'{"n":1}\n')):
        out.post(body, {"Idempotency-Key": f'"{key}"'}, NOW)
    with pytest.raises(DeliveryFailed, match="answered 422"):
        out.post(b"another\n", {"Idempotency-Key": '"k1"'}, NOW)
    out.post(b'{"n":3}\n', {}, NOW)
    assert partner.held("n") == [{"n": 1}, {"n": 2}, {"n": 3}]
    pools = session.get_adapter(url).poolmanager.pools
    (pool,) = (pools[key] for key in pools.keys())  # noqa: SIM118 (no mapping)
    assert (pool.num_connections, pool.num_requests) == (1, 5)


def test_a_request_has_the_headers_of_its_body(answering, session):
    """Type, length, our name, the secret and the given headers are sent; none can contradict the body."""
    url, got = answering(b"HTTP/1.1 204 No Content\r\n\r\n")
    endpoint(session, url).post(b"{}\n", {"Milepost-Slot": "7"}, NOW)
    head, body = got[0].split(b"\r\n\r\n")
    assert body == b"{}\n"
    assert head.startswith(b"POST /p/flights HTTP/1.1\r\n")
    lines = set(head.split(b"\r\n")[1:])
    assert lines >= {
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
        ("gone", "http-410", "stop", 0, False),
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
        ("301 Moved", "Location: http://[broken\r\n", "stop", 0, False),
        ("307 Moved", "Location: http://127.0.0.1:1/other\r\n", "stop", 0, False),
        ("401 Unauthorized", "", "stop", 0, False),
        ("408 Request Timeout", "", "retry", 0, False),
        ("425 Too Early", "", "retry", 0, False),
        ("429 Too Many Requests", "", "wait", 0, False),
        ("429 Too Many Requests", "Retry-After: soon\r\n", "wait", 0, False),
        ("502 Bad Gateway", "", "retry", 0, True),
        ("503 Service Unavailable", "Retry-After: 120\r\n", "wait", 120, False),
        ("504 Gateway Timeout", "", "retry", 0, True),
    ],
)
def test_a_response_has_its_kind_of_failure(answering, session, status, headers, kind, wait_s, unknown):
    """By its status and Retry-After alone; redirects are not followed."""
    url, _ = answering(f"HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n".encode())
    failed = fail(session, url)
    assert (failed.kind, failed.wait_s, failed.unknown) == (kind, wait_s, unknown)
    assert failed.code == f"http-{status[:3]}"


def test_a_withdrawn_url_is_reported_as_such(answering, session):
    """A person reads what 410 means and what to do."""
    url, _ = answering(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")
    assert "the partner withdrew this URL; ask for the new one" in str(fail(session, url))


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 50\r\n\r\ncut short",
        b"Content-Length: 100000000\r\n\r\n" + b"x" * 500_000,
        b"Transfer-Encoding: chunked\r\n\r\nno chunk",
        b"Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip",
    ],
)
def test_a_success_counts_with_any_body(answering, session, body):
    """The status is known: a body that is cut, endless or broken does not change it."""
    url, got = answering(b"HTTP/1.1 200 OK\r\n" + body)
    endpoint(session, url).post(b"{}\n", {}, NOW)
    assert len(got) == 1


def test_a_slow_body_does_not_block(answering, session):
    """A response whose body arrives slowly is abandoned after the time-out; the delivery succeeded."""
    url, _ = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b"x" * 400, pieces_s=0.05)
    began = time.monotonic()
    endpoint(session, url, 0.6).post(b"{}\n", {}, NOW)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 two hundred\r\n\r\n"])
def test_a_response_that_is_not_http_is_a_lost_connection(answering, session, answer):
    """A server with another protocol may have received the body or not."""
    failed = fail(session, answering(answer)[0])
    assert (failed.code, failed.kind, failed.unknown) == ("connection", "retry", True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("-5", 0),
        ("1.5", 0),
        ("", 0),
        ("soon", 0),
        ("١٢", 0),
        ("9" * 5000, 1e9),
        ("Tue, 05 Mar 2013 06:01:30 GMT", 90),
        ("Tuesday, 05-Mar-13 06:01:30 GMT", 90),
        ("Tue Mar  5 06:01:30 2013", 90),
        ("Tue, 05 Mar 2013 08:01:30 +0200", 90),
        ("Tue, 05 Mar 2013 05:00:00 GMT", 0),
        ("Tue, 35 Mar 2013 05:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1e9),
    ],
)
def test_retry_after_is_read_in_both_forms(text, seconds):
    """Seconds, or a date relative to the given time; a past or invalid one asks for no wait."""
    assert retry_after_s(text, NOW) == seconds


@given(st.text())
def test_any_retry_after_is_a_finite_wait(text):
    """Any text gives a time to wait."""
    assert 0 <= retry_after_s(text, NOW) <= timedelta(days=366 * 100).total_seconds()


@pytest.mark.parametrize("name", ["Content-Length", "host", "A B", "A:", "", "X\r\nY", "é"])
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


def test_no_failure_shows_a_secret(start_partner, answering, session, caplog):
    """Neither message, chain, locals nor debug log of any failure contains the value of a secret header."""
    caplog.set_level(logging.DEBUG)
    partner, url = planned(start_partner, "reset")
    failing, silent = answering(b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"), answering(b"")
    texts = []
    for address in (url, "http://127.0.0.1:1/", failing[0], silent[0]):
        failed = fail(session, address, {"Milepost-File": "a.csv"})
        assert (failed.__cause__, failed.__context__) == (None, None)
        texts += traceback.format_exception(failed)
        texts += traceback.TracebackException.from_exception(failed, capture_locals=True).format()
        texts += [repr(failed), repr(vars(failed))]
    assert SECRET.encode() in failing[1][0]
    target = endpoint(session, url)
    target.post(b"{}\n", {"Milepost-File": "a.csv"}, NOW)
    texts += [repr(target), repr(vars(target)), repr(vars(vars(target)["_template"])), caplog.text]
    assert "POST /n/UA/flights" in caplog.text
    assert SECRET not in "".join(texts)
    assert len(partner.held("n")) == 1
