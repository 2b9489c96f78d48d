"""Alerts of rows that have been in quarantine for long."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from poc.alerts.alert import Alert, plural
from poc.ledger.queries import quarantined_exchanges

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from poc.ledger.ledger import Ledger


def quarantine_alerts(ledger: Ledger, after: timedelta, now: datetime) -> Iterator[Alert]:
    """Yield an alert for each feed with rows that have been held for longer than `after`; it counts these rows.

    Raises TryLater, LedgerDamaged.
    """
    old: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in quarantined_exchanges(ledger):
        if now - datetime.fromtimestamp(row["opened_at_us"] / 1_000_000, UTC) > after:
            old[row["partner"], row["feed"]].append(row)
    for (partner, feed), rows in old.items():
        count = sum(row["rows"] for row in rows)
        oldest_us = min(row["opened_at_us"] for row in rows)
        yield Alert(
            kind="quarantine_old", severity="warning", partner=partner, feed=feed, count=count,
            since=datetime.fromtimestamp(oldest_us / 1_000_000, UTC) + after,
            summary=f"{plural(count, 'row')} of {plural(len(rows), 'file')} in quarantine for longer than they should",
            next_step="milepost quarantine ls",
        )  # fmt: skip
