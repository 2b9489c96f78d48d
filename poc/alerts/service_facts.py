"""Facts of the service now, as gauges and pages show them: what is due, held, ambiguous, and was last delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from poc.ledger.queries import quarantined_exchanges, unfinished_exchanges
from poc.ledger.schema import EXCHANGE, PARCEL
from poc.retries.partner_state import partner_states

if TYPE_CHECKING:
    from collections.abc import Mapping

    from poc.config.partner import Partner
    from poc.ledger.ledger import Ledger


@dataclass(slots=True, kw_only=True)
class FeedFacts:
    """One feed now. Times are in UTC."""

    partner: str
    feed: str
    due: int = 0  #: exchanges that are sent again later
    oldest_due_at: datetime | None = None  #: when the oldest of them was received
    failed: int = 0  #: exchanges that failed or were given up
    refused: int = 0  #: refused files that no corrected one has replaced
    ambiguous: int = 0  #: requests that may have arrived
    held_rows: int = 0  #: rows in quarantine that nobody has replayed or discarded
    last_good_at: datetime | None = None  #: when an exchange was last completed


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerFacts:
    """The circuit breaker of a partner, or of a feed with an address of its own: `partner` is then PARTNER/FEED."""

    partner: str
    state: str  #: closed, open, half-open or paused
    failures: int  #: in a row
    until: str | None  #: the end of an open state, as text
    why: str  #: the last failure


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFacts:
    """All feeds and circuit breakers of a workspace now."""

    feeds: tuple[FeedFacts, ...]
    breakers: tuple[BreakerFacts, ...]


def service_facts(ledger: Ledger | None, partners: Mapping[str, Partner], now: datetime) -> ServiceFacts:
    """Return the facts of all feeds, configured or in the ledger; `ledger` is None where nothing was exchanged yet.

    Raises TryLater, LedgerDamaged.
    """
    names = [(partner, feed) for partner, config in sorted(partners.items()) for feed in sorted(config.feed)]
    feeds = {name: FeedFacts(partner=name[0], feed=name[1]) for name in names}
    if ledger is None:
        closed = tuple(
            BreakerFacts(partner=name, state="closed", failures=0, until=None, why="") for name in sorted(partners)
        )
        return ServiceFacts(feeds=tuple(feeds.values()), breakers=closed)

    def of(partner: str, feed: str) -> FeedFacts:
        return feeds.setdefault((partner, feed), FeedFacts(partner=partner, feed=feed))

    for row in unfinished_exchanges(ledger):
        facts = of(row["partner"], row["feed"])
        if row["outcome"] == "due":
            received = datetime.fromtimestamp(row["opened_at_us"] / 1_000_000, UTC)
            facts.due += 1
            facts.oldest_due_at = min(received, facts.oldest_due_at or received)
        facts.failed += row["outcome"] == "failed"
        facts.refused += row["outcome"] == "refused"
    for row in quarantined_exchanges(ledger):
        of(row["partner"], row["feed"]).held_rows += row["rows"]
    for partner, feed, count in _ambiguous_requests(ledger):
        of(partner, feed).ambiguous = count
    for partner, feed, closed_at_us in _last_good(ledger):
        of(partner, feed).last_good_at = datetime.fromtimestamp(closed_at_us / 1_000_000, UTC)
    states = partner_states(ledger, partners, int(now.timestamp() * 1_000_000))
    breakers = tuple(
        BreakerFacts(**{name: row[name] for name in ("partner", "state", "failures", "until", "why")}) for row in states
    )
    return ServiceFacts(feeds=tuple(feeds.values()), breakers=breakers)


def _ambiguous_requests(ledger: Ledger) -> list[tuple[str, str, int]]:
    """Return the number of ambiguous requests by partner and feed."""
    c = EXCHANGE.c
    query = (
        sa.select(c.partner, c.feed, sa.func.count())
        .join(PARCEL, PARCEL.c.exchange_id == c.id)
        .where(PARCEL.c.state == "ambiguous")
        .group_by(c.partner, c.feed)
    )
    return _read(ledger, query)


def _last_good(ledger: Ledger) -> list[tuple[str, str, int]]:
    """Return when an exchange of each feed was last completed, in microseconds since 1970."""
    c = EXCHANGE.c
    query = sa.select(c.partner, c.feed, sa.func.max(c.closed_at_us)).where(
        c.outcome == "done", c.closed_at_us.is_not(None)
    )
    return _read(ledger, query.group_by(c.partner, c.feed))


def _read(ledger: Ledger, query: sa.Select[Any]) -> list[tuple[str, str, int]]:
    with ledger.reporting_errors():
        rows = [(partner, feed, value) for partner, feed, value in ledger.connection.execute(query)]
        ledger.connection.rollback()  # ends the read transaction, so that no writer waits for it
    return rows
