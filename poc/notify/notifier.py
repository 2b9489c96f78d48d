"""One turn of notifications: find the open alerts, record what is new about them, send what is due."""

from __future__ import annotations

import random
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from poc.alerts.open_alerts import open_alerts
from poc.errors import LedgerDamaged, TryLater
from poc.ledger.opening import open_ledger
from poc.notify.ledger_watch import LedgerWatch
from poc.notify.recording import Recording
from poc.notify.sending import send_due
from poc.notify.services import send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from poc.alerts.alert import Alert
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.notify.notification import Notification, StatusReport
    from poc.notify.sending import Attempt

#: Returns the open alerts of a workspace with its ledger at a time; takes the environment, for secrets in variables.
ReadAlerts: TypeAlias = "Callable[[Workspace, Ledger | None, datetime, Mapping[str, str]], list[Alert]]"


def tell_people(
    workspace: Workspace,
    clock: Callable[[], datetime],
    environ: Mapping[str, str],
    statuses: Callable[[], Sequence[StatusReport]],
    stop: Callable[[], bool] = lambda: False,
    read: ReadAlerts = open_alerts,
) -> list[Attempt]:
    """Record what has begun, ended or changed since the last turn, send what is due, and return the attempts.

    Without a target in `milepost.toml`, nothing is looked at.

    Args:
        workspace: the workspace.
        clock: returns the current time, in UTC.
        environ: the environment, for secrets in variables.
        statuses: returns what has a status instead of a begin and an end; called only where a target is told of it.
        stop: returns True when nothing more is to be sent.
        read: returns the open alerts.

    Raises:
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    targets = workspace.settings.notify
    if not targets:
        return []
    with closing(open_ledger(workspace.ledger)) as ledger:
        now = clock()
        alerts = read(workspace, ledger, now, environ)
        wanted = any("milestone_status" in target.kinds or not target.kinds for target in targets)
        Recording(workspace, alerts, statuses() if wanted else (), now).record(ledger)
        return send_due(ledger, senders(workspace, environ), _microseconds(clock), random.random, stop)


class Notifier:
    """Tells people again and again in a running program; also where the ledger cannot be used.

    Args:
        workspace: returns the workspace as it is now.
        clock: returns the current time, in UTC.
        environ: the environment, for secrets in variables.
        statuses: returns what has a status instead of a begin and an end.
        stop: returns True when nothing more is to be sent.
        read: returns the open alerts.
    """

    def __init__(
        self,
        workspace: Callable[[], Workspace],
        clock: Callable[[], datetime],
        environ: Mapping[str, str],
        statuses: Callable[[], Sequence[StatusReport]],
        stop: Callable[[], bool],
        read: ReadAlerts = open_alerts,
    ) -> None:
        self._workspace = workspace
        self._clock = clock
        self._environ = environ
        self._statuses = statuses
        self._stop = stop
        self._read = read
        self._ledger_watch = LedgerWatch()

    def turn(self) -> list[Attempt]:
        """Do what `tell_people` does, and raise what it raises."""
        workspace = self._workspace()
        try:
            attempts = tell_people(workspace, self._clock, self._environ, self._statuses, self._stop, self._read)
        except (TryLater, LedgerDamaged) as error:
            self._ledger_watch.failed(error, workspace, senders(workspace, self._environ), self._clock())
            raise
        self._ledger_watch.worked(workspace, senders(workspace, self._environ), self._clock())
        return attempts


def senders(workspace: Workspace, environ: Mapping[str, str]) -> dict[str, Callable[[Notification], None]]:
    """Return a function for each target of a workspace that sends to it, by name."""
    return {
        target.name: partial(send, target, environ=environ, root=workspace.root) for target in workspace.settings.notify
    }


def _microseconds(clock: Callable[[], datetime]) -> Callable[[], int]:
    return lambda: int(clock().timestamp() * 1_000_000)
