"""Alerts of inboxes: files that no run takes, and files that belong to no feed."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from poc.alerts.alert import Alert, plural
from poc.ledger.queries import files_read_again
from poc.route.file_senders import unsettled_files
from poc.schedule.send_hours import next_window
from poc.text import truncate
from poc.transports.inbox import why_unclaimed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.transports.inbox import Inboxes


def inbox_alerts(inboxes: Inboxes, ledger: Ledger | None, stuck_after: timedelta, now: datetime) -> Iterator[Alert]:
    """Yield an alert for each feed with complete files that wait for longer than `stuck_after`, and for strays.

    A file whose exchange has begun stays in the inbox as long as it may be read again; that is no alert of the inbox.

    Raises TryLater, LedgerDamaged.
    """
    workspace = inboxes.workspace
    begun = set() if ledger is None else files_read_again(ledger) | files_at_monolith(workspace, ledger)
    for partner, feed_id in workspace.select_feeds(None):
        _, feed = workspace.get_feed(partner, feed_id)
        with suppress(OSError):  # a folder that cannot be listed is among the strays
            window = None if feed.send is None else next_window(feed.send, now)
            if feed.send is not None and (window is None or window.opens + stuck_after > now):
                continue  # files wait for the sending hours, or these have only begun
            files = inboxes.folder(partner, feed_id).complete(now)
            new = [entry for entry in files if (partner, feed_id, entry.name) not in begun]
            waiting = _old(new, now - stuck_after)
            if waiting:
                since, oldest = min(waiting)
                since = since if window is None else max(since, window.opens)
                yield Alert(
                    kind="feed_stuck", severity="critical", partner=partner, feed=feed_id, count=len(waiting),
                    since=since + stuck_after,
                    summary=f"{plural(len(waiting), 'file')} in the inbox that no run takes, the oldest is "
                    f"{truncate(Path(oldest).name)}; is `milepost serve` running?",
                    next_step=f"milepost run {partner}/{feed_id}",
                )  # fmt: skip
    strays = _old(inboxes.unclaimed(), now - stuck_after)
    if strays:
        since, name = min(strays)
        path = Path(name)
        yield Alert(
            kind="workspace_problem", severity="warning", subject="inbox", count=len(strays), since=since + stuck_after,
            summary=f"{plural(len(strays), 'file')} below the inbox not processed; {truncate(path.name)}: "
            f"{why_unclaimed(workspace, path)}",
            next_step="milepost status",
        )  # fmt: skip


def files_at_monolith(workspace: Workspace, ledger: Ledger) -> set[tuple[str, str, str]]:
    """Return partner, feed and name of the files that a monolith has begun; they are alerts of the route."""
    if all(feed.monolith is None for partner in workspace.partners.values() for feed in partner.feed.values()):
        return set()
    return {(sender.partner, sender.feed, sender.file) for sender in unsettled_files(ledger) if sender.attempt}


def _old(files: Iterable[os.DirEntry[str] | Path], before: datetime) -> list[tuple[datetime, str]]:
    """Return the files that arrived before a time: when each arrived, and its path.

    The system's own time of the last change counts: a transfer may have kept a date from another machine.
    """
    old = []
    for file in files:
        with suppress(OSError):  # removed meanwhile
            arrived_s = file.stat(follow_symlinks=False).st_ctime
            if arrived_s < before.timestamp():
                old.append((datetime.fromtimestamp(arrived_s, UTC), os.fspath(file)))
    return old
