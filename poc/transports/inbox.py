"""The inbox: files that partners' systems hand in, and where they go once they need no further run."""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from poc.errors import BadInput, TryLater

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from poc.config.partner import Feed
    from poc.config.workspace import Workspace

#: Endings of files that are still being written.
UNFINISHED = (".part", ".tmp", ".filepart")

#: Where a file goes by its outcome; one that failed stays in the inbox for the next run.
PLACES = {"done": "archive", "already_received": "archive", "refused": "refused"}


def handed_in(folder: Path, feed: Feed) -> list[Path]:
    """Files of a feed, by name.

    What is hidden, has the ending of an unfinished file, announces another file, or is not a regular file of the inbox
    itself is left alone.
    """
    return [
        path
        for path in sorted(folder.glob(feed.files))
        if not path.name.startswith(".")
        and not path.name.endswith(UNFINISHED)
        and not announces(path.name, feed)
        and regular(path)
    ]


def all_handed_in(workspace: Workspace, name: str | None) -> list[Path]:
    """Files of every feed that PARTNER or PARTNER/FEED names; of all feeds for None. Raises BadInput."""
    return [
        path
        for partner, feed in workspace.pick(name)
        for path in handed_in(workspace.inbox(partner, feed), workspace.find(partner, feed)[1])
    ]


def waiting(folder: Path, feed: Feed, now: datetime) -> list[Path]:
    """Files that are whole: announced, where the feed has a `done_file`; else unchanged for `settle_s`."""
    return [path for path in handed_in(folder, feed) if whole(path, feed, now)]


def whole(path: Path, feed: Feed, now: datetime) -> bool:
    """Whether nobody writes the file any more, as far as its feed lets one know."""
    if feed.done_file:
        return regular(announcement(path, feed))
    try:
        return now.timestamp() - path.lstat().st_mtime >= feed.settle_s
    except FileNotFoundError:  # taken away since it was listed
        return False


def regular(path: Path) -> bool:
    """Whether it is a file of its own: no link, folder, pipe or socket. Nothing is opened."""
    return not path.is_symlink() and path.is_file()


def announcement(path: Path, feed: Feed) -> Path:
    """The file that stands beside a whole one, for a feed with a `done_file`."""
    return path.with_name(feed.done_file.replace("{name}", path.name))


def announces(name: str, feed: Feed) -> bool:
    """Whether a file's name is that of an announcement, whatever it announces."""
    if feed.done_file in {"", "{name}"}:
        return False
    before, *others = (re.escape(part) for part in feed.done_file.split("{name}"))
    pattern = f"{before}(?P<name>.+){'(?P=name)'.join(others)}"
    return re.fullmatch(pattern, name, re.DOTALL) is not None


def unclaimed_files(workspace: Workspace) -> list[Path]:
    """What lies below the inbox and would lie there unseen: files of no feed, and all that is neither file nor folder.

    `why_stray` tells of each why it is left alone.
    """
    inbox = workspace.root / "var" / "inbox"
    expected = set(all_handed_in(workspace, None))
    for partner, name in workspace.pick(None):
        folder, feed = workspace.inbox(partner, name), workspace.find(partner, name)[1]
        expected |= {folder, folder.parent}  # these may be links: a person put them there to have the inbox elsewhere
        if feed.done_file:
            expected |= {announcement(path, feed) for path in handed_in(folder, feed)}
    return [
        path
        for path in sorted(inbox.rglob("*"))
        if path not in expected
        and (path.is_symlink() or not path.is_dir())
        and not path.name.startswith(".")
        and (path.is_symlink() or not path.name.endswith(UNFINISHED))
    ]


def why_unclaimed(path: Path) -> str:
    """Why a stray is left alone, in words."""
    if path.is_symlink():
        return "a symbolic link, which is never followed"
    return "belongs to no feed" if path.is_file() else "no regular file"


def archive_file(workspace: Workspace, partner: str, feed: str, path: Path, outcome: str, digest: str) -> Path:
    """Move a file, and what announced it, out of the inbox by its outcome; nothing is ever overwritten.

    Returns where the file is now. Its announcement goes first: left behind by a crash, it would announce the next file
    of that name before that is whole.

    Raises:
        BadInput: it cannot be moved.
    """
    if outcome not in PLACES:
        return path
    folder = workspace.done(partner, feed, PLACES[outcome])
    found = workspace.find(partner, feed)[1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if found.done_file and regular(beside := announcement(path, found)):
            beside.rename(_free(folder, beside, digest))
        return path.rename(_free(folder, path, digest))
    except OSError as error:
        told = f"{path}: {outcome.replace('_', ' ')}, but cannot be moved to {folder}: {error.strerror}"
        raise BadInput(f"{told}; see who may write there") from error


def _free(folder: Path, path: Path, digest: str) -> Path:
    """A path in the folder that nothing has yet."""
    target, number = folder / path.name, 1
    while os.path.lexists(target):
        number += 1
        target = folder / f"{path.stem}.{digest[:8]}.{number}{path.suffix}"
    return target


@contextmanager
def workspace_lock(workspace: Workspace) -> Iterator[None]:
    """Hold the workspace's lock: one run at a time. The lock ends with its process, however that ends.

    Raises:
        TryLater: another run is under way.
        BadInput: the workspace cannot be written.
    """
    path = workspace.root / "var" / "run.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    except OSError as error:
        raise BadInput(f"{error.filename or path}: cannot be made or written: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise TryLater(f"{workspace.root}: another run is under way; try again when it has ended") from error
    else:
        yield
    finally:
        os.close(fd)
