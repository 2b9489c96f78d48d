"""Compare the open alerts with those that a target was told of: what has begun, what has ended, what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from poc.notify.routes import is_routed, takes, takes_statuses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from poc.alerts.alert import Alert
    from poc.config.settings.notify import NotifyTarget
    from poc.config.workspace import Workspace
    from poc.notify.notification import StatusReport
    from poc.notify.reported_store import ReportedAlert


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a target is to be told, and what is only noted for it."""

    begun: list[Alert]
    ended: list[ReportedAlert]
    changed: list[tuple[StatusReport, ReportedAlert | None]]  #: with what was reported before; None: a first status

    @property
    def is_empty(self) -> bool:
        """Whether everything is as the target was told."""
        return not (self.begun or self.ended or self.changed)


def compare(
    target: NotifyTarget,
    workspace: Workspace,
    alerts: Sequence[Alert],
    statuses: Iterable[StatusReport],
    reported: Iterable[ReportedAlert],
) -> Comparison:
    """Return what has changed for a target since it was told last.

    An alert that the target was told of stays open for it while the problem lasts, even if its severity falls, or the
    routes change. While the file of a partner cannot be used, nothing is known of it, and none of its alerts ends.
    """
    told = {alert.identity: alert for alert in reported if alert.target == target.name and alert.ended_at_us is None}
    open_now = {alert.identity: alert for alert in alerts}
    begun = [
        alert for identity, alert in open_now.items() if identity not in told and is_routed(target, alert, workspace)
    ]
    ended = [
        alert
        for identity, alert in told.items()
        if not alert.status and identity not in open_now and alert.partner not in workspace.problems
    ]
    changed = []
    for report in statuses:
        before = told.get((report.kind, "", "", report.subject))
        if takes_statuses(target, report.kind) and (before is None or before.status != report.status):
            changed.append((report, before))
    return Comparison(begun, ended, changed)


def is_told(target: NotifyTarget, report: StatusReport, before: ReportedAlert | None) -> bool:
    """Return whether a target gets a message about a status, or it is only noted.

    The first status that is seen is no change: it is told where it is critical. A target of critical alerts is told of
    the end of a critical status as well.
    """
    if before is None:
        return report.severity == "critical"
    return takes(target, report.kind, report.severity) or takes(target, report.kind, before.severity)
