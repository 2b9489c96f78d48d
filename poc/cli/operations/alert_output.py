"""Alerts as the commands show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poc.alerts.alert import Alert


def alert_json(alert: Alert) -> dict[str, Any]:
    """Return an alert as a JSON object."""
    names = ("kind", "severity", "partner", "feed", "subject", "count", "summary", "next_step")
    return {**{name: getattr(alert, name) for name in names}, "since": alert.since.isoformat(timespec="seconds")}
