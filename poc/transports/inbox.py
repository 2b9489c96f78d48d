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
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime

    from poc.config.partner import Feed
    from poc.config.workspace import Workspace


class FeedFolder:
    """The inbox of a feed at one moment: its folder is listed once, and the state of each file is read once.

    `files` are the entries of the feed's files, by name: hidden files, unfinished files, those of systems such as
    `~$a.csv`, announcements, and all that is not a regular file in the inbox itself are among `others`. Both are empty
    before there is a folder.

    Raises OSError where the folder cannot be listed.
    """

    def __init__(self, folder: Path, feed: Feed) -> None:
        self.path, self.feed = folder, feed
        self.others: list[os.DirEntry[str]] = []
        self.files = sorted(_scan(folder, feed, self.others.append), key=_name)

    def complete(self, now: datetime) -> list[os.DirEntry[str]]:
        """Return the complete files: announced if the feed has a `done_file`, or else unchanged for `settle_s`."""
        if self.feed.done_file:
            regular = {entry.name for entry in (*self.files, *self.others) if entry.is_file(follow_symlinks=False)}
            return [entry for entry in self.files if self.feed.done_file.replace("{name}", entry.name) in regular]
        now_s = now.timestamp()
        return [entry for entry in self.files if _is_settled(entry, self.feed.settle_s, now_s)]

    def dated_ahead(self, now: datetime) -> list[tuple[Path, float]]:
        """Return the files whose date and time of last change both lie ahead of the clock, as on a server that is fast.

        Each has the Unix time at which it is complete.
        """
        ahead: list[tuple[Path, float]] = []
        now_s = now.timestamp()
        for entry in () if self.feed.done_file else self.files:
            with suppress(FileNotFoundError):  # removed since it was listed
                status = entry.stat(follow_symlinks=False)
                changed_s = min(status.st_mtime, status.st_ctime)
                if changed_s > now_s:
                    ahead.append((self.path / entry.name, changed_s + self.feed.settle_s))
        return ahead


class Inboxes:
    """The inboxes of a workspace at one moment: what is asked about them comes from one listing of each folder."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._folders: dict[Path, FeedFolder | OSError] = {}

    def folder(self, partner: str, feed_id: str) -> FeedFolder:
        """Return the inbox of a feed. Raises OSError where it cannot be listed."""
        return self.at(self.workspace.inbox(partner, feed_id), self.workspace.get_feed(partner, feed_id)[1])

    def at(self, path: Path, feed: Feed) -> FeedFolder:
        """Return a folder as the inbox of a feed. Raises OSError where it cannot be listed."""
        if path not in self._folders:
            try:
                self._folders[path] = FeedFolder(path, feed)
            except OSError as error:
                self._folders[path] = error
        folder = self._folders[path]
        if isinstance(folder, OSError):
            raise folder
        return folder

    def folders(self, name: str | None = None) -> Iterator[FeedFolder]:
        """Yield the inboxes of the feeds that PARTNER or PARTNER/FEED names that can be listed; of all feeds for None.

        Raises BadInput.
        """
        for feed in self.workspace.select_feeds(name):
            with suppress(OSError):  # `unclaimed` names a folder that cannot be listed
                yield self.folder(*feed)

    def unclaimed(self) -> list[Path]:
        """Return what no run would process below the inbox: files of no feed, and all that is neither file nor folder.

        A folder that cannot be listed is among them. `why_unclaimed` gives the reason for each.
        """
        workspace = self.workspace
        inbox = os.fspath(workspace.root / "var" / "inbox")
        feeds = {os.fspath(workspace.inbox(*feed)): feed for feed in workspace.select_feeds(None)}
        # a person may keep the inbox elsewhere
        linked = {os.path.join(inbox, partner) for partner in workspace.partners} | feeds.keys()  # noqa: PTH118
        strays: list[str] = []
        folders = [inbox]
        while folders:
            folder_path = folders.pop()
            try:
                entries, names = self._not_of_a_feed(folder_path, feeds.get(folder_path))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                strays.append(folder_path)
                continue
            for entry in entries:
                if entry.path in linked or entry.is_dir(follow_symlinks=False):
                    if not (folder_path == inbox and entry.name in workspace.problems):
                        folders.append(entry.path)
                elif entry.name not in names and (entry.is_symlink() or not is_passed_over(entry.name)):
                    strays.append(entry.path)
        return [Path(path) for path in sorted(strays)]

    def _not_of_a_feed(
        self, folder_path: str, feed: tuple[str, str] | None
    ) -> tuple[list[os.DirEntry[str]], Collection[str]]:
        """Return the entries of a folder that are no files of its feed, and the names of these files' announcements."""
        if feed is None:
            with os.scandir(folder_path) as entries:
                return list(entries), ()
        folder = self.folder(*feed)
        done_file = folder.feed.done_file
        return folder.others, {done_file.replace("{name}", entry.name) for entry in folder.files} if done_file else ()


def inbox_files(folder: Path, feed: Feed) -> list[Path]:
    """Return the files of a feed, by name. There are none where the folder cannot be listed."""
    with suppress(OSError):
        return [folder / entry.name for entry in FeedFolder(folder, feed).files]
    return []


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _scan(
    folder: Path,
    feed: Feed,
    other: Callable[[os.DirEntry[str]], object] = id,  # does nothing
) -> Iterator[os.DirEntry[str]]:
    """Yield the folder's entries that are files of a feed; none before there is a folder. `other` gets the others."""
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
            else:
                other(entry)


def belongs_to_feed(name: str, feed: Feed) -> bool:
    """Return whether a file of that name is one of a feed's files."""
    return fnmatch.fnmatchcase(name, feed.files) and not is_passed_over(name) and not is_announcement(name, feed)


def all_inbox_files(workspace: Workspace, name: str | None) -> list[Path]:
    """Return the files of the feeds that PARTNER or PARTNER/FEED names; of all feeds for None. Raises BadInput."""
    return [folder.path / entry.name for folder in Inboxes(workspace).folders(name) for entry in folder.files]


def complete_files(folder: Path, feed: Feed, now: datetime) -> list[Path]:
    """Return the complete files of a feed, by name. Raises OSError where the folder cannot be listed."""
    return [folder / entry.name for entry in FeedFolder(folder, feed).complete(now)]


def has_complete_file(folder: Path, feed: Feed, now: datetime, wanted: Callable[[Path], bool]) -> bool:
    """Return whether a feed has a complete file that is wanted. Raises OSError where its folder cannot be listed."""
    complete = (entry for entry in _scan(folder, feed) if _is_complete(folder, entry, feed, now))
    return any(wanted(folder / entry.name) for entry in complete)


def is_complete(path: Path, feed: Feed, now: datetime) -> bool:
    """Return whether a file of a feed is still there, and no longer being written."""
    return is_regular_file(path) and _is_complete(path.parent, path, feed, now)


def _is_complete(folder: Path, entry: os.DirEntry[str] | Path, feed: Feed, now: datetime) -> bool:
    """Return whether a file is no longer being written, as its feed defines it."""
    if feed.done_file:
        return is_regular_file(announcement_path(folder / entry.name, feed))
    return _is_settled(entry, feed.settle_s, now.timestamp())


def _is_settled(entry: os.DirEntry[str] | Path, settle_s: float, now_s: float) -> bool:
    """Return whether a file has not changed for `settle_s`.

    A date ahead of the clock, which a transfer may have kept from another machine, says nothing; then the system's own
    time of the file's last change counts.
    """
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # removed since it was listed
        return False
    changed_s = status.st_mtime if status.st_mtime <= now_s else status.st_ctime
    return now_s - changed_s >= settle_s


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
