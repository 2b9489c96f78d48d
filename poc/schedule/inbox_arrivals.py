"""When the files in an inbox arrived, by the system's own time of their last change."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from poc.transports.inbox import FeedFolder, announcement_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from poc.config.partner import Feed
    from poc.transports.inbox import Inboxes


@dataclass(frozen=True, slots=True)
class InboxLook:
    """The files of a feed in its inbox: when the complete ones arrived, and since when others may be complete.

    Times are in microseconds since 1970.
    """

    arrivals: tuple[int, ...] = ()
    settling_since_us: int | None = None  #: the earliest change of a file that changed a moment ago


#: Looks into the inbox of a feed: takes its folder, the feed and the time. Raises OSError where it cannot be listed.
LookIntoInbox: TypeAlias = "Callable[[Path, Feed, datetime], InboxLook]"


def look_into_inbox(folder: Path, feed: Feed, now: datetime) -> InboxLook:
    """Return when the files in an inbox arrived. Raises OSError where it cannot be listed."""
    return look_into_folder(FeedFolder(folder, feed), now)


def look_from(inboxes: Inboxes) -> LookIntoInbox:
    """Return a function that looks into the inboxes as they were listed."""
    return lambda folder, feed, now: look_into_folder(inboxes.at(folder, feed), now)


def look_into_folder(folder: FeedFolder, now: datetime) -> InboxLook:
    """Return when the files in an inbox that has been listed arrived."""
    complete = {entry.name for entry in folder.complete(now)}
    paths = [folder.path / name for name in complete]
    arrivals = [at_us for _, at_us in arrival_times(paths, folder.feed, now)]
    others = [folder.path / entry.name for entry in folder.files if entry.name not in complete]
    settling = () if folder.feed.done_file else arrival_times(others, folder.feed, now)
    return InboxLook(tuple(sorted(arrivals)), min((at_us for _, at_us in settling), default=None))


def arrival_times(paths: Iterable[Path], feed: Feed, now: datetime) -> list[tuple[str, int]]:
    """Return the name of each file that is still there, and when it arrived: with its announcement, if it has one.

    The date of a file may be kept from another machine; the system's time of its last change is that of its arrival.
    """
    now_us = int(now.timestamp() * 1_000_000)
    times = []
    for path in paths:
        parts = (path, announcement_path(path, feed)) if feed.done_file else (path,)
        with suppress(OSError):  # taken away meanwhile
            times.append((path.name, min(max(part.lstat().st_ctime_ns for part in parts) // 1000, now_us)))
    return times
