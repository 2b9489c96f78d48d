"""A bucket as a place, by the six verbs, at a real server."""

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import ClassVar

import pytest

from poc.config.place import PlaceConfig
from poc.errors import FileStillChanging, PlaceRefused, PlaceUnavailable
from poc.places.registry import open_place

KEYS = {"S3_ID": "test", "S3_SECRET": "test"}


def place_at(endpoint_url, bucket, **settings):
    """Return the place of a folder in a bucket."""
    keys = {"access_key_id": "${env:S3_ID}", "secret_access_key": "${env:S3_SECRET}"}
    config = PlaceConfig(url=f"s3://{bucket}/out", endpoint_url=endpoint_url, **keys, **settings)
    return open_place(config, KEYS, Path())


@pytest.fixture
def place(s3_bucket):
    """A folder in a bucket, with one object; others lie beside it and below it."""
    s3_bucket.put("out/a.csv", b"one\n")
    s3_bucket.put("out/below/c.csv", b"three\n")
    s3_bucket.put("other.csv", b"two\n")
    with place_at(s3_bucket.endpoint_url, s3_bucket.name) as place:
        yield place


def test_an_object_is_seen_and_read(place):
    """What a look shows is what its name finds, and is read as it is; other folders are left out."""
    (seen,) = place.look()
    assert (seen.name, seen.size_bytes) == ("a.csv", 4)
    assert place.found("a.csv") == seen
    assert place.found("b.csv") is None
    assert b"".join(place.read(seen)) == b"one\n"


def test_objects_on_several_pages_are_seen(place, s3_bucket):
    """A server lists so many objects at once, at most a thousand, and says that there are more."""
    for number in range(5):
        s3_bucket.put(f"out/n{number}", b"")
    place._client._client.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: params | {"MaxKeys": 2}
    )
    assert [seen.name for seen in place.look()] == ["a.csv", *(f"n{number}" for number in range(5))]


def test_an_object_that_was_overwritten_or_deleted_since_it_was_seen_is_not_read(place, s3_bucket):
    """The bytes of another version are never taken for those that were seen."""
    (seen,) = place.look()
    s3_bucket.put("out/a.csv", b"two\n")
    with pytest.raises(FileStillChanging):
        list(place.read(seen))
    s3_bucket.client.delete_object(Bucket=s3_bucket.name, Key="out/a.csv")
    with pytest.raises(FileStillChanging):
        list(place.read(seen))


@pytest.mark.parametrize("size_bytes", [10, 9 << 20], ids=["at once", "in parts"])
def test_a_name_is_written_once(place, s3_bucket, size_bytes):
    """The same bytes again are `same`, others are a conflict, and leave what is there."""
    first, second = b"a" * size_bytes, b"a" * (size_bytes - 1) + b"b"
    assert place.put_new("b.csv", BytesIO(first)) == "made"
    assert place.put_new("b.csv", BytesIO(first)) == "same"
    assert place.put_new("b.csv", BytesIO(second)) == "conflict"
    assert s3_bucket.get("out/b.csv") == first


def test_of_two_uploads_in_parts_of_one_name_the_later_end_is_a_conflict(place, s3_bucket, monkeypatch):
    """The other writer came between our look and the end of our upload."""
    body = BytesIO(b"a" * (9 << 20))
    monkeypatch.setattr(
        place, "found", lambda name: monkeypatch.undo() or s3_bucket.put("out/b.csv", b"theirs") or None
    )
    assert place.put_new("b.csv", body) == "conflict"
    assert s3_bucket.get("out/b.csv") == b"theirs"
    assert "Uploads" not in s3_bucket.client.list_multipart_uploads(Bucket=s3_bucket.name)


def test_parts_that_a_crash_left_are_deleted_by_the_next_upload_of_their_name(place, s3_bucket):
    """They are no object, but cost money; those of other names are left."""
    for key in ("out/b.csv", "out/b.csv.other"):
        s3_bucket.client.create_multipart_upload(Bucket=s3_bucket.name, Key=key)
    assert place.put_new("b.csv", BytesIO(b"a" * (9 << 20))) == "made"
    uploads = s3_bucket.client.list_multipart_uploads(Bucket=s3_bucket.name)["Uploads"]
    assert [upload["Key"] for upload in uploads] == ["out/b.csv.other"]


def test_an_object_is_replaced(place, s3_bucket):
    """What has the name is overwritten."""
    place.replace("a.csv", BytesIO(b"two\n"))
    assert s3_bucket.get("out/a.csv") == b"two\n"


def test_an_object_is_moved_or_deleted_once(place, s3_bucket):
    """One of the same name in the subfolder is kept, a changed one is left, and one that is gone is success."""
    s3_bucket.put("out/done/a.csv", b"before\n")
    (seen,) = place.look()
    place.take_away(seen, "done/")
    place.take_away(seen, "done/")
    assert place.look() == []
    assert (s3_bucket.get("out/done/a.csv"), s3_bucket.get("out/done/a.2.csv")) == (b"before\n", b"one\n")
    s3_bucket.put("out/a.csv", b"new\n")
    with pytest.raises(FileStillChanging):
        place.take_away(seen)
    place.take_away(place.found("a.csv"))
    assert "out/a.csv" not in s3_bucket.all_keys()


