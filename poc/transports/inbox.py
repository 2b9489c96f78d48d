"""The inbox: files that the partners' systems deliver, and their folder after the last run."""

from __future__ import annotations

import fnmatch
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from poc.file_names import is_system_file, is_unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from poc.config.partner import Feed
    from poc.config.workspace import Workspace


def inbox_files(folder: Path, feed: Feed) -> list[Path]:
    """Return the files of a feed, by name.

    Hidden files, unfinished files, those of systems such as `~$a.csv`, announcements, and all that is not a regular
    file in the inbox itself are ignored. There are none where the folder cannot be listed; `unclaimed_files` names it.
    """
    return [folder / entry.name for entry in _entries_if_listed(folder, feed)]


def _entries_if_listed(folder: Path, feed: Feed) -> list[os.DirEntry[str]]:
    try:
        return _entries(folder, feed)
    except OSError:
        return []


def _entries(folder: Path, feed: Feed) -> list[os.DirEntry[str]]:
    """Return the folder's entries that are files of a feed, by name. Raises OSError where it cannot be listed."""
    return sorted(_scan(folder, feed), key=lambda entry: entry.name)


def _scan(folder: Path, feed: Feed) -> Iterator[os.DirEntry[str]]:
    """Yield the folder's entries that are files of a feed; none before there is a folder."""
    matches = re.compile(fnmatch.translate(feed.files)).match
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if (
                matches(entry.name)  # as `belongs_to_feed`, compiled once
                and not is_passed_over(entry.name)
                and not is_announcement(entry.name, feed)
                and entry.is_file(follow_symlinks=False)
            ):
                yield entry


def belongs_to_feed(name: str, feed: Feed) -> bool:
    """Return whether a file of that name is one of a feed's files."""
    return fnmatch.fnmatchcase(name, feed.files) and not is_passed_over(name) and not is_announcement(name, feed)


def all_inbox_files(workspace: Workspace, name: str | None) -> list[Path]:
    """Return the files of the feeds that PARTNER or PARTNER/FEED names; of all feeds for None. Raises BadInput."""
    return [
        path
        for partner, feed in workspace.select_feeds(name)
        for path in inbox_files(workspace.inbox(partner, feed), workspace.get_feed(partner, feed)[1])
    ]


def complete_files(folder: Path, feed: Feed, now: datetime) -> list[Path]:
    """Return the complete files: announced if the feed has a `done_file`, or else unchanged for `settle_s`.

    Raises OSError where the folder cannot be listed.
    """
    return [folder / entry.name for entry in _entries(folder, feed) if _is_complete(folder, entry, feed, now)]


def has_complete_file(folder: Path, feed: Feed, now: datetime, wanted: Callable[[Path], bool]) -> bool:
    """Return whether a feed has a complete file that is wanted. Raises OSError where its folder cannot be listed."""
    complete = (entry for entry in _scan(folder, feed) if _is_complete(folder, entry, feed, now))
    return any(wanted(folder / entry.name) for entry in complete)


def is_complete(path: Path, feed: Feed, now: datetime) -> bool:
    """Return whether a file of a feed is still there, and no longer being written."""
    return is_regular_file(path) and _is_complete(path.parent, path, feed, now)


def _is_complete(folder: Path, entry: os.DirEntry[str] | Path, feed: Feed, now: datetime) -> bool:
    """Return whether a file is no longer being written, as its feed defines it.

    A date ahead of the clock, which a transfer may have kept from another machine, says nothing; then the system's own
    time of the file's last change counts.
    """
    if feed.done_file:
        return is_regular_file(announcement_path(folder / entry.name, feed))
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # removed since it was listed
        return False
    changed_s = status.st_mtime if status.st_mtime <= now.timestamp() else status.st_ctime
    return now.timestamp() - changed_s >= feed.settle_s


