"""What is kept of requests, and what happens where it cannot be kept."""

import asyncio
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from poc.capture import request_store
from poc.capture.journal_reader import FIRST_POSITION, journal_end, read_requests
from poc.capture.request_head import parse_head
from poc.capture.request_store import RequestStore

HEAD = parse_head(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", b"b")


def run_apart(coroutine):
    """Run a coroutine in a thread of its own: tests in a browser keep an event loop in the main one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


async def keep(store, content=b"abc"):
    """Keep a request that the partner takes."""
    request = store.begin(HEAD)
    await request.add([content])
    request.finish(whole=True)
    await request.outcome(200, "complete", 0.1)
    return request


def test_a_line_that_a_full_disk_cuts_spoils_no_other_one(tmp_path, monkeypatch):
    """Requests before and after are read, and the one that could not be kept is counted once."""
    write_all, lost = request_store.write_all, []

    def cut(fd, data):
        write_all(fd, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    async def run():
        store = RequestStore(tmp_path, lambda _: None, lost.append)
        await keep(store)
        monkeypatch.setattr(request_store, "write_all", cut)
        await keep(store)
        monkeypatch.setattr(request_store, "write_all", write_all)
        await keep(store)

    run_apart(run())
    kept = read_requests(tmp_path, FIRST_POSITION, journal_end(tmp_path))
    assert [(each.whole, each.status, each.kept) for each in kept] == [(True, 200, True)] * 2
    assert lost == [1]


def test_a_request_that_lasts_over_midnight_ends_in_the_journal_of_its_day(tmp_path):
    """The journal of a day stays open as long as a request needs it, and no longer."""

    async def run():
        store = RequestStore(tmp_path, lambda _: None, lambda _: None)
        request = store.begin(HEAD)
        fd = request.journal.fd
        for day in ("9000-01-01", "9000-01-02"):
            store._journal_of(day)
        await request.add([b"abc"])
        request.finish(whole=True)
        await request.outcome(200, "complete", 0.1)
        identity = os.fstat(fd).st_ino
        del request
        return fd, identity

    fd, identity = run_apart(run())
    (first,) = read_requests(tmp_path, FIRST_POSITION, journal_end(tmp_path))
    assert (first.status, first.body.stat().st_ino) == (200, identity)
    assert fd not in open_files(tmp_path)


def open_files(folder):
    """The numbers of this process's open files below a folder."""
    return {
        int(link.name)
        for link in Path("/proc/self/fd").iterdir()
        if link.exists() and link.readlink().is_relative_to(folder)
    }
