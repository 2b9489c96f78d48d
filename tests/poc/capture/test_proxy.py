"""The capture proxy: what passes through it, what it refuses, what it keeps, and how either side's end looks."""

import re
import socket
import stat
from datetime import UTC, datetime, timedelta

import pytest

from poc.capture.connection_relay import Limits
from poc.capture.proxy_lock import lost_requests, running_proxy, sole_proxy
from poc.errors import TryLater
from poc.transports.tls import TlsFiles

PATIENCE_S = 60
REQUEST = b"POST /x HTTP/1.1\r\nHost: @\r\nContent-Length: 3\r\n\r\nabc"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Client:
    """A monolith's connection to a proxy, byte by byte."""

    def __init__(self, proxy):
        self.socket = socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S)
        self.host = b"127.0.0.1:%d" % proxy.port

    def send(self, data):
        """Send bytes; @ stands for the host."""
        self.socket.sendall(data.replace(b"@", self.host))

    def read(self, size):
        """Return as many bytes as that."""
        data = b""
        while len(data) < size:
            data += self.socket.recv(size - len(data)) or pytest.fail(f"closed after {data!r}")
        return data

    def exchange(self, data):
        """Send bytes, and return the first byte of the answer."""
        self.send(data)
        return self.read(1)

    def read_all(self):
        """Return what comes until the connection is closed."""
        data = b""
        while piece := self.socket.recv(65536):
            data += piece
        return data

    def close(self):
        """Close the connection."""
        self.socket.close()


@pytest.fixture
def connect():
    """A function that opens a connection to a proxy."""
    clients = []

    def open_connection(proxy):
        clients.append(Client(proxy))
        return clients[-1]

    yield open_connection
    for client in clients:
        client.close()


CHUNKED = (
    b"PUT /x?a=1&b=%2F HTTP/1.1\r\nhOsT:  @\r\nTransfer-Encoding: Chunked\r\nX-Odd:  two  spaces \r\n\r\n"
    b"5;name=value\r\n{\"a\":\r\n2\r\n1}\r\n0\r\nX-Sum: 1\r\n\r\n"
)  # fmt: skip
ODD_ANSWER = (
    b"HTTP/1.1 207 Odd  Reason\nx-CASE: kept\r\nSet-Cookie: a\r\nset-cookie: b\r\ntransfer-encoding: chunked\r\n\r\n"
    b"3;ext\r\nabc\r\n0\r\nTrailer: t\r\n\r\ntrailing bytes"
)  # fmt: skip

#: What a monolith sends, what the partner answers, and statuses and endings that are kept.
PASSED = {
    "chunks, trailers and odd headers": (CHUNKED, ODD_ANSWER, [(207, "complete", 7)]),
    "HTTP/1.0 without a length of the answer": (
        b"POST /x HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.0 200 OK\r\n\r\nto the end",
        [(200, "complete", 3)],
    ),
    "an answer of HEAD": (
        b"HEAD /x HTTP/1.1\r\nHost: @\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nConnection: close\r\n\r\n",
        [(200, "complete", 0)],
    ),
    "interim answers": (
        REQUEST,
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + LAST, [(200, "complete", 3)],
    ),
    "an answer that is no HTTP": (
        REQUEST, b"220 mail.example ESMTP\r\n\r\nmore",
        [(None, "malformed", 3)],
    ),
    "a cut answer": (
        REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",
        [(200, "cut", 3)],
    ),
    "a cut head": (
        REQUEST, b"HTTP/1.1 200 OK\r\nContent-", [(None, "cut", 3)],
    ),
    "no answer": (REQUEST, b"", [(None, "no-answer", 3)]),
}  # fmt: skip


