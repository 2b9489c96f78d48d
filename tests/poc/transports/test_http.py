"""A delivery over HTTP ends in success, or in a failure that says what it asks for; nothing in it tells a secret."""

import contextlib
import logging
import pickle
import socket
import threading
import time
import traceback
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poc.errors import BadInput, DeliveryFailed
from poc.transports.http import HttpEndpoint, new_session, retry_after_s
from poc.transports.secrets import Secret, resolve_secret

NOW = datetime(2013, 3, 5, 6, tzinfo=UTC)
SECRET = "s3cr3t-t0k3n"


@pytest.fixture
def session():
    """A session as the service makes it."""
    with new_session() as session:
        yield session


@pytest.fixture
def answering():
    """A function that starts a server which gives one answer, byte for byte, and keeps what it was sent."""
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
                        while not request.endswith(b"}\n"):  # as every body here ends
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


def door(session, url, timeout_s=5.0):
    """A door for JSON Lines that says a secret."""
    return HttpEndpoint(session, url, timeout_s, {"Authorization": Secret(f"Bearer {SECRET}")}, "application/jsonl")


def fail(session, url, headers=None, timeout_s=5.0):
    """The failure that a delivery ends in."""
    with pytest.raises(DeliveryFailed) as caught:
        door(session, url, timeout_s).post(b'{"flight":"UA1"}\n', headers or {}, NOW)
    return caught.value


def planned(start_partner, fault, **more):
    """A partner at which the first delivery goes wrong, and its address."""
    partner = start_partner({"faults": {"UA/flights/a.csv": {"0": {"1": fault}}}, **more})
    return partner, f"{partner.url}/n/UA/flights"


def test_bodies_are_delivered_over_one_connection(start_partner, session):
    """Every header reaches the partner, and the connection is kept, answers with a body included."""
    partner = start_partner()
    url = f"{partner.url}/n/UA/flights"
    out = door(session, url)
    for key, body in (("k1", b'{"n":1}\n'), ("k2", b'{"n":2}\n'), ("k1", b'{"n":1}\n')):
        out.post(body, {"Idempotency-Key": f'"{key}"'}, NOW)
    with pytest.raises(DeliveryFailed, match="answered 422"):
        out.post(b"another\n", {"Idempotency-Key": '"k1"'}, NOW)
    out.post(b'{"n":3}\n', {}, NOW)
    assert partner.held("n") == [{"n": 1}, {"n": 2}, {"n": 3}]
    pools = session.get_adapter(url).poolmanager.pools
    (pool,) = (pools[key] for key in pools.keys())  # noqa: SIM118 (no mapping)
    assert (pool.num_connections, pool.num_requests) == (1, 5)


def test_a_request_says_what_it_carries(answering, session):
    """Type, length, our name, the secret and the headers given are sent; a body that says otherwise cannot be."""
    url, got = answering(b"HTTP/1.1 204 No Content\r\n\r\n")
    door(session, url).post(b"{}\n", {"Milepost-Slot": "7"}, NOW)
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
def test_a_failure_says_what_it_asks_for(start_partner, session, fault, code, kind, wait_s, unknown):
    """Each fault of the practice partner is put into its class, the wait on the replayed calendar included."""
    _, url = planned(start_partner, fault, wait_s=90)
    headers = {"Milepost-File": "a.csv", "Milepost-Slot": "0", "Date": "Tue, 05 Mar 2013 06:00:00 GMT"}
    failed = fail(session, url, headers)
    assert (failed.code, failed.kind, failed.wait_s, failed.unknown) == (code, kind, wait_s, unknown)
    assert str(failed).startswith(url)
    assert failed.blocked_s == 0
    door(session, url).post(b"{}\n", headers, NOW)


def test_a_partner_that_hangs_costs_the_time_out(start_partner, session):
    """The wait is told, and the partner may hold the body."""
    _, url = planned(start_partner, "hang")
    failed = fail(session, url, {"Milepost-File": "a.csv"}, timeout_s=0.3)
    assert (failed.code, failed.kind, failed.unknown) == ("time-out", "retry", True)
    assert 0.3 <= failed.blocked_s < 3
    assert "no answer in 0.3 s" in str(failed)


def test_a_partner_that_does_not_read_costs_the_time_out(session):
    """A body larger than the system's buffers, never read, ends in a time-out as well."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(DeliveryFailed) as caught:
            door(session, url, 0.3).post(b"x" * 30_000_000, {}, NOW)
    assert (caught.value.code, caught.value.unknown) == ("time-out", True)
    assert caught.value.blocked_s >= 0.3


def test_without_a_connection_nothing_is_held(session):
    """A partner that refuses the connection or has no address certainly holds nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"http://127.0.0.1:{server.getsockname()[1]}/"
    for url, words in ((closed, "refused"), ("http://no-such-partner.invalid/", "no connection")):
        failed = fail(session, url)
        assert (failed.code, failed.kind, failed.unknown) == ("connection", "retry", False)
        assert words in str(failed)


def test_a_connection_that_is_not_taken_costs_the_time_out(session):
    """With its queue full a server takes no connection: nothing was sent, so nothing is held."""
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
def test_an_answer_is_put_into_its_class(answering, session, status, headers, kind, wait_s, unknown):
    """By its status and Retry-After alone; no redirect is followed."""
    url, _ = answering(f"HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n".encode())
    failed = fail(session, url)
    assert (failed.kind, failed.wait_s, failed.unknown) == (kind, wait_s, unknown)
    assert failed.code == f"http-{status[:3]}"


