"""All open alerts of a workspace, from every source, most urgent first."""

from __future__ import annotations

import threading
import time
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.alerts.alert import KINDS, Alert, plural
from poc.alerts.credentials import credential_alerts
from poc.alerts.disk_space import disk_space_alerts
from poc.alerts.exchange_alerts import exchange_alerts, quarantine_alerts
from poc.alerts.expectation_alerts import expectation_alerts
from poc.alerts.inbox_alerts import inbox_alerts
from poc.alerts.partner_alerts import partner_alerts, place_alerts, receipt_alerts
from poc.alerts.read_ledger import open_ledger_read_only
from poc.alerts.route_alerts import route_alerts
from poc.duration import parse_duration
from poc.ledger.tables.notifications import NOTIFICATION
from poc.schedule.send_hours import hours_begin
from poc.transports.inbox import Inboxes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger

#: Seconds for which a reading of the open alerts is shared.
KEPT_S = 2.0

#: Attempts after which a notification that its target has not taken is a problem.
TRIED = 3

SELECT_NOT_TAKEN = (
    sa.select(
        NOTIFICATION.c.target,
        sa.func.count(),
        sa.func.min(NOTIFICATION.c.created_at_us),
        sa.func.max(NOTIFICATION.c.error),
    )
    .where(NOTIFICATION.c.state == "pending", NOTIFICATION.c.attempts >= sa.bindparam("tried"))
    .group_by(NOTIFICATION.c.target)
)


def open_alerts(
    workspace: Workspace,
    ledger: Ledger | None,
    now: datetime,
    environ: Mapping[str, str],
    inboxes: Inboxes | None = None,
) -> list[Alert]:
    """Return the open alerts: critical ones first, then by kind, partner and feed.

    Args:
        workspace: the workspace with its inboxes.
        ledger: its ledger; None where nothing was exchanged yet.
        now: the current time, in UTC.
        environ: the environment, for secrets in variables.
        inboxes: its inboxes, where they have been listed.

    Raises:
        TryLater, LedgerDamaged: the ledger cannot be read.
    """
    kinds = list(KINDS)
    return sorted(
        _all_alerts(workspace, ledger, now, environ, inboxes or Inboxes(workspace)),
        key=lambda alert: (alert.severity != "critical", kinds.index(alert.kind), alert.scope, alert.since),
    )


def read_open_alerts(
    workspace: Workspace, now: datetime, environ: Mapping[str, str], inboxes: Inboxes | None = None
) -> list[Alert]:
    """Return the open alerts of a workspace; its ledger is opened for it, and not changed. Raises as `open_alerts`."""
    ledger = open_ledger_read_only(workspace.ledger)
    with closing(ledger) if ledger is not None else nullcontext():
        return open_alerts(workspace, ledger, now, environ, inboxes)


class SharedAlerts:
    """The open alerts of a running program: jobs and pages that ask in the same moment share one reading.

    Call it as `open_alerts`; safe to use from several threads. A reading that failed is not kept.

    Args:
        kept_s: seconds for which a reading of the same workspace is returned again.
        clock_s: a monotonic clock, in seconds.
    """

    def __init__(self, kept_s: float = KEPT_S, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._kept_s, self._clock_s = kept_s, clock_s
        self._lock = threading.Lock()
        self._reading: tuple[Workspace, float, list[Alert]] | None = None

    def __call__(
        self, workspace: Workspace, ledger: Ledger | None, now: datetime, environ: Mapping[str, str]
    ) -> list[Alert]:
        """Return the open alerts, at most some seconds old. Raises as `open_alerts`."""
        with self._lock:
            if self._reading is not None:
                read_workspace, read_at_s, alerts = self._reading
                if read_workspace is workspace and self._clock_s() < read_at_s + self._kept_s:
                    return alerts
            alerts = open_alerts(workspace, ledger, now, environ)
            self._reading = workspace, self._clock_s(), alerts
            return alerts


def _all_alerts(
    workspace: Workspace, ledger: Ledger | None, now: datetime, environ: Mapping[str, str], inboxes: Inboxes
) -> Iterator[Alert]:
    settings = workspace.settings.alerts
    stuck_after = parse_duration(settings.stuck_after)
    unused = {name: f"{problem}; the change is not used" for name, problem in workspace.unused_changes.items()}
    for partner, problem in {**workspace.problems, **unused}.items():
        yield Alert(
            kind="workspace_problem", severity="critical", partner=partner, since=now, summary=problem,
            subject="partner file" if partner else "milepost.toml", next_step="milepost validate",
        )  # fmt: skip
    yield from disk_space_alerts(workspace.root / "var", settings.disk_free_share, now)
    for config in workspace.partners.values():
        yield from credential_alerts(config, workspace.root, parse_duration(settings.expires_within), now, environ)
    yield from inbox_alerts(inboxes, ledger, stuck_after, now)
    yield from expectation_alerts(workspace, ledger, inboxes, now)
    if ledger is not None:
        yield from partner_alerts(ledger, workspace.partners, now)
        due_after = parse_duration(settings.due_after)
        yield from exchange_alerts(ledger, due_after, stuck_after, now, hours_begin(workspace, now))
        yield from quarantine_alerts(ledger, parse_duration(settings.quarantine_after), now)
        yield from route_alerts(workspace, ledger)
        yield from place_alerts(ledger, workspace)
        yield from receipt_alerts(ledger, workspace.partners)
        yield from _notification_alerts(ledger, {target.name for target in workspace.settings.notify})


def _notification_alerts(ledger: Ledger, targets: Collection[str]) -> Iterator[Alert]:
    """Yield an alert for each target of notifications that has not taken one, however often it was tried."""
    for target, count, created_at_us, error in ledger.execute(SELECT_NOT_TAKEN, {"tried": TRIED}):
        if target in targets:
            yield Alert(
                kind="workspace_problem", severity="warning", subject=f"notify {target}", count=count,
                since=datetime.fromtimestamp(created_at_us / 1_000_000, UTC),
                summary=f"{plural(count, 'notification')} to {target} not taken: {error}",
                next_step="milepost notify ls",
            )  # fmt: skip
