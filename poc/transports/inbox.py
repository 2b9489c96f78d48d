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
UNFINISHED_SUFFIXES = (".part", ".tmp", ".filepart")

#: Where a file goes by its outcome; one that failed stays in the inbox for the next run.
FOLDER_BY_OUTCOME = {"done": "archive", "already_received": "archive", "refused": "refused"}


def inbox_files(folder: Path, feed: Feed) -> list[Path]:
    """Files of a feed, by name.

    What is hidden, has the ending of an unfinished file, announces another file, or is not a regular file of the inbox
    itself is left alone.
    """
    return [
        path
        for path in sorted(folder.glob(feed.files))
        if not path.name.startswith(".")
        and not path.name.endswith(UNFINISHED_SUFFIXES)
        and not is_announcement(path.name, feed)
        and is_regular_file(path)
    ]


def all_inbox_files(workspace: Workspace, name: str | None) -> list[Path]:
    """Files of every feed that PARTNER or PARTNER/FEED names; of all feeds for None. Raises BadInput."""
    return [
        path
        for partner, feed in workspace.select_feeds(name)
        for path in inbox_files(workspace.inbox(partner, feed), workspace.get_feed(partner, feed)[1])
    ]


def complete_files(folder: Path, feed: Feed, now: datetime) -> list[Path]:
    """Files that are whole: announced, where the feed has a `done_file`; else unchanged for `settle_s`."""
    return [path for path in inbox_files(folder, feed) if is_complete(path, feed, now)]


def is_complete(path: Path, feed: Feed, now: datetime) -> bool:
    """Whether nobody writes the file any more, as far as its feed lets one know."""
    if feed.done_file:
        return is_regular_file(announcement_path(path, feed))
    try:
        return now.timestamp() - path.lstat().st_mtime >= feed.settle_s
    except FileNotFoundError:  # taken away since it was listed
        return False


def is_regular_file(path: Path) -> bool:
    """Whether it is a file of its own: no link, folder, pipe or socket. Nothing is opened."""
    return not path.is_symlink() and path.is_file()


def announcement_path(path: Path, feed: Feed) -> Path:
    """The file that stands beside a whole one, for a feed with a `done_file`."""
    return path.with_name(feed.done_file.replace("{name}", path.name))


def is_announcement(name: str, feed: Feed) -> bool:
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
    expected = set(all_inbox_files(workspace, None))
    for partner, name in workspace.select_feeds(None):
        folder, feed = workspace.inbox(partner, name), workspace.get_feed(partner, name)[1]
        expected |= {folder, folder.parent}  # these may be links: a person put them there to have the inbox elsewhere
        if feed.done_file:
            expected |= {announcement_path(path, feed) for path in inbox_files(folder, feed)}
    return [
        path
        for path in sorted(inbox.rglob("*"))
        if path not in expected
        and (path.is_symlink() or not path.is_dir())
        and not path.name.startswith(".")
        and (path.is_symlink() or not path.name.endswith(UNFINISHED_SUFFIXES))
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
    if outcome not in FOLDER_BY_OUTCOME:
        return path
    folder = workspace.processed_folder(partner, feed, FOLDER_BY_OUTCOME[outcome])
    found = workspace.get_feed(partner, feed)[1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if found.done_file and is_regular_file(beside := announcement_path(path, found)):
            beside.rename(_free_path(folder, beside, digest))
        return path.rename(_free_path(folder, path, digest))
    except OSError as error:
        told = f"{path}: {outcome.replace('_', ' ')}, but cannot be moved to {folder}: {error.strerror}"
        raise BadInput(f"{told}; see who may write there") from error


def _free_path(folder: Path, path: Path, digest: str) -> Path:
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
