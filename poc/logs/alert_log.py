"""The log lines of alerts: one when a problem begins, and one when it ends, as when a partner is up again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from poc.logs.formatters import with_fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from poc.alerts.alert import Alert

LEVELS = {"critical": logging.ERROR, "warning": logging.WARNING}


class AlertLog:
    """Logs what has begun and what has ended since the last look at the open alerts.

    Args:
        logger: where the lines go.
        run_id: names the process, in each line.
        open_before: the alerts that were open already, and of which only the end is logged.
    """

    def __init__(self, logger: logging.Logger, run_id: str, open_before: Iterable[Alert] = ()) -> None:
        self._logger, self._run_id = logger, run_id
        self._open = {alert.identity: alert for alert in open_before}

    def update(self, alerts: Iterable[Alert]) -> None:
        """Log the alerts that were not open at the last call, and those that are no longer."""
        now_open = {alert.identity: alert for alert in alerts}
        for identity, alert in now_open.items():
            if identity not in self._open:
                step = f"; `{alert.next_step}`" if alert.next_step else ""
                self._log(LEVELS[alert.severity], "alert_begun", alert, f"{alert.summary}{step}")
        for identity, alert in self._open.items():
            if identity not in now_open:
                self._log(logging.INFO, "alert_ended", alert, f"ended; it was: {alert.summary}")
        self._open = now_open

    def _log(self, level: int, event: str, alert: Alert, text: str) -> None:
        fields = with_fields(
            event=event,
            run_id=self._run_id,
            partner=alert.partner,
            feed=alert.feed,
            kind=alert.kind,
            severity=alert.severity,
            subject=alert.subject,
            since=alert.since.isoformat(timespec="seconds"),
        )
        self._logger.log(level, "%s %s: %s", alert.kind, alert.scope or "workspace", text, extra=fields)