def test_a_large_object_is_moved_in_parts(place, s3_bucket, monkeypatch):
    """A server copies 5 GiB at once, at most."""
    s3_bucket.put("out/large", b"a" * (5 << 20) + b"b")
    monkeypatch.setattr("poc.places.s3.upload.COPY_BYTES", 5 << 20)
    place.take_away(place.found("large"), "done")
    assert s3_bucket.get("out/done/large") == b"a" * (5 << 20) + b"b"


def test_a_bucket_that_does_not_exist_is_named(s3_bucket):
    """A person reads which bucket, and on which server."""
    with place_at(s3_bucket.endpoint_url, "no-such-bucket") as place, pytest.raises(PlaceRefused) as refusal:
        place.look()
    assert refusal.value.code == "path"
    assert str(refusal.value) == f"s3://no-such-bucket/out: {s3_bucket.endpoint_url} has no bucket no-such-bucket"


def test_credentials_are_found_as_amazons_own_tools_find_them(s3_bucket, monkeypatch, tmp_path):
    """Without keys in the settings: variables, files, roles. Where there are none, the error says what to set."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    config = PlaceConfig(url=f"s3://{s3_bucket.name}", endpoint_url=s3_bucket.endpoint_url)
    with open_place(config, {}, Path()) as place, pytest.raises(PlaceRefused, match="no credentials") as refusal:
        place.look()
    assert refusal.value.code == "sign-in"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with open_place(config, {}, Path()) as place:
        assert place.look() == []


class Answers(BaseHTTPRequestHandler):
    """Gives each request the next of the answers: a status, headers and a body; None hangs until the server ends."""

    answers: ClassVar[list] = []
    requests: ClassVar[list] = []
    over = threading.Event()

    def answer(self):
        """Answer a request."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.requests.append(dict(self.headers))
        answer = self.answers.pop(0)
        if answer is None:
            self.over.wait(60)
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", headers.get("X-Length", len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def answers():
    """A server with the answers to give, and a place there."""
    Answers.answers, Answers.requests, Answers.over = [], [], threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        with place_at(f"http://127.0.0.1:{server.server_port}", "orders", timeout_s=30) as place:
            yield Answers, place
        Answers.over.set()
        server.shutdown()
        thread.join()


def failure(status, code, **details):
    """Return an answer of S3 that is a failure."""
    rest = "".join(f"<{name}>{value}</{name}>" for name, value in details.items())
    return status, {}, f"<Error><Code>{code}</Code><Message>no</Message>{rest}</Error>".encode()


@pytest.mark.parametrize(
    ("answer", "code", "part"),
    [
        (failure(403, "AccessDenied"), "rights", "the right s3:ListBucket on the bucket orders"),
        (failure(403, "InvalidAccessKeyId"), "sign-in", "`access_key_id`"),
        (failure(403, "SignatureDoesNotMatch"), "sign-in", "`secret_access_key`"),
        (failure(400, "AuthorizationHeaderMalformed", Region="eu-west-3"), "settings", '`region = "eu-west-3"`'),
        (failure(501, "NotImplemented"), "settings", "NotImplemented"),
    ],
)
def test_a_refusal_says_what_would_be_right(answers, answer, code, part):
    """A person corrects rights, credentials and region by the message alone."""
    server, place = answers
    server.answers = [answer] * 4
    with pytest.raises(PlaceRefused) as refusal:
        place.look()
    assert refusal.value.code == code
    assert part in str(refusal.value)


def test_a_wrong_clock_is_told_with_its_difference(answers):
    """S3 refuses requests from clocks that are more than 15 minutes off."""
    server, place = answers
    sent, theirs = datetime(2026, 12, 1, 12, tzinfo=UTC), datetime(2026, 12, 1, 12, tzinfo=UTC) + timedelta(hours=1)
    times = {"RequestTime": f"{sent:%Y%m%dT%H%M%SZ}", "ServerTime": theirs.isoformat().replace("+00:00", "Z")}
    server.answers = [failure(403, "RequestTimeTooSkewed", **times)]
    with pytest.raises(PlaceRefused, match="the clock of this machine is 3,600 s behind the server's") as refusal:
        place.look()
    assert refusal.value.code == "clock"


def test_a_server_that_hangs_is_given_up_at_the_deadline(answers):
    """It may have had the request, so that one looks before it is repeated."""
    server, place = answers
    server.answers = [None]
    assert place._client._client  # made before the deadline begins
    place._client._timeout_s = 1
    with pytest.raises(PlaceUnavailable) as failure:
        place.put_new("a.csv", BytesIO(b"one\n"))
    assert (failure.value.code, failure.value.unknown) == ("timeout", True)


def test_a_read_that_was_cut_goes_on_where_it_was(answers):
    """The second request asks for the rest of the version that was seen."""
    server, place = answers
    headers = {"ETag": '"v1"', "Last-Modified": "Tue, 01 Dec 2026 12:00:00 GMT"}
    size_bytes = 3 << 20
    server.answers = [
        (200, headers | {"X-Length": size_bytes}, b""),
        (200, headers | {"X-Length": size_bytes}, b"a" * (2 << 20)),
        (206, headers, b"b" * (1 << 20)),
    ]
    seen = place.found("a.csv")
    assert b"".join(place.read(seen)) == b"a" * (2 << 20) + b"b" * (1 << 20)
    rest = server.requests[2]
    assert (rest["Range"], rest["If-Match"]) == (f"bytes={2 << 20}-", '"v1"')