@pytest.mark.parametrize("case", PASSED)
def test_bytes_pass_unchanged_in_both_directions(case, scripted, start_proxy, connect):
    """The partner gets the bytes of the monolith, but for its own name as Host, and the monolith gets the partner's."""
    request, answer, kept = PASSED[case]
    partner = scripted([(request[-3:],), answer])
    proxy = start_proxy(partner.port)
    client = connect(proxy)
    client.send(request)
    assert client.read_all() == answer
    host = b"127.0.0.1:%d" % partner.port
    assert partner.requests == [request.replace(b":  @", b": @").replace(b"@", host)]
    assert [(each.status, each.ended, each.size_bytes) for each in proxy.kept()] == kept


def test_a_connection_is_kept_for_the_next_request(scripted, start_proxy, connect):
    """Two requests in one packet go one after the other over one connection to the partner."""
    partner = scripted([(b"one",), OK, (b"two",), LAST])
    proxy = start_proxy(partner.port)
    client = connect(proxy)
    request = b"POST /%s HTTP/1.1\r\nHost: @\r\nContent-Length: 3\r\n\r\n%s"
    client.send(request % (b"1", b"one") + request % (b"2", b"two"))
    assert client.read_all() == OK + LAST
    assert partner.connections == 1
    assert [each.path for each in proxy.kept()] == ["/1", "/2"]


def test_the_partner_says_whether_to_continue(scripted, start_proxy, connect):
    """A body that waits for 100 is sent once the partner says so; after another answer, the connection ends."""
    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    refusal = b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"
    partner = scripted([(b"\r\n\r\n",), go_on, (b"abc",), LAST], [(b"\r\n\r\n",), refusal, "hang"])
    proxy = start_proxy(partner.port)
    head = b"POST /x HTTP/1.1\r\nHost: @\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    client = connect(proxy)
    client.send(head)
    assert client.read(len(go_on)) == go_on
    client.send(b"abc")
    assert client.read_all() == LAST
    client = connect(proxy)
    client.send(head)
    partner._closed.clear()
    assert client.read_all() == refusal
    partner.wait_until_closed()
    assert partner.cut_short == 1  # by the proxy, before the partner


def test_an_answer_before_the_end_of_the_body_is_passed_on_at_once(scripted, start_proxy, connect):
    """A monolith that still sends learns that the partner has refused the request."""
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    partner = scripted([(b"half",), early, (b"rest",)])
    proxy = start_proxy(partner.port)
    client = connect(proxy)
    client.send(b"POST /x HTTP/1.1\r\nHost: @\r\nContent-Length: 8\r\n\r\nhalf")
    assert client.read(len(early)) == early
    client.send(b"rest")
    assert client.read_all() == b""
    assert [(each.status, each.whole) for each in proxy.kept()] == [(413, True)]


