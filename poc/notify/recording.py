"""Record what people are to be told: one transaction notes what each target was told, and adds the notifications.

So nothing is told twice, and nothing is forgotten, whenever the process ends.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from poc.notify import messages
from poc.notify.comparison import compare, is_told
from poc.notify.digest import digest_text, exchanged_lines, last_due
from poc.notify.notification import Notification, notification_id
from poc.notify.notification_store import add_notification, delete_old
from poc.notify.reported_store import (
    ReportedAlert,
    TargetState,
    add_reported,
    delete_ended,
    delete_targets,
    end_reported,
    read_reported,
    read_targets,
    set_status,
    set_target,
)
from poc.notify.routes import is_routed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from poc.alerts.alert import Alert
    from poc.config.notify import NotifyTarget
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.notify.comparison import Comparison
    from poc.notify.notification import StatusReport

#: Alerts that are older than what another process compared, by at most this much, are out of date. By more, the other
#: one's clock was wrong.
CLOCK_TOLERANCE_US = 600_000_000


class Recording:
    """What was found at one moment: the open alerts and the statuses of a workspace.

    Args:
        workspace: with its targets.
        alerts: the open alerts.
        statuses: what has a status instead of a begin and an end; empty where that is unknown.
        now: when the alerts were computed.
    """

    def __init__(
        self, workspace: Workspace, alerts: Sequence[Alert], statuses: Sequence[StatusReport], now: datetime
    ) -> None:
        self._workspace = workspace
        self._name = workspace.settings.name
        self._alerts = alerts
        self._statuses = statuses
        self._now = now
        self._now_us = int(now.timestamp() * 1_000_000)

    def record(self, ledger: Ledger) -> bool:
        """Record what has changed since the last time, and return whether anything has.

        Raises TryLater, LedgerDamaged; nothing was recorded.
        """
        if not self._has_news(read_reported(ledger), read_targets(ledger)):
            return False
        with ledger.one_commit():
            ledger.begin()  # another process may have recorded the same
            reported, states = read_reported(ledger), read_targets(ledger)
            delete_targets(ledger, states.keys() - {target.name for target in self._workspace.settings.notify})
            for target in self._workspace.settings.notify:
                state = states.get(target.name)
                if not self._is_outdated(state):
                    self._record_target(ledger, target, reported, state)
            delete_old(ledger, self._now_us)
        return True

    def _has_news(self, reported: Sequence[ReportedAlert], states: dict[str, TargetState]) -> bool:
        targets = self._workspace.settings.notify
        if states.keys() - {target.name for target in targets}:
            return True
        return any(
            state is None
            or self._digest_state(target, state) != state.digest_at_us
            or not self._compare(target, reported).is_empty
            for target in targets
            if not self._is_outdated(state := states.get(target.name))
        )

    def _is_outdated(self, state: TargetState | None) -> bool:
        """Return whether another process has compared newer alerts meanwhile."""
        return state is not None and 0 < state.compared_at_us - self._now_us <= CLOCK_TOLERANCE_US

    def _compare(self, target: NotifyTarget, reported: Sequence[ReportedAlert]) -> Comparison:
        return compare(target, self._workspace, self._alerts, self._statuses, reported)

    def _digest_state(self, target: NotifyTarget, state: TargetState) -> int:
        """Return when the last digest of a target was made, after this turn; 0 for a target without digests."""
        if not target.digest:
            return 0
        is_new = not 0 < state.digest_at_us <= self._now_us  # or made while the clock was ahead
        is_due = is_new or int(last_due(target, self._now).timestamp() * 1_000_000) > state.digest_at_us
        return self._now_us if is_due else state.digest_at_us

    def _record_target(
        self, ledger: Ledger, target: NotifyTarget, reported: Sequence[ReportedAlert], state: TargetState | None
    ) -> None:
        comparison = self._compare(target, reported)
        for alert in comparison.begun:
            self._begin(ledger, target, alert)
        for told in comparison.ended:
            self._end(ledger, target, told)
        for report, before in comparison.changed:
            self._change(ledger, target, report, before)
        before_us = state.digest_at_us if state else 0
        digest_us = self._digest_state(target, state or TargetState(0, 0))
        if target.digest and 0 < before_us < digest_us:
            self._digest(ledger, target, before_us, reported, comparison.ended)
        if digest_us != before_us or not target.digest:
            delete_ended(ledger, target.name, self._now_us)
        set_target(ledger, target.name, TargetState(self._now_us, digest_us))

    def _begin(self, ledger: Ledger, target: NotifyTarget, alert: Alert) -> None:
        since_us = int(alert.since.timestamp() * 1_000_000)
        add_reported(ledger, ReportedAlert(
            target=target.name, kind=alert.kind, partner=alert.partner, feed=alert.feed, subject=alert.subject,
            begun_at_us=self._now_us, severity=alert.severity, since_us=since_us, summary=alert.summary,
        ))  # fmt: skip
        if target.at_once:
            title, body = messages.begun_text(alert, self._name, self._workspace.root)
            self._add(
                ledger, target, "begun", (*alert.identity, self._now_us), title, body, kind=alert.kind,
                severity=alert.severity, partner=alert.partner, feed=alert.feed, subject=alert.subject,
                since_us=since_us,
            )  # fmt: skip

    def _end(self, ledger: Ledger, target: NotifyTarget, told: ReportedAlert) -> None:
        end_reported(ledger, told, self._now_us)
        if target.at_once:
            title, body = messages.ended_text(told, self._name, self._now_us)
            self._add(
                ledger, target, "ended", (*told.identity, told.begun_at_us), title, body, kind=told.kind,
                severity=told.severity, partner=told.partner, feed=told.feed, subject=told.subject,
                since_us=told.since_us,
            )  # fmt: skip

    def _change(self, ledger: Ledger, target: NotifyTarget, report: StatusReport, before: ReportedAlert | None) -> None:
        if before is None:
            add_reported(ledger, ReportedAlert(
                target=target.name, kind=report.kind, partner="", feed="", subject=report.subject,
                begun_at_us=self._now_us, severity=report.severity, since_us=self._now_us, summary=report.summary,
                status=report.status,
            ))  # fmt: skip
        else:
            set_status(
                ledger, before, self._now_us,
                status=report.status, severity=report.severity, summary=report.summary,
            )  # fmt: skip
        if target.at_once and is_told(target, report, before):
            title, body = messages.changed_text(report, before.status if before else "", self._name)
            self._add(
                ledger, target, "changed", (report.kind, report.subject, report.status, self._now_us), title, body,
                kind=report.kind, severity=report.severity, subject=report.subject,
            )  # fmt: skip

    def _digest(
        self,
        ledger: Ledger,
        target: NotifyTarget,
        after_us: int,
        reported: Sequence[ReportedAlert],
        ended: Sequence[ReportedAlert],
    ) -> None:
        over = [alert for alert in reported if alert.target == target.name and alert.ended_at_us is not None]
        over += [replace(alert, ended_at_us=self._now_us) for alert in ended]
        open_alerts = [alert for alert in self._alerts if is_routed(target, alert, self._workspace)]
        exchanged = exchanged_lines(ledger, target, after_us, self._now_us)
        title, body = digest_text(target, self._name, open_alerts, over, self._statuses, exchanged, after_us)
        due_us = int(last_due(target, self._now).timestamp() * 1_000_000)
        self._add(ledger, target, "digest", (target.name, due_us), title, body)

    def _add(
        self,
        ledger: Ledger,
        target: NotifyTarget,
        phase: str,
        event: tuple[str | int, ...],
        title: str,
        body: str,
        **values: Any,
    ) -> None:
        add_notification(ledger, Notification(
            id=notification_id(self._name, phase, *event), target=target.name, phase=phase, title=title, body=body,
            created_at_us=self._now_us, **values,
        ))  # fmt: skip
