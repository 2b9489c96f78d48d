"""What a monolith sent for one file: from the proxy, and from a folder."""

import http.client
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from poc.capture.journal_reader import FIRST_POSITION, CapturedRequest, journal_end, read_requests
from poc.capture.proxy_lock import sending_unwatched
from poc.capture.records import summarise, watch_folder, watch_http
from poc.errors import TryLater

ANSWER = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n"


def request(body, status=200, ended="complete", key="", method="POST", **more):
    """A captured request; the name of its body is its content."""
    fixed = CapturedRequest("id", "", method, "/in", "", "", key, Path(body), None, True, 3, body, status, ended, 0.1)
    return replace(fixed, **more)


TAKEN = {
    "refused, then taken, counts once": ([request("a", 503), request("a")], "a", (0, 0, 1, 0)),
    "an open end, then taken, may be there twice": ([request("a", None, "no-answer"), request("a")], "a", (0, 0, 1, 1)),
    "an open end with the key of the one taken": (
        [request("a", None, "no-answer", "k"), request("a", key="k")], "a", (0, 0, 1, 0),
    ),
    "taken twice with one key counts once": ([request("a", key="k"), request("a", key="k")], "a", (0, 0, 1, 0)),
    "taken twice with two keys counts twice": ([request("a", key="k"), request("a", key="l")], "aa", (0, 0, 0, 0)),
    "taken twice without a key counts twice": ([request("a"), request("a")], "aa", (0, 0, 0, 0)),
    "put twice counts once": ([request("a", method="PUT"), request("a", method="PUT")], "a", (0, 0, 1, 0)),
    "never taken": ([request("a", 400), request("a", 503), request("b", 302)], "", (2, 0, 1, 0)),
    "a cut success and an answer that never came": (
        [request("a", ended="cut"), request("b", None, ""), request("c", 500, "cut")], "", (1, 2, 0, 0),
    ),
    "an answer that promises less": ([request("a", 207), request("b", 206), request("c", 201)], "c", (2, 0, 0, 0)),
    "not all was sent": ([request("a", None, "no-answer", whole=False)], "", (0, 1, 0, 0)),
    "no delivery": ([request("", method="GET"), request("", size_bytes=0)], "", (0, 0, 0, 0)),
}  # fmt: skip


@pytest.mark.parametrize("case", TAKEN)
def test_only_what_the_partner_took_is_sent_and_a_repeated_body_counts_once(case):
    """Bodies in their order, with counts of those that were refused, unknown, repeated, and that may be there twice."""
    requests, bodies, counts = TAKEN[case]
    sent = summarise(requests)
    assert "".join(str(body.path) for body in sent.bodies) == bodies
    assert (sent.refused, sent.unknown, sent.repeated, sent.maybe_twice) == counts


def post(port, body, path="/flights"):
    """Send a body as a monolith does; return the status of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, body)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_watch_sees_the_requests_of_its_block_alone(scripted, start_proxy, tmp_path):
    """What went through the proxy before and after belongs to other files; small and large bodies are read alike."""
    proxy = start_proxy(scripted(["read", ANSWER % 200, "read", ANSWER % 200]).port)
    root = proxy.folder.parents[2]
    (root / "var").mkdir(exist_ok=True)
    (root / "var" / "capture").symlink_to(proxy.folder.parent)
    post(proxy.port, b'{"n":0}')
    large = b'{"n":2}\n' * 50_000
    with watch_http(root, proxy.folder.name) as watch:
        post(proxy.port, b'{"n":1}')
        post(proxy.port, large)
        assert watch.sent.problem
        with pytest.raises(TryLater, match="another file"), watch_http(root, proxy.folder.name, wait_s=0.05):
            pass
    end = journal_end(proxy.folder)
    post(proxy.port, b'{"n":3}')
    assert [len(read_requests(proxy.folder, FIRST_POSITION, to)) for to in (end, journal_end(proxy.folder))] == [3, 4]
    records = [record["n"] for record in watch.sent.records()]
    assert records == ["1", *["2"] * 50_000]
    assert (watch.sent.problem, watch.sent.size_bytes) == ("", len(large) + 7)
    proxy.stop()
    with pytest.raises(TryLater, match="milepost capture"), watch_http(root, proxy.folder.name):
        pass


@pytest.mark.parametrize("when", ["before", "during"])
def test_requests_of_two_feeds_at_once_are_not_taken_for_those_of_one(scripted, start_proxy, tmp_path, when):
    """A watch says that it cannot tell them apart, also where the other feed began first; with `paths`, it can."""
    proxy = start_proxy(scripted(["read", ANSWER % 200, "read", ANSWER % 200]).port)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "capture").symlink_to(proxy.folder.parent)
    for paths, problem in {"*": True, "/flights": False}.items():
        with ExitStack() as other:
            if when == "before":
                other.enter_context(sending_unwatched(proxy.folder))
            with watch_http(tmp_path, proxy.folder.name, paths=paths) as watch:
                if when == "during":
                    other.enter_context(sending_unwatched(proxy.folder))
                post(proxy.port, b"{}")
        assert ("another feed" in watch.sent.problem) is problem


def test_a_folder_gives_the_files_that_are_new_or_changed(tmp_path):
    """Files that lay there before are those of other files; the order is that in which they were written."""
    out = tmp_path / "out"
    out.mkdir()
    for name in ("old.csv", "changed.csv"):
        (out / name).write_text("a\n1\n")
    with watch_folder(tmp_path, "out/*.csv") as watch:
        (out / "changed.csv").write_text("a\n22\n")
        (out / "new.csv").write_text("a\n3\n")
        (out / "new.txt").write_text("a\n4\n")
    assert sorted(record["a"] for record in watch.sent.records()) == ["22", "3"]


def test_watches_of_other_paths_are_open_side_by_side(scripted, start_proxy, tmp_path):
    """Each sees its own requests; one whose paths may be the same waits, unless the process of the other died."""
    proxy = start_proxy(scripted(["read", ANSWER % 200, "read", ANSWER % 200]).port)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "capture").symlink_to(proxy.folder.parent)
    name = proxy.folder.name
    with watch_http(tmp_path, name, paths="/orders*") as orders:
        with watch_http(tmp_path, name, paths="/order-lines/*", wait_s=0) as lines:
            post(proxy.port, b'{"n":1}', "/orders/1")
            post(proxy.port, b'{"n":2}', "/order-lines/1")
        with pytest.raises(TryLater, match="begin differently"), watch_http(tmp_path, name, paths="/or*", wait_s=0):
            pass
    for watch, number in ((orders, "1"), (lines, "2")):
        assert [record["n"] for record in watch.sent.records()] == [number]
    (proxy.folder / "watches/0123").write_text("/orders*")
    with watch_http(tmp_path, name, paths="/orders*", wait_s=0):
        assert len(list((proxy.folder / "watches").iterdir())) == 1
