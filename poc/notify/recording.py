"""Record what people are to be told: one transaction notes what each target was told, and adds the notifications.

So nothing is told twice, and nothing is forgotten, whenever the process ends.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

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
    from poc.config.settings.notify import NotifyTarget
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.notify.comparison import Comparison
    from poc.notify.notification import StatusReport

AnyAlert = TypeVar("AnyAlert", "Alert", "ReportedAlert")

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
            ledger.begin("notifications")  # another process may have recorded the same
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
        for alerts in joined(target, comparison.begun):
            self._begin(ledger, target, alerts)
        for told in joined(target, comparison.ended):
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

    def _begin(self, ledger: Ledger, target: NotifyTarget, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            add_reported(ledger, ReportedAlert(
                target=target.name, kind=alert.kind, partner=alert.partner, feed=alert.feed, subject=alert.subject,
                begun_at_us=self._now_us, severity=alert.severity, since_us=messages.to_us(alert.since),
                summary=alert.summary,
            ))  # fmt: skip
        if target.at_once:
            event: list[str | int] = [part for alert in alerts for part in alert.identity]
            event.append(self._now_us)
            title, body = messages.begun_text(alerts, self._name, self._workspace.root)
            since_us = min(messages.to_us(alert.since) for alert in alerts)
            self._add(ledger, target, "begun", event, title, body, **_common(alerts), since_us=since_us)

    def _end(self, ledger: Ledger, target: NotifyTarget, alerts: Sequence[ReportedAlert]) -> None:
        for alert in alerts:
            end_reported(ledger, alert, self._now_us)
        if target.at_once:
            event: list[str | int] = []
            for alert in alerts:
                event += [*alert.identity, alert.begun_at_us]
            title, body = messages.ended_text(alerts, self._name, self._now_us)
            since_us = min(alert.since_us for alert in alerts)
            self._add(ledger, target, "ended", event, title, body, **_common(alerts), since_us=since_us)

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
        event: Sequence[str | int],
        title: str,
        body: str,
        **values: Any,
    ) -> None:
        add_notification(ledger, Notification(
            id=notification_id(self._name, phase, *event), target=target.name, phase=phase, title=title, body=body,
            created_at_us=self._now_us, **values,
        ))  # fmt: skip


def joined(target: NotifyTarget, alerts: Sequence[AnyAlert]) -> list[list[AnyAlert]]:
    """Return the alerts that are told in one message: for people, all of one kind and one feed that came together.

    A program gets a message for each alert.
    """
    groups: dict[tuple[str, ...], list[AnyAlert]] = {}
    for alert in alerts:
        kind, partner, feed, subject = alert.identity
        groups.setdefault((kind, partner, feed) if target.to else (kind, partner, feed, subject), []).append(alert)
    return list(groups.values())


def _common(alerts: Sequence[Alert | ReportedAlert]) -> dict[str, str]:
    """Return what a notification about alerts of one kind and one feed says of all of them."""
    first, *others = alerts
    return {
        "kind": first.kind, "partner": first.partner, "feed": first.feed, "subject": "" if others else first.subject,
        "severity": "critical" if any(alert.severity == "critical" for alert in alerts) else "warning",
    }  # fmt: skip