def test_an_end_looks_the_same_through_the_proxy(scripted, start_proxy, connect):
    """A partner that cannot be reached or resets is a reset; one that hangs hangs until the monolith leaves."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        free_port = closed.getsockname()[1]
    down = start_proxy(free_port)
    with pytest.raises(ConnectionError):  # while it connects, or later
        connect(down).exchange(REQUEST)
    assert down.kept() == []
    assert "cannot be reached" in down.warnings[0]

    partner = scripted(["read", "reset"], ["read", "hang"])
    proxy = start_proxy(partner.port)
    client = connect(proxy)
    client.send(REQUEST)
    with pytest.raises(ConnectionResetError):
        client.read(1)
    partner._closed.clear()
    client = connect(proxy)
    client.send(REQUEST)
    partner.wait_for_request()
    client.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.read(1)
    client.close()
    partner.wait_until_closed()
    proxy.stop()
    assert [(each.status, each.ended) for each in proxy.kept()] == [(None, "no-answer")] * 2


HOST = b"Host: @\r\n"
REFUSED = {
    "length and chunks": b"POST / HTTP/1.1\r\n%sContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\n%sContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a length with a sign": b"POST / HTTP/1.1\r\n%sContent-Length: +3\r\n\r\nabc",
    "a coding before chunked": b"POST / HTTP/1.1\r\n%sTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\n%sTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bare LF": b"POST / HTTP/1.1\r\n%sX: a\nContent-Length: 3\r\n\r\nabc",
    "a bare LF only": b"GET / HTTP/1.1\nHost: x\n\n%s",
    "a bare CR": b"GET / HTTP/1.1\r\n%sX: a\rContent-Length: 3\r\n\r\n",
    "a NUL": b"GET / HTTP/1.1\r\n%sX: a\x00b\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\n%sX: a\r\n b\r\n\r\n",
    "a space before the colon": b"POST / HTTP/1.1\r\n%sContent-Length : 3\r\n\r\nabc",
    "two hosts": b"GET / HTTP/1.1\r\n%sHost: other\r\n\r\n",
    "another protocol": b"GET / HTTP/2.0\r\n%s\r\n",
    "another host in the target": b"GET http://other/ HTTP/1.1\r\n%s\r\n",
    "a tunnel": b"CONNECT other:443 HTTP/1.1\r\n%s\r\n",
    "a head that is too long": b"GET / HTTP/1.1\r\n%sX: " + 70_000 * b"a" + b"\r\n\r\n",
    "a chunk of another size": b"POST / HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "a chunk size that is no number": b"POST / HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "a chunk line without CR": b"POST / HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
    "a trailer that is no header": b"PUT / HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n0\r\nGET / HTTP/1.1\r\n\r\n",
}


def test_a_request_that_can_be_read_in_two_ways_is_refused(scripted, start_proxy, connect):
    """The answer says why, the partner gets no whole request, and nothing counts as delivered."""
    partner = scripted(["read", OK])
    proxy = start_proxy(partner.port)
    answers = {}
    for case, request in REFUSED.items():
        client = connect(proxy)
        client.send(request.replace(b"%s", HOST))
        answers[case] = client.read_all()
        client.close()
    proxy.stop()
    refusals = re.compile(rb"HTTP/1.1 (4\d\d|501) .*does not pass this request on: ", re.DOTALL)
    assert {case: answer for case, answer in answers.items() if not refusals.match(answer)} == {}
    assert partner.requests == []
    assert [each for each in proxy.kept() if each.whole] == []


def test_a_slow_head_is_refused(scripted, start_proxy, connect):
    """A client that does not end its head holds no connection for ever."""
    partner = scripted(["hang"])
    client = connect(start_proxy(partner.port, limits=Limits(head_s=0.1)))
    client.send(b"GET / HTTP/1.1\r\nX: ")
    assert client.read_all().startswith(b"HTTP/1.1 408 ")


def test_an_offer_of_another_protocol_is_left_out(scripted, start_proxy, connect):
    """What is kept is all that was sent: no connection leaves HTTP/1.1."""
    partner = scripted([(b"\r\n\r\n",), LAST])
    client = connect(start_proxy(partner.port))
    client.send(
        b"GET / HTTP/1.1\r\nHost: @\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n"
    )
    assert client.read_all() == LAST
    assert partner.requests == [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: keep-alive\r\n\r\n" % partner.port
    ]


def test_no_secret_is_kept(scripted, start_proxy, connect):
    """Headers, values of a query and the body by which somebody signs in leave no trace; files are private."""
    partner = scripted([(b"rows",), OK, (b"cret4",), OK, (b"cret5",), OK, (b'cret6"}',), LAST])
    proxy = start_proxy(partner.port)
    client = connect(proxy)
    head = b"POST /in?key=cret1 HTTP/1.1\r\nHost: @\r\nAuthorization: Bearer cret2\r\nCookie: cret3\r\nContent-Length: "
    client.send(head + b"4\r\n\r\nrows")
    assert client.read(len(OK)) == OK
    form = b"grant_type=client_credentials&client_secret=cret4"
    client.send(head + b"%d\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n" % len(form) + form)
    assert client.read(len(OK)) == OK
    pieces = b"user=" + bytes(2 << 20).replace(b"\0", b"x") + b"&passw", b"ord=cret5"  # after what is written at once
    client.send(
        head + b"%d\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n" % sum(map(len, pieces)) + pieces[0]
    )
    client.send(pieces[1])
    assert client.read(len(OK)) == OK
    sign_in = b'{"user": "a", "password": "cret6"}'
    client.send(head + b"%d\r\n\r\n" % len(sign_in) + sign_in)
    assert client.read_all() == LAST
    files = [path for path in proxy.folder.rglob("*") if path.is_file()]
    assert b"cret" not in b"".join(path.read_bytes() for path in files)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert [each.size_bytes for each in proxy.kept()] == [4, 0, 0, 0]
    assert {each.path for each in proxy.kept()} == {"/in?key=***"}


def test_a_large_body_is_kept_as_it_passes(scripted, start_proxy, connect):
    """A body that is larger than what is held in memory arrives and is kept whole, before the answer is passed on."""
    body = bytes(range(256)) * 40_000 + b"the end"
    partner = scripted([(b"the end",), LAST])
    proxy = start_proxy(partner.port)
    client = connect(proxy)
    client.send(b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body))
    client.socket.sendall(body)
    assert client.read_all() == LAST
    (kept,) = proxy.kept()
    assert partner.requests[0].endswith(b"\r\n\r\n" + body)
    assert (kept.whole, kept.offset, kept.body.read_bytes() == body) == (True, None, True)


def test_what_cannot_be_kept_is_passed_on_and_counted(scripted, start_proxy, connect):
    """A full disk stops no delivery of the monolith; a comparison learns that something is missing."""
    partner = scripted([(b"abc",), LAST])
    proxy = start_proxy(partner.port)
    today = datetime.now(UTC).date()
    for day in (today, today + timedelta(days=1)):
        (proxy.folder / f"{day}").touch()  # so that no folder of the day can be made
    client = connect(proxy)
    client.send(REQUEST)
    assert client.read_all() == LAST
    assert lost_requests(proxy.folder) == 1


def test_many_connections_at_once(scripted, start_proxy, connect):
    """Two hundred requests under way at once each get their own answer."""
    partner = scripted([(b"}",), 0.2, LAST])
    proxy = start_proxy(partner.port)
    clients = [connect(proxy) for _ in range(200)]
    for number, client in enumerate(clients):
        client.send(b"POST /%d HTTP/1.1\r\nHost: @\r\nContent-Length: 2\r\n\r\n{}" % number)
    assert {client.read_all() for client in clients} == {LAST}
    assert {each.path for each in proxy.kept()} == {f"/{number}" for number in range(200)}


def test_tls_trusts_what_the_partners_file_says(scripted, start_proxy, connect, certificates):
    """The monolith speaks plain HTTP to the proxy, which checks the partner's certificate."""
    partner = scripted(["read", LAST], tls=certificates.server())
    client = connect(start_proxy(partner.port, tls=TlsFiles(certificates["ca.pem"])))
    client.send(REQUEST)
    assert client.read(len(LAST)) == LAST
    distrusting = start_proxy(partner.port, tls=TlsFiles())
    with pytest.raises(ConnectionError):
        connect(distrusting).exchange(REQUEST)
    assert "certificate" in distrusting.warnings[0]
    assert len(partner.requests) == 1


def test_only_one_proxy_of_a_partner_runs(scripted, start_proxy):
    """Two proxies would mix what they keep."""
    proxy = start_proxy(scripted(["hang"]).port)
    assert running_proxy(proxy.folder) == f"http://127.0.0.1:{proxy.port}"
    with pytest.raises(TryLater, match=str(proxy.port)), sole_proxy(proxy.folder):
        pass
    proxy.stop()
    assert running_proxy(proxy.folder) == ""
