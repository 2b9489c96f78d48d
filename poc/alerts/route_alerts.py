"""Alerts of routes: feeds that went back by themselves, and files on which a monolith's command failed."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from poc.alerts.alert import Alert, plural
from poc.route.file_senders import unsettled_files
from poc.route.route_store import newest_changes
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.route.file_senders import FileSender

#: What happened to a file at the monolith, by its state.
EVENTS = {
    "ambiguous": "on which the monolith's command was killed, so that they may have been sent; ask the partner",
    "failed": "on which the monolith's command failed; it runs again",
}


def route_alerts(workspace: Workspace, ledger: Ledger) -> Iterator[Alert]:
    """Yield an alert for each feed that went back by itself, until a person changes its route, and for failed files.

    A workspace in which no feed has a monolith has none, and nothing is read for it. Raises TryLater, LedgerDamaged.
    """
    feeds = {name for name in workspace.select_feeds(None) if workspace.get_feed(*name)[1].monolith is not None}
    if not feeds:
        return
    for change in newest_changes(ledger):
        if change.automatic and (change.partner, change.feed) in feeds:
            yield Alert(
                kind="route", severity="critical", partner=change.partner, feed=change.feed,
                since=datetime.fromtimestamp(change.at_us / 1_000_000, UTC),
                summary=f"went back from {change.stage_before} to {change.position.words} by itself: {change.why}",
                next_step=f"milepost route show {change.partner}/{change.feed}",
            )  # fmt: skip
    waiting: dict[tuple[str, str, str], list[FileSender]] = defaultdict(list)
    for sender in unsettled_files(ledger):
        if sender.state in EVENTS and (sender.partner, sender.feed) in feeds:
            waiting[sender.partner, sender.feed, sender.state].append(sender)
    for (partner, feed, state), senders in waiting.items():
        since_us = min(sender.ended_at_us or sender.given_at_us for sender in senders)
        yield Alert(
            kind="route", severity="critical", partner=partner, feed=feed, subject=state, count=len(senders),
            since=datetime.fromtimestamp(since_us / 1_000_000, UTC),
            summary=f"{plural(len(senders), 'file')} {EVENTS[state]}; the first is {truncate(senders[0].file)}",
            next_step=f"milepost route show {partner}/{feed}",
        )  # fmt: skip
