"""Alerts of partners that are down or wait for a release, of places from which files come, and of receipts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from poc.alerts.alert import Alert, Severity, plural
from poc.config.partner import RetrySchedule
from poc.ledger.tables.receipts import RECEIPT
from poc.retries.circuit_breaker import cooldown_us
from poc.retries.partner_state import breaker_states, partner_states
from poc.text import format_utc, truncate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from poc.config.partner import Partner
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.pickup.store import PickedFile

#: The most openings that are counted: with the default schedule those of half a year.
MAX_TRIPS = 5_000

#: Attempts after which receipts that are not written are a problem.
RECEIPT_ATTEMPTS = 3

SELECT_NOT_WRITTEN = (
    sa.select(
        RECEIPT.c.partner,
        RECEIPT.c.feed,
        sa.func.count(),
        sa.func.min(RECEIPT.c.made_at_us),
        sa.func.max(RECEIPT.c.error),
    )
    .where(sa.literal_column("receipt.state = 'due'"), RECEIPT.c.attempts >= sa.bindparam("tried"))
    .group_by(RECEIPT.c.partner, RECEIPT.c.feed)
)


def partner_alerts(ledger: Ledger, partners: Mapping[str, Partner], now: datetime) -> Iterator[Alert]:
    """Yield an alert for each partner, and each feed with an address of its own, that accepts nothing.

    A breaker that has counted failures and is still closed is no alert. One that is only open because the partner asked
    to wait is a warning, as is one that nothing waits for.

    Raises:
        TryLater, LedgerDamaged.
    """
    now_us = int(now.timestamp() * 1_000_000)
    breakers = {row["partner"]: row for row in breaker_states(ledger, partners, now_us)}
    for row in partner_states(ledger, partners, now_us):
        name, _, feed = row["partner"].partition("/")
        if row["state"] == "closed" or (name not in partners and not row["due"]):
            continue
        breaker = breakers[row["partner"]]
        retry = partners[name].retry if name in partners else RetrySchedule()
        since_us = breaker["paused_at_us"] if row["state"] == "paused" else first_opened_us(breaker, retry)
        since = now if since_us is None else datetime.fromtimestamp(since_us / 1_000_000, UTC)
        waits = f"; {plural(row['due'], 'file')} due" if row["due"] else ""
        why = f": {row['why']}" if row["why"] else ""
        if row["state"] == "paused":
            yield Alert(
                kind="partner_paused", severity="critical", partner=name, feed=feed, count=max(row["due"], 1),
                since=since, summary=f"nothing is sent until a person releases it{why}{waits}",
                next_step=f"milepost partner release {name}",
            )  # fmt: skip
            continue
        severity: Severity = "critical" if row["failures"] and row["due"] else "warning"
        when = f"nothing is sent until {row['until']}" if row["state"] == "open" else "the next request is a probe"
        yield Alert(
            kind="partner_down", severity=severity, partner=name, feed=feed, count=max(row["due"], 1), since=since,
            summary=f"{plural(row['failures'], 'failure')} in a row, {when}{why}{waits}",
            next_step="milepost partner ls",
        )  # fmt: skip


def place_alerts(ledger: Ledger, workspace: Workspace) -> Iterator[Alert]:
    """Yield an alert for each place that does not work, and one for each feed with files that are stuck at its place.

    A workspace in which no feed has a pick-up has none, and nothing is read for it. Raises TryLater, LedgerDamaged.
    """
    feeds = {
        name: feed.pickup for name in workspace.select_feeds(None) if (feed := workspace.get_feed(*name)[1]).pickup
    }
    if not feeds:
        return
    from poc.pickup.store import failing_files, read_places

    places = {name: pickup.url for name, pickup in feeds.items() if pickup is not None}
    for state in read_places(ledger):
        if state.failing_since_us is None or places.get((state.partner, state.feed)) != state.place:
            continue
        tries = "1 try" if state.failures == 1 else f"{state.failures:,} tries"
        worked = f"it last worked at {format_utc(state.looked_at_us)}" if state.looked_at_us else "it never worked"
        yield Alert(
            kind="place_down", severity="critical", partner=state.partner, feed=state.feed,
            since=datetime.fromtimestamp(state.failing_since_us / 1_000_000, UTC),
            summary=state.held or f"{state.error}; {worked}, and {tries} failed since",
            next_step="milepost pickup ls" if state.held else f"milepost places check {state.partner}",
        )  # fmt: skip
    stuck: dict[tuple[str, str], list[PickedFile]] = {}
    for file in failing_files(ledger):
        if places.get((file.partner, file.feed)) == file.place:
            stuck.setdefault((file.partner, file.feed), []).append(file)
    for (partner, feed_id), files in stuck.items():
        first = files[0]
        yield Alert(
            kind="pickup_failed", severity="warning", partner=partner, feed=feed_id, count=len(files),
            since=datetime.fromtimestamp(min(file.failing_since_us or 0 for file in files) / 1_000_000, UTC),
            summary=f"{plural(len(files), 'file')} stuck at {first.place}; {truncate(first.name)}: {first.error}",
            next_step=f"milepost pickup ls {partner}/{feed_id}",
        )  # fmt: skip


def first_opened_us(breaker: Mapping[str, Any], retry: RetrySchedule) -> int | None:
    """Return when a breaker opened first without a success since; None where it does not say.

    It holds the time of the last opening only. The others lie at least their cooldowns before it.
    """
    if breaker["opened_at_us"] is None:
        return None
    earlier_us = sum(cooldown_us(trip, retry) for trip in range(1, min(breaker["trips"], MAX_TRIPS)))
    return int(breaker["opened_at_us"]) - earlier_us


def receipt_alerts(ledger: Ledger, partners: Mapping[str, Partner]) -> Iterator[Alert]:
    """Yield an alert for each feed whose receipts cannot be written, however often it was tried.

    While no partner gets receipts, the ledger is not read. Raises TryLater, LedgerDamaged.
    """
    if not any(partner.gets_receipts for partner in partners.values()):
        return
    for partner, feed, count, since_us, error in ledger.execute(SELECT_NOT_WRITTEN, {"tried": RECEIPT_ATTEMPTS}):
        yield Alert(
            kind="workspace_problem", severity="warning", partner=partner, feed=feed, subject="receipts", count=count,
            since=datetime.fromtimestamp(since_us / 1_000_000, UTC),
            summary=f"{plural(count, 'receipt')} of {partner}/{feed} not written: {error}",
            next_step="milepost receipt show FILE",
        )  # fmt: skip
