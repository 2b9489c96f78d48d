"""Locks of a partner's capture: one proxy at a time, and one watch of the same paths."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from metrics.private_files import open_private
from poc.errors import TryLater

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROXY, WATCH, OTHERS = "proxy.lock", "watch.lock", "others.lock"

#: The folder with a file for each open watch, which is locked and holds its pattern of paths.
WATCHES = "watches"

#: The most bytes of a pattern.
MAX_PATTERN_BYTES = 64 * 1024

#: Characters at which the fixed beginning of a pattern ends.
WILDCARDS = re.compile(r"[*?\[]")

#: Seconds between two looks at something that another process changes.
LOOK_S = 0.02

#: The size of what a lock file says.
STATE_BYTES = 120


@contextmanager
def sole_proxy(folder: Path) -> Iterator[int]:
    """Hold the place of a partner's proxy; yield the open file of its address. Raises TryLater, OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = open_private(str(folder / PROXY), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        if not try_lock(fd):
            address = read_state(folder / PROXY)[0]
            raise TryLater(
                f"{folder.name}: another `milepost capture` of this partner listens on {address}; end it first"
            )
        yield fd
    finally:
        os.close(fd)


def write_address(fd: int, address: str, lost: int) -> None:
    """Write where a proxy listens, and how many requests it could not keep, into its lock file.

    The text always has the same length, so that it can be written on a full disk as well. Raises OSError.
    """
    text = json.dumps({"address": address, "lost": lost, "pid": os.getpid()})
    os.pwrite(fd, text.ljust(STATE_BYTES).encode(), 0)


def read_state(path: Path) -> tuple[str, int]:
    """Return the address in the lock file of a proxy, empty if there is none, and how many requests were not kept."""
    try:
        state = json.loads(path.read_bytes())
        return str(state["address"]), int(state["lost"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0


def running_proxy(folder: Path) -> str:
    """Return the address of a partner's proxy, empty if none runs."""
    try:
        fd = os.open(folder / PROXY, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        return "" if try_lock(fd) else read_state(folder / PROXY)[0]
    finally:
        os.close(fd)


@contextmanager
def sole_watch(folder: Path, partner: str, paths: str, wait_s: float) -> Iterator[None]:
    """Hold the only watch of these paths of a partner; watches of other paths may be open meanwhile.

    Raises TryLater where no proxy runs, or a watch of paths that may be the same stays open.
    """
    if not running_proxy(folder):
        raise TryLater(f"{partner}: nothing sees what its monolith sends; start `milepost capture {partner}`")
    (folder / WATCHES).mkdir(mode=0o700, exist_ok=True)
    path = folder / WATCHES / secrets.token_hex(8)
    fd = open_private(str(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        if not wait_until(lambda: _register(folder, path, fd, paths), wait_s):
            raise TryLater(
                f"{partner}: another file of it is at its monolith; only files of feeds whose `paths` in `output` "
                "begin differently can be watched at the same time"
            )
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)


def _register(folder: Path, path: Path, fd: int, paths: str) -> bool:
    """Enter a watch among the open ones, unless one of them may have the same paths; return whether it was."""
    guard = open_private(str(folder / WATCH), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)  # it is held for a moment only
        for other in (folder / WATCHES).iterdir():
            if other != path and may_overlap(paths, _open_pattern(other)):
                return False
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.pwrite(fd, paths.encode(), 0)
        return True
    finally:
        os.close(guard)


def _open_pattern(path: Path) -> str | None:
    """Return the pattern of an open watch, None for one that has not been entered yet, or whose process died."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        pattern = os.pread(fd, MAX_PATTERN_BYTES, 0).decode()
        if try_lock(fd):
            if pattern:  # its process died
                path.unlink(missing_ok=True)
            return None
        return pattern
    finally:
        os.close(fd)


def may_overlap(paths: str, others: str | None) -> bool:
    """Return whether a path may match both patterns: not if they begin differently before their first wildcard."""
    if others is None:
        return False
    first, second = (WILDCARDS.split(pattern, maxsplit=1)[0] for pattern in (paths, others))
    return first.startswith(second) or second.startswith(first)


@contextmanager
def sending_unwatched(folder: Path) -> Iterator[None]:
    """Let a watch of the partner know that the monolith works on a file of another feed during the block."""
    if not folder.is_dir():
        yield
        return
    fd = open_private(str(folder / OTHERS), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)  # a watch holds it for a moment only
        os.write(fd, b".")
        yield
    finally:
        os.close(fd)


def others_sending(folder: Path) -> tuple[bool, int]:
    """Return whether the monolith works on a file that nothing watches, and how many such files there were."""
    fd = open_private(str(folder / OTHERS), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        return not try_lock(fd), os.fstat(fd).st_size
    finally:
        os.close(fd)


def lost_requests(folder: Path) -> int:
    """Return how many requests the proxy that started last could not keep."""
    return read_state(folder / PROXY)[1]


def has_ended(folder: Path, ended: Callable[[], bool], wait_s: float) -> None:
    """Wait for requests that are under way, while the proxy runs and at most so long."""
    wait_until(lambda: ended() or not running_proxy(folder), wait_s)


def wait_until(condition: Callable[[], bool], wait_s: float) -> bool:
    """Wait until a condition holds; return whether it does."""
    deadline_s = time.monotonic() + wait_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(LOOK_S)
    return True


def try_lock(fd: int) -> bool:
    """Lock an open file, if no other one has it locked."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