def files_dated_ahead(workspace: Workspace, name: str | None, now: datetime) -> list[tuple[Path, float]]:
    """Return the files whose date and time of last change both lie ahead of the clock, as on a server that is fast.

    Each has the Unix time at which it is complete. Raises BadInput for a feed that does not exist.
    """
    ahead = []
    for partner, feed_id in workspace.select_feeds(name):
        _, feed = workspace.get_feed(partner, feed_id)
        folder = workspace.inbox(partner, feed_id)
        for entry in () if feed.done_file else _entries_if_listed(folder, feed):
            with suppress(FileNotFoundError):  # removed since it was listed
                status = entry.stat(follow_symlinks=False)
                if min(status.st_mtime, status.st_ctime) > now.timestamp():
                    complete_s = min(status.st_mtime, status.st_ctime) + feed.settle_s
                    ahead.append((folder / entry.name, complete_s))
    return ahead


def is_passed_over(name: str) -> bool:
    """Return whether a file of that name is never exchanged: a hidden or unfinished one, or one of the system."""
    return name.startswith(".") or is_unfinished(name) or is_system_file(name)


def is_regular_file(path: Path) -> bool:
    """Return whether a path is a regular file: no link, folder, pipe or socket. Opens nothing."""
    return not path.is_symlink() and path.is_file()


def announcement_path(path: Path, feed: Feed) -> Path:
    """Return the path of the file that announces a complete one, for a feed with a `done_file`."""
    return path.with_name(feed.done_file.replace("{name}", path.name))


def is_announcement(name: str, feed: Feed) -> bool:
    """Return whether a file name is that of an announcement of any file."""
    if feed.done_file in {"", "{name}"}:
        return False
    before, *others = (re.escape(part) for part in feed.done_file.split("{name}"))
    pattern = f"{before}(?P<name>.+){'(?P=name)'.join(others)}"
    return re.fullmatch(pattern, name, re.DOTALL) is not None


def unclaimed_files(workspace: Workspace) -> list[Path]:
    """Return what no run would process below the inbox: files of no feed, and all that is neither file nor folder.

    A folder that cannot be listed is among them.
    `why_unclaimed` gives the reason for each.
    """
    inbox = workspace.root / "var" / "inbox"
    claimed: dict[str, set[str]] = {}  # names by folder
    linked = {os.fspath(inbox / partner) for partner in workspace.partners}  # a person may keep the inbox elsewhere
    for partner, name in workspace.select_feeds(None):
        folder, feed = workspace.inbox(partner, name), workspace.get_feed(partner, name)[1]
        linked.add(os.fspath(folder))
        names = {entry.name for entry in _entries_if_listed(folder, feed)}
        if feed.done_file:
            names |= {announcement_path(folder / each, feed).name for each in names}
        claimed[os.fspath(folder)] = names
    strays: list[str] = []
    folders = [os.fspath(inbox)]
    while folders:
        folder_path = folders.pop()
        names = claimed.get(folder_path, set())
        try:
            with os.scandir(folder_path) as entries:
                for entry in entries:
                    if entry.path in linked or entry.is_dir(follow_symlinks=False):
                        if not (folder_path == os.fspath(inbox) and entry.name in workspace.problems):
                            folders.append(entry.path)
                    elif entry.name not in names and (entry.is_symlink() or not is_passed_over(entry.name)):
                        strays.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            strays.append(folder_path)
    return [Path(path) for path in sorted(strays)]


def why_unclaimed(workspace: Workspace, path: Path) -> str:
    """Return why a file is not processed; for one in the inbox of a feed, with the names that the feed takes."""
    if path.is_symlink():
        return "a symbolic link, which is never followed"
    if path.is_dir():
        return "a folder that cannot be listed; check its permissions"
    if not path.is_file():
        return "no regular file"
    for partner, name in workspace.select_feeds(None):
        if workspace.inbox(partner, name) == path.parent:
            return f"belongs to no feed, as {partner}/{name} takes `{workspace.get_feed(partner, name)[1].files}`"
    return "belongs to no feed"