def test_an_address_taken_back_is_told_as_such(answering, session):
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
def test_a_success_counts_whatever_its_body_is(answering, session, body):
    """The status has been said: a body that is cut, endless or broken takes nothing back."""
    url, got = answering(b"HTTP/1.1 200 OK\r\n" + body)
    door(session, url).post(b"{}\n", {}, NOW)
    assert len(got) == 1


def test_a_body_in_drops_does_not_hold_us(answering, session):
    """An answer whose body comes drop by drop is left after the time-out; the delivery went well."""
    url, _ = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b"x" * 400, pieces_s=0.05)
    began = time.monotonic()
    door(session, url, 0.6).post(b"{}\n", {}, NOW)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 two hundred\r\n\r\n"])
def test_an_answer_that_is_none_is_a_lost_connection(answering, session, answer):
    """A server that talks something else may hold the body or not."""
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
def test_retry_after_in_both_forms(text, seconds):
    """Seconds or a date by the time given; what is past or unreadable asks for nothing."""
    assert retry_after_s(text, NOW) == seconds


@given(st.text())
def test_retry_after_is_never_a_trap(text):
    """Whatever stands there, it is a time to wait."""
    assert 0 <= retry_after_s(text, NOW) <= timedelta(days=366 * 100).total_seconds()


@pytest.mark.parametrize("name", ["Content-Length", "host", "A B", "A:", "", "X\r\nY", "é"])
def test_a_header_that_cannot_be_secret_is_refused(session, name):
    """Its name is told when the door is made, not when something is sent."""
    with pytest.raises(BadInput, match="cannot be a secret header") as caught:
        HttpEndpoint(session, "http://127.0.0.1:1/", 1, {name: Secret(SECRET)}, "application/jsonl")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/", "ftp:/x", "http://", "127.0.0.1"])
def test_an_address_that_is_none_is_refused(session, url):
    """It is told when the door is made."""
    with pytest.raises(BadInput, match="not an address"):
        door(session, url).post(b"x", {}, NOW)


def test_no_failure_tells_a_secret(start_partner, answering, session, caplog):
    """Neither message, chain, locals nor debug log of any failure holds what a secret header says."""
    caplog.set_level(logging.DEBUG)
    partner, url = planned(start_partner, "reset")
    failing, silent = answering(b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"), answering(b"")
    told = []
    for address in (url, "http://127.0.0.1:1/", failing[0], silent[0]):
        failed = fail(session, address, {"Milepost-File": "a.csv"})
        assert (failed.__cause__, failed.__context__) == (None, None)
        told += traceback.format_exception(failed)
        told += traceback.TracebackException.from_exception(failed, capture_locals=True).format()
        told += [repr(failed), repr(vars(failed))]
    assert SECRET.encode() in failing[1][0]
    made = door(session, url)
    made.post(b"{}\n", {"Milepost-File": "a.csv"}, NOW)
    told += [repr(made), repr(vars(made)), repr(vars(vars(made)["_template"])), caplog.text]
    assert "POST /n/UA/flights" in caplog.text
    assert SECRET not in "".join(told)
    assert len(partner.held("n")) == 1


def test_a_secret_shows_itself_to_nobody():
    """No way of writing an object down tells it; only `reveal` does."""
    secret = Secret(SECRET)
    assert SECRET not in f"{secret} {secret!r} {[secret]} {secret!s:>40}"
    for write in (pickle.dumps, deepcopy, lambda s: s.__getstate__(), vars):
        with pytest.raises(TypeError):
            write(secret)
    assert secret.reveal() == SECRET


def test_a_secret_is_read_where_it_stands(tmp_path):
    """From a variable or a file of the workspace, with the scheme in front and one line end left off."""
    (tmp_path / "token").write_bytes(SECRET.encode() + b"\n")
    (tmp_path / "windows").write_bytes(SECRET.encode() + b"\r\n")
    environ = {"TOKEN": SECRET}
    for text, found in (
        ("${env:TOKEN}", SECRET),
        ("Bearer ${env:TOKEN}", f"Bearer {SECRET}"),
        ("Basic ${file:token}", f"Basic {SECRET}"),
        ("${file:windows}", SECRET),
        (f"Token ${{file:{tmp_path}/token}}", f"Token {SECRET}"),
    ):
        assert resolve_secret(text, environ, tmp_path).reveal() == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${env:NONE}", "environment variable NONE is not set"),
        ("${file:none}", "none: no such file"),
        ("${file:.}", "no such file"),
        ("${file:a\x00b}", "no "),
        ("${env:EMPTY}", r"\$\{env:EMPTY\} is empty"),
        ("Bearer ${env:SPLIT}", r"\$\{env:SPLIT\} has characters that no header can carry"),
        ("${file:split}", r"\$\{file:split\} has characters"),
        ("${file:binary}", r"\$\{file:binary\} has characters"),
        ("${file:huge}", "huge: larger than 65536 bytes"),
        (f"Bearer {SECRET}", "write a reference to a secret"),
    ],
)
def test_a_secret_that_cannot_be_used_is_named_and_not_shown(tmp_path, text, words):
    """The message says which it is, never what is in it, and neither does what led to it."""
    environ = {"EMPTY": "", "SPLIT": f"{SECRET}\r\nX-Other: 1"}
    (tmp_path / "split").write_text(f"{SECRET}\n\n")
    (tmp_path / "binary").write_bytes(SECRET.encode() + b"\xff\xfe")
    (tmp_path / "huge").write_text(SECRET * 10_000)
    with pytest.raises(BadInput, match=words) as caught:
        resolve_secret(text, environ, tmp_path)
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
