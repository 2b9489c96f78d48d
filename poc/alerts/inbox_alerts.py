"""Alerts of inboxes: files that no run takes, and files that belong to no feed."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from poc.alerts.alert import Alert, plural
from poc.ledger.queries import files_read_again
from poc.schedule.send_hours import next_window
from poc.text import truncate
from poc.transports.inbox import complete_files, unclaimed_files, why_unclaimed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger


def inbox_alerts(workspace: Workspace, ledger: Ledger | None, stuck_after: timedelta, now: datetime) -> Iterator[Alert]:
    """Yield an alert for each feed with complete files that wait for longer than `stuck_after`, and for strays.

    A file whose exchange has begun stays in the inbox as long as it may be read again; that is no alert of the inbox.

    Raises TryLater, LedgerDamaged.
    """
    begun = set() if ledger is None else files_read_again(ledger)
    for partner, feed_id in workspace.select_feeds(None):
        _, feed = workspace.get_feed(partner, feed_id)
        with suppress(OSError):  # a folder that cannot be listed is among the strays
            window = None if feed.send is None else next_window(feed.send, now)
            if feed.send is not None and (window is None or window.opens + stuck_after > now):
                continue  # files wait for the sending hours, or these have only begun
            files = complete_files(workspace.inbox(partner, feed_id), feed, now)
            new = [path for path in files if (partner, feed_id, path.name) not in begun]
            waiting = _old(new, now - stuck_after)
            if waiting:
                since, path = min(waiting)
                since = since if window is None else max(since, window.opens)
                yield Alert(
                    kind="feed_stuck", severity="critical", partner=partner, feed=feed_id, count=len(waiting),
                    since=since + stuck_after,
                    summary=f"{plural(len(waiting), 'file')} in the inbox that no run takes, the oldest is "
                    f"{truncate(path.name)}; is `milepost serve` running?",
                    next_step=f"milepost run {partner}/{feed_id}",
                )  # fmt: skip
    strays = _old(unclaimed_files(workspace), now - stuck_after)
    if strays:
        since, path = min(strays)
        yield Alert(
            kind="workspace_problem", severity="warning", subject="inbox", count=len(strays), since=since + stuck_after,
            summary=f"{plural(len(strays), 'file')} below the inbox not processed; {truncate(path.name)}: "
            f"{why_unclaimed(workspace, path)}",
            next_step="milepost status",
        )  # fmt: skip


def _old(paths: list[Path], before: datetime) -> list[tuple[datetime, Path]]:
    """Return the files that arrived before a time, each with the time at which it arrived.

    The system's own time of the last change counts: a transfer may have kept a date from another machine.
    """
    found = []
    for path in paths:
        with suppress(OSError):  # removed meanwhile
            arrived = datetime.fromtimestamp(path.lstat().st_ctime, UTC)
            if arrived < before:
                found.append((arrived, path))
    return found
