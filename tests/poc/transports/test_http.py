"""A delivery over HTTP succeeds, or fails with an error that says how to go on and shows no secret."""

import contextlib
import logging
import socket
import threading
import traceback

import pytest

from poc.errors import BadInput, DeliveryFailed
from poc.transports.http import HttpEndpoint
from poc.transports.secrets import Secret
from tests.poc.transports.deliveries import NOW, SECRET, answer, endpoint, fail, failure_of


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


def test_a_partner_that_does_not_respond_costs_the_time_out(start_partner, session, clock_from_request):
    """The wait is reported, and the partner may have received the body."""
    _, url = planned(start_partner, "hang")
    failed = fail(session, url, {"Milepost-File": "a.csv"}, timeout_s=0.3)
    assert (failed.code, failed.kind, failed.unknown) == ("time-out", "retry", True)
    assert failed.blocked_s >= 0.3
    assert "no answer in 0.3 s" in str(failed)


def test_a_partner_that_does_not_read_costs_the_time_out(session):
    """A body larger than the system's buffers that is never read ends in a time-out, too."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(DeliveryFailed) as caught:
            endpoint(session, url, 2.0).post(b"x" * 30_000_000, {}, NOW)
    assert (caught.value.code, caught.value.unknown) == ("time-out", True)
    assert caught.value.blocked_s >= 2.0


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


@pytest.mark.parametrize("name", ["Content-Length", "host", "Date", "Milepost-Slots", "A B", "A:", "", "X\r\nY", "é"])
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
