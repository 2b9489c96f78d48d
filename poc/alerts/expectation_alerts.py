"""Alerts of expected files that have not come."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from poc.alerts.alert import Alert
from poc.schedule.expectation_states import expectation_states
from poc.schedule.inbox_arrivals import look_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.transports.inbox import Inboxes


def expectation_alerts(workspace: Workspace, ledger: Ledger | None, inboxes: Inboxes, now: datetime) -> Iterator[Alert]:
    """Yield an alert for each feed with open misses: from the first missed moment until a file makes up for the last.

    Raises TryLater, LedgerDamaged.
    """
    for state in expectation_states(workspace, ledger, now, look_from(inboxes)):
        if not state.missed:
            continue
        first = state.missed[0].astimezone(UTC)
        times = f"{len(state.missed)} times in a row, first" if len(state.missed) > 1 else "by"
        yield Alert(
            kind="not_arrived", severity="critical", partner=state.partner, feed=state.feed,
            subject=f"{first:%Y-%m-%dT%H:%MZ}", count=len(state.missed), since=first,
            summary=f"no file has come {times} {first:%Y-%m-%d %H:%M} UTC",
            next_step="milepost expect",
        )  # fmt: skip
