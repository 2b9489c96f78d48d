"""Web addresses as a place, pulled from a small server that answers as it is told."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest

from poc.config.place import PlaceConfig
from poc.errors import FileStillChanging, PlaceRefused, PlaceUnavailable
from poc.places.registry import open_place

DATE = "Tue, 01 Dec 2026 12:00:00 GMT"


class Server(ThreadingHTTPServer):
    """Gives each request the next of the answers: a status, headers and a body; the bodies of HEAD are left out.

    `Content-Length` is that of the body, unless the answer says another one, or None.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.requests, self.over = [], [], threading.Event()

    def handle_error(self, request, client_address):
        """Print nothing: clients that have seen enough hang up."""

    def place(self, path="/prices.csv", scheme="http", root=Path(), **settings):
        """Return the place of an address of the server."""
        config = PlaceConfig(url=f"{scheme}://127.0.0.1:{self.server_port}{path}", **settings)
        return open_place(config, {"TOKEN": "secret"}, root)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self):
        """Give the next answer."""
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        status, headers, body = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in ({"Content-Length": len(body)} | headers).items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "GET" and status != 304:
            self.wfile.write(body)
        if headers.get("X-Then") == "hang":
            self.wfile.flush()
            self.server.over.wait(60)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def server():
    """A server that is told its answers."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def version(etag, body, status=200, **headers):
    """Return an answer with a version of a file."""
    return status, {"ETag": etag, "Last-Modified": DATE} | {k.replace("_", "-"): v for k, v in headers.items()}, body


def test_a_file_is_seen_and_read(server):
    """Its name is the last part of its address, and its mark is the ETag."""
    server.answers = [version('"v1"', b"one\n")] * 2
    with server.place() as place:
        (seen,) = place.look()
        assert (seen.name, seen.size_bytes, seen.mark) == ("prices.csv", 4, '"v1"')
        assert b"".join(place.read(seen)) == b"one\n"
    assert [request[0] for request in server.requests] == ["HEAD", "GET"]


def test_several_files_have_names_of_their_own_and_a_secret_header(server):
    """One that is not there yet is left out; the secret goes with every request."""
    server.answers = [version('"v1"', b"one\n"), (404, {}, b"")]
    files = {"a.csv": "export?format=csv", "b.csv": "b"}
    with server.place("/v1/", files=files, secret_headers={"X-Key": "${env:TOKEN}"}) as place:
        assert [seen.name for seen in place.look()] == ["a.csv"]
    assert [(path, headers["X-Key"]) for _, path, headers in server.requests] == [
        ("/v1/export?format=csv", "secret"), ("/v1/b", "secret"),
    ]  # fmt: skip


def test_an_address_is_sent_encoded_and_its_query_as_it_is(server):
    """People write addresses with spaces and umlauts."""
    server.answers = [version('"v1"', b"one\n"), version('"v1"', b"one\n")]
    with server.place("/a b/prüfung%20.csv") as place:
        assert [seen.name for seen in place.look()] == ["prüfung%20.csv"]
    with server.place("/ü/", files={"a.csv": "x?y=%20z"}) as place:
        place.look()
    assert [path for _, path, _ in server.requests] == ["/a%20b/pr%C3%BCfung%20.csv", "/%C3%BC/x?y=%20z"]


def test_a_file_that_has_not_changed_is_asked_for_by_its_etag(server):
    """The answer 304 tells what was seen before."""
    server.answers = [version('"v1"', b"one\n"), (304, {"ETag": '"v1"', "Content-Length": None}, b"")]
    with server.place() as place:
        assert place.look() == place.look()
    assert server.requests[1][2]["If-None-Match"] == '"v1"'


def test_a_server_that_knows_no_head_is_asked_by_get(server):
    """The body is not read for a look."""
    server.answers = [(405, {}, b""), version('"v1"', b"x" * (64 << 10))]
    with server.place() as place:
        assert place.look()[0].size_bytes == 64 << 10


HALF = 2 << 20


@pytest.mark.parametrize(
    "rest",
    [
        version('"v1"', b"b" * HALF, 206, Content_Range=f"bytes {HALF}-{2 * HALF - 1}/{2 * HALF}"),
        version('"v1"', b"a" * HALF + b"b" * HALF),
    ],
    ids=["ranges", "no ranges"],
)
def test_a_download_that_is_cut_goes_on(server, rest):
    """A server without ranges sends the file again from its beginning, and what was read already is skipped."""
    whole = version('"v1"', b"a" * HALF, Content_Length=2 * HALF)
    server.answers = [whole, whole, rest]
    with server.place() as place:
        assert b"".join(place.read(place.found("prices.csv"))) == b"a" * HALF + b"b" * HALF
    asked = server.requests[2][2]
    assert (asked["Range"], asked["If-Range"]) == (f"bytes={HALF}-", '"v1"')


@pytest.mark.parametrize(
    "later",
    [
        version('"v2"', b"c" * 2 * HALF),
        version('"v2"', b"c" * HALF, 206, Content_Range=f"bytes {HALF}-{2 * HALF - 1}/{2 * HALF}"),
        version('"v1"', b"c" * HALF, 206, Content_Range=f"bytes 0-{HALF - 1}/{2 * HALF}"),
        version('"v1"', b"c" * HALF, 206, Content_Range=f"bytes {HALF}-{2 * HALF - 1}/{9 * HALF}"),
        (416, {}, b""),
        (404, {}, b""),
    ],
    ids=["whole", "part of another", "another part", "another size", "no such part", "gone"],
)
def test_a_file_that_changes_in_the_middle_of_its_download_is_given_up(server, later):
    """Parts of two versions are never joined."""
    whole = version('"v1"', b"a" * HALF, Content_Length=2 * HALF)
    server.answers = [whole, whole, later]
    with server.place() as place, pytest.raises(FileStillChanging):
        list(place.read(place.found("prices.csv")))


def test_a_file_that_changed_since_it_was_seen_is_not_read(server):
    """The next look sees the new version."""
    server.answers = [version('"v1"', b"one\n"), version('"v2"', b"two\n")]
    with server.place() as place, pytest.raises(FileStillChanging):
        list(place.read(place.found("prices.csv")))


def test_a_download_without_a_strong_etag_is_not_resumed(server):
    """Only a strong ETag says that the rest belongs to the same bytes."""
    cut = version('W/"v1"', b"a", Content_Length=2)
    server.answers = [cut, cut]
    with server.place() as place, pytest.raises(PlaceUnavailable, match="1 bytes are missing"):
        list(place.read(place.found("prices.csv")))


@pytest.mark.parametrize(
    ("answer", "error", "code", "part"),
    [
        (version('"v1"', b"", Content_Length=None), PlaceRefused, "settings", "Content-Length"),
        ((200, {}, b"one\n"), PlaceRefused, "settings", "neither `ETag` nor `Last-Modified`"),
        ((401, {}, b""), PlaceRefused, "sign-in", "`secret_headers`"),
        ((403, {}, b""), PlaceRefused, "rights", "403"),
        ((302, {"Location": "https://other/?key=secret"}, b""), PlaceRefused, "path", "'https://other/'"),
        ((503, {"Retry-After": "120"}, b""), PlaceUnavailable, "server", "to wait 120 s"),
        ((400, {}, b""), PlaceRefused, "path", "400"),
    ],
)
def test_an_answer_that_gives_no_file_says_why(server, answer, error, code, part):
    """A person reads the address, the status and what would be right."""
    server.answers = [answer]
    with server.place() as place, pytest.raises(error) as failure:
        place.look()
    assert failure.value.code == code
    assert str(failure.value).startswith(place.address)
    assert part in str(failure.value)


def test_the_query_of_a_file_is_not_shown(server):
    """It may hold a token."""
    server.answers = [(403, {}, b"")]
    with server.place("/v1", files={"a.csv": "export?token=geheim"}) as place, pytest.raises(PlaceRefused) as refused:
        place.look()
    assert "/v1/export: answered 403" in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_a_server_that_stops_in_the_middle_is_given_up_at_the_deadline(server):
    """A byte now and then gains no time."""
    server.answers = [version('"v1"', b"one\n"), version('"v1"', b"o", Content_Length=4, X_Then="hang")]
    with server.place() as place:
        seen = place.found("prices.csv")
        place._timeout_s = 0.3
        with pytest.raises(PlaceUnavailable) as failure:
            list(place.read(seen))
    assert failure.value.code == "timeout"


def test_a_certificate_that_is_not_trusted_is_explained(server, certificates):
    """With the certificate of its issuer as `ca_file`, the same server is trusted."""
    server.socket = certificates.server().wrap_socket(server.socket, server_side=True)
    with server.place(scheme="https") as place, pytest.raises(PlaceRefused, match="`ca_file`") as refusal:
        place.look()
    assert refusal.value.code == "tls"
    server.answers = [version('"v1"', b"one\n")]
    with server.place(scheme="https", ca_file="ca.pem", root=certificates.folder) as place:
        assert place.look()[0].mark == '"v1"'


def test_an_address_without_tls_is_told_from_one_with(server):
    """A person who wrote `https` for a plain port reads that it is one."""
    with server.place(scheme="https") as place, pytest.raises(PlaceRefused, match="speaks no TLS") as refusal:
        place.look()
    assert refusal.value.code == "tls"


def test_nothing_is_written_at_a_web_address(server):
    """The error says that it can only be read."""
    with server.place() as place, pytest.raises(PlaceRefused, match="can only be read"):
        place.put_new("a.csv", BytesIO(b"one\n"))
