"""Alerts of exchanges that are not done: refused, failed, given up, ambiguous, late, interrupted; of old quarantine."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from poc.alerts.alert import Alert, plural
from poc.ledger.queries import quarantined_exchanges, unfinished_exchanges
from poc.ledger.schema import FEED
from poc.retries.backoff import SCHEDULE_S
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from poc.ledger.ledger import Ledger

#: The kind of alert of an outcome that waits for a person, and the command that leads on. An exchange that a person has
#: given up waits for nobody.
KINDS_BY_OUTCOME = {
    "refused": ("refused", "milepost refused ls"),
    "failed": ("failed", "milepost outbox ls"),
    "ambiguous": ("ambiguous", "milepost outbox ls"),
}

#: The same of one that failed at the end of its schedule.
GIVEN_UP = ("given_up", "milepost outbox resend {exchange}")


def exchange_alerts(
    ledger: Ledger,
    due_after: timedelta,
    stuck_after: timedelta,
    now: datetime,
    hours_begin: Mapping[tuple[str, str], datetime],
) -> Iterator[Alert]:
    """Yield one alert for each exchange that waits for a person, and one for each feed with late or stuck ones.

    Args:
        ledger: the ledger.
        due_after: how long an exchange may be due.
        stuck_after: how long an interrupted exchange may wait for the next run.
        now: the current time, in UTC.
        hours_begin: when the sending hours of feeds that have some began, or begin next: before, nothing is late.

    Raises:
        TryLater, LedgerDamaged.
    """
    due: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    interrupted: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    held = _held_feeds(ledger, now)
    for row in unfinished_exchanges(ledger):
        feed = (row["partner"], row["feed"])
        waits_since = _waits_since(row, hours_begin)
        if row["outcome"] in KINDS_BY_OUTCOME:
            yield _alert_of_exchange(row)
        elif row["outcome"] == "due" and now - waits_since > due_after:
            due[feed].append(row)
        elif row["outcome"] == "open" and feed not in held and now - waits_since > stuck_after:
            interrupted[feed].append(row)
    for (partner, feed_id), members in due.items():
        oldest = min(members, key=lambda row: int(row["opened_at_us"]))
        yield Alert(
            kind="late", severity="warning", partner=partner, feed=feed_id, count=len(members),
            since=_waits_since(oldest, hours_begin) + due_after,
            summary=f"{plural(len(members), 'file')} not delivered yet, the oldest is {truncate(oldest['file'])}: "
            f"{oldest['reason'] or 'it is sent again later'}",
            next_step="milepost partner ls",
        )  # fmt: skip
    for (partner, feed_id), members in interrupted.items():
        oldest = min(members, key=lambda row: int(row["opened_at_us"]))
        yield Alert(
            kind="feed_stuck", severity="warning", partner=partner, feed=feed_id, subject="interrupted",
            count=len(members), since=_waits_since(oldest, hours_begin) + stuck_after,
            summary=f"{plural(len(members), 'file')} interrupted, and no run has taken up {truncate(oldest['file'])}",
            next_step=f"milepost run {partner}/{feed_id}",
        )  # fmt: skip


def _waits_since(row: Mapping[str, Any], hours_begin: Mapping[tuple[str, str], datetime]) -> datetime:
    """Return since when an exchange could be sent: since it was opened, or its feed's sending hours began."""
    opened_at = _time(row["opened_at_us"])
    return max(opened_at, hours_begin.get((row["partner"], row["feed"]), opened_at))


def _alert_of_exchange(row: Mapping[str, Any]) -> Alert:
    used_up = row["outcome"] == "failed" and row["failures"] >= len(SCHEDULE_S)
    kind, command = GIVEN_UP if used_up else KINDS_BY_OUTCOME[row["outcome"]]
    ended_us = row["closed_at_us"] or row["opened_at_us"]
    words = {"ambiguous": "may have arrived or not"}
    return Alert(
        kind=kind,
        severity="warning" if row["outcome"] == "refused" else "critical",
        partner=row["partner"],
        feed=row["feed"],
        subject=row["id"],
        since=_time(ended_us),
        summary=f"{truncate(row['file'])}: {row['reason'] or words.get(row['outcome'], row['outcome'])}",
        next_step=command.format(exchange=row["id"][:8]),
    )


def _held_feeds(ledger: Ledger, now: datetime) -> set[tuple[str, str]]:
    """Return the feeds that some process works on."""
    query = sa.select(FEED.c.partner, FEED.c.feed).where(
        FEED.c.owner != "", FEED.c.until_us > int(now.timestamp() * 1_000_000)
    )
    with ledger.reporting_errors():
        rows = ledger.connection.execute(query).all()
        ledger.connection.rollback()
    return {(partner, feed) for partner, feed in rows}


def _time(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC)


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
