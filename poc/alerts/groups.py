"""Groups of alerts of one kind and one feed, as lists for people show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from poc.alerts.alert import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from poc.alerts.alert import Alert, Severity

#: The name of each kind, for one and for several things that it counts.
NAMES = {
    "workspace_problem": ("workspace problem", "workspace problems"),
    "disk_full": ("disk nearly full", "disks nearly full"),
    "partner_down": ("partner down", "partners down"),
    "partner_paused": ("partner paused", "partners paused"),
    "place_down": ("place down", "places down"),
    "pickup_failed": ("file stuck at its place", "files stuck at their place"),
    "not_arrived": ("file not arrived", "files not arrived"),
    "late": ("file late", "files late"),
    "feed_stuck": ("feed stuck", "feeds stuck"),
    "failed": ("file failed", "files failed"),
    "given_up": ("file given up", "files given up"),
    "ambiguous": ("file ambiguous", "files ambiguous"),
    "refused": ("file refused", "files refused"),
    "quarantine_old": ("row held for long", "rows held for long"),
    "credentials_expiring": ("credential expiring", "credentials expiring"),
    "milestone_status": ("milestone needs attention", "milestones need attention"),
    "route": ("route needs attention", "routes need attention"),
}

#: Kinds of which people count the alerts, not what each alert counts.
COUNTED_ONCE = frozenset({
    "workspace_problem", "disk_full", "partner_down", "partner_paused", "place_down", "feed_stuck",
    "credentials_expiring", "milestone_status", "route",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGroup:
    """The alerts of one kind and severity of one feed; `first` is the oldest."""

    kind: str
    severity: Severity
    partner: str
    feed: str
    since: datetime
    count: int
    first: Alert
    alerts: tuple[Alert, ...]

    @property
    def scope(self) -> str:
        """PARTNER/FEED, PARTNER, or an empty text for the whole workspace."""
        return self.first.scope


def group_alerts(alerts: Iterable[Alert]) -> list[AlertGroup]:
    """Return alerts by severity, kind, partner and feed; the groups keep the order of their first alerts."""
    groups: dict[tuple[str, str, str, str], list[Alert]] = {}
    for alert in alerts:
        groups.setdefault((alert.severity, alert.kind, alert.partner, alert.feed), []).append(alert)
    return [_group(tuple(sorted(members, key=lambda alert: alert.since))) for members in groups.values()]


def _group(members: tuple[Alert, ...]) -> AlertGroup:
    first = members[0]
    return AlertGroup(
        kind=first.kind,
        severity=first.severity,
        partner=first.partner,
        feed=first.feed,
        since=first.since,
        count=count_of(members),
        first=first,
        alerts=members,
    )


def count_of(alerts: Sequence[Alert]) -> int:
    """Return how many things alerts of one kind concern, as people count them."""
    return sum(1 if alert.kind in COUNTED_ONCE else alert.count for alert in alerts)


def describe_counts(alerts: Iterable[Alert]) -> str:
    """Return the number of each kind in one line, such as `2 partners down, 6 files late`; the worst first."""
    by_kind: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_kind.setdefault(alert.kind, []).append(alert)
    parts = []
    for kind in sorted(by_kind, key=list(KINDS).index):
        count = count_of(by_kind[kind])
        parts.append(f"{count} {NAMES[kind][count != 1]}")
    return ", ".join(parts)
