"""The inbox: files that partners' systems hand in, and where they go once they need no further run."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from poc.errors import TryLater

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from poc.config import Feed, Workspace

#: Endings of files that are still being written.
UNFINISHED = (".part", ".tmp", ".filepart")

#: Where a file goes by its outcome; one that failed stays in the inbox for the next run.
PLACES = {"done": "archive", "already_received": "archive", "refused": "refused"}


def handed_in(folder: Path, feed: Feed) -> list[Path]:
    """Files of a feed, by name.

    What is hidden, has the ending of an unfinished file, or is not a regular file of the inbox itself is left alone.
    """
    return [
        path
        for path in sorted(folder.glob(feed.files))
        if not path.name.startswith(".")
        and not path.name.endswith(UNFINISHED)
        and not path.is_symlink()
        and path.is_file()
    ]


def all_handed_in(workspace: Workspace, name: str | None) -> list[Path]:
    """Files of every feed that PARTNER or PARTNER/FEED names; of all feeds for None. Raises BadInput."""
    return [
        path
        for partner, feed in workspace.pick(name)
        for path in handed_in(workspace.inbox(partner, feed), workspace.find(partner, feed)[1])
    ]


def waiting(folder: Path, feed: Feed, now: datetime) -> list[Path]:
    """Files that are whole: those that changed less than `settle_s` ago may still be written, and are left alone."""
    return [path for path in handed_in(folder, feed) if now.timestamp() - path.stat().st_mtime >= feed.settle_s]


def strays(workspace: Workspace) -> list[Path]:
    """Files below the inbox that belong to no feed, and so would lie there unseen: a folder or a name misspelt."""
    inbox = workspace.root / "var" / "inbox"
    expected = set(all_handed_in(workspace, None))
    return [
        path
        for path in sorted(inbox.rglob("*"))
        if path.is_file()
        and path not in expected
        and not path.name.startswith(".")
        and not path.name.endswith(UNFINISHED)
    ]


def put_away(workspace: Workspace, partner: str, feed: str, path: Path, outcome: str, digest: str) -> Path:
    """Move a file out of the inbox by its outcome; nothing is ever overwritten. Returns where it is now."""
    if outcome not in PLACES:
        return path
    folder = workspace.done(partner, feed, PLACES[outcome])
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}.{digest[:8]}.{number}{path.suffix}"
    return path.rename(target)


@contextmanager
def alone(workspace: Workspace) -> Iterator[None]:
    """Hold the workspace's lock: one run at a time. The lock ends with its process, however that ends.

    Raises:
        TryLater: another run is under way.
    """
    path = workspace.root / "var" / "run.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise TryLater(f"{workspace.root}: another run is under way; try again when it has ended") from error
    else:
        yield
    finally:
        os.close(fd)
