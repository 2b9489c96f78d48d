"""Tell people that the ledger cannot be used: a lost ledger or a full disk, where no notification can be recorded.

What was told is kept in memory only. So it may be told again by a process that starts meanwhile.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from poc.alerts.alert import Alert
from poc.notify import messages
from poc.notify.notification import Notification, NotSent, notification_id
from poc.notify.reported_store import ReportedAlert
from poc.notify.routes import takes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from poc.config.workspace import Workspace

#: A ledger that cannot be used for less than this is not told of: another program may only be writing to it.
PATIENCE = timedelta(minutes=2)

#: Time between two attempts to tell those who did not take the message.
RETRY = timedelta(minutes=5)


class LedgerWatch:
    """Follows whether the ledger can be used, and tells each target once when it cannot, and once when it can again."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._next_try: datetime | None = None
        self._alert: Alert | None = None
        self._told: set[str] = set()

    def failed(
        self,
        error: Exception,
        workspace: Workspace,
        senders: Mapping[str, Callable[[Notification], None]],
        now: datetime,
    ) -> None:
        """Note that the ledger cannot be used, and tell people where that lasts."""
        self._since = self._since or now
        if now - self._since < PATIENCE or (self._next_try is not None and now < self._next_try):
            return
        self._next_try = now + RETRY
        self._alert = self._alert or Alert(
            kind="workspace_problem", severity="critical", subject="ledger", since=self._since,
            summary=f"the ledger cannot be used, and nothing is exchanged: {error}", next_step="milepost status",
        )  # fmt: skip
        title, body = messages.begun_text([self._alert], workspace.settings.name, workspace.root)
        for target in workspace.settings.notify:
            wanted = takes(target, self._alert.kind, self._alert.severity) and not (target.partners or target.feeds)
            if wanted and target.name not in self._told:
                message = self._message(workspace, target.name, "begun", title, body, now)
                if _send(senders[target.name], message):
                    self._told.add(target.name)

    def worked(
        self, workspace: Workspace, senders: Mapping[str, Callable[[Notification], None]], now: datetime
    ) -> None:
        """Note that the ledger can be used, and tell those who heard of the contrary."""
        if self._alert is not None:
            over = ReportedAlert(
                target="", kind=self._alert.kind, partner="", feed="", subject=self._alert.subject, begun_at_us=0,
                severity=self._alert.severity, since_us=messages.to_us(self._alert.since), summary=self._alert.summary,
            )  # fmt: skip
            title, body = messages.ended_text([over], workspace.settings.name, messages.to_us(now))
            for name in sorted(self._told & senders.keys()):
                _send(senders[name], self._message(workspace, name, "ended", title, body, now))
        self._since = self._next_try = self._alert = None
        self._told.clear()

    def _message(
        self, workspace: Workspace, target: str, phase: str, title: str, body: str, now: datetime
    ) -> Notification:
        assert self._alert is not None  # noqa: S101 (of the callers; tells the type checker)
        since_us = messages.to_us(self._alert.since)
        return Notification(
            id=notification_id(workspace.settings.name, phase, *self._alert.identity, since_us), target=target,
            phase=phase, kind=self._alert.kind, severity=self._alert.severity, subject=self._alert.subject,
            title=title, body=body, since_us=since_us, created_at_us=messages.to_us(now),
        )  # fmt: skip


def _send(send: Callable[[Notification], None], message: Notification) -> bool:
    """Send a message; return whether its target took it."""
    try:
        send(message)
    except NotSent:
        return False
    return True
