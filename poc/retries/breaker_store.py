"""The circuit breakers of one feed in the ledger: the partner's, and that of the feed's own address.

Several attempts may use the breaker of a partner at once. Each notes its events, failures and successes, and applies
them to the ledger's row when it ends. So no failure that another attempt counted is lost, and no pause is lifted.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from poc.ledger.due import TOLERANCE_US
from poc.ledger.schema import BREAKER
from poc.retries.circuit_breaker import CircuitBreaker, longest_wait_us

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.config.partner import RetrySchedule
    from poc.ledger.ledger import Ledger

#: A change of a circuit breaker by an event: takes the state before, returns the state after.
BreakerEvent: TypeAlias = "Callable[[CircuitBreaker], CircuitBreaker]"

#: The breakers are read again before a request if they were read longer ago than this, in microseconds.
FRESH_US = 100_000

KEY = BREAKER.c.partner == sa.bindparam("key")
SELECT_BREAKERS = sa.select(BREAKER.c.partner, *(BREAKER.c[part.name] for part in fields(CircuitBreaker))).where(
    BREAKER.c.partner.in_((sa.bindparam("partner_key"), sa.bindparam("feed_key")))
)
#: Adds the row, or changes nothing: in both cases no other connection can change it until the next commit.
LOCK_BREAKER = (
    insert(BREAKER)
    .values(partner=sa.bindparam("key"), failures=0, trips=0)
    .on_conflict_do_update(index_elements=[BREAKER.c.partner], set_={"failures": BREAKER.c.failures})
)
UPDATE_BREAKER = sa.update(BREAKER).where(KEY)
DELETE_BREAKER = sa.delete(BREAKER).where(KEY)
#: Changes nothing; from then on no other connection changes the ledger until the next commit.
WAIT_TO_CLAIM = sa.update(BREAKER).where(KEY).values(failures=BREAKER.c.failures)
CLAIM_PROBE = (
    sa.update(BREAKER)
    .where(
        KEY,
        BREAKER.c.paused_at_us.is_(None),
        sa.or_(
            BREAKER.c.probe_until_us.is_(None),
            BREAKER.c.probe_until_us <= sa.bindparam("now"),
            BREAKER.c.probe_until_us > sa.bindparam("latest"),  # written while the clock was wrong
        ),
    )
    .values(probe_until_us=sa.bindparam("until"))
    .returning(BREAKER.c.partner)
)
DELETE_OF_PARTNER = sa.delete(BREAKER).where(
    sa.or_(KEY, sa.func.substr(BREAKER.c.partner, 1, sa.bindparam("length")) == sa.bindparam("feeds"))
)


class FeedBreakers:
    """The circuit breakers that the requests of one feed have to pass.

    Args:
        ledger: holds them.
        partner: the partner.
        feed: the feed.
        probe_us: how long a probe may take, in microseconds.

    Raises:
        TryLater, LedgerDamaged: the ledger cannot be used; of every method that reads or writes it.
    """

    def __init__(self, ledger: Ledger, partner: str, feed: str, probe_us: int) -> None:
        self.partner_key, self.feed_key = partner, f"{partner}/{feed}"
        self._ledger = ledger
        self.probe_us = probe_us
        self._stored: dict[str, CircuitBreaker] = {}
        self._read_at_us: int | None = None
        self._events: dict[str, list[BreakerEvent]] = {}

    def current(self, now_us: int) -> dict[str, CircuitBreaker]:
        """Return the breakers that are not closed, or have counted a failure, by their key."""
        if self._read_at_us is None or not 0 <= now_us - self._read_at_us < FRESH_US:
            self._read_at_us = now_us
            rows = self._ledger.execute(SELECT_BREAKERS, {"partner_key": self.partner_key, "feed_key": self.feed_key})
            self._stored = {key: CircuitBreaker(*values) for key, *values in rows}
        if not self._events:
            return self._stored
        keys = self._stored.keys() | self._events.keys()
        return {key: self._apply(key, self._stored.get(key, CircuitBreaker())) for key in keys}

    def note(self, key: str, event: BreakerEvent) -> None:
        """Note an event for one breaker; `save` writes it."""
        self._events.setdefault(key, []).append(event)

    def claim_probe(self, key: str, clock_us: Callable[[], int]) -> bool:
        """Claim the only probe of a half-open breaker, and commit; return False while another attempt has it.

        The time is that of the claim, however long others wrote to the ledger before.
        """
        self._ledger.execute(WAIT_TO_CLAIM, {"key": key})
        now_us = clock_us()
        until_us = now_us + self.probe_us
        values = {"key": key, "now": now_us, "until": until_us, "latest": until_us + TOLERANCE_US}
        claimed = bool(self._ledger.execute(CLAIM_PROBE, values))
        self._ledger.commit()
        self._read_at_us = None
        return claimed

    def save(self) -> None:
        """Apply the noted events to the ledger's rows with its next commit."""
        for key in sorted(self._events):  # in one order, so that no two attempts wait for each other
            self._ledger.execute(LOCK_BREAKER, {"key": key})
            rows = self._ledger.execute(SELECT_BREAKERS, {"partner_key": key, "feed_key": key})
            breaker = self._apply(key, CircuitBreaker(*rows[0][1:]))
            if breaker == CircuitBreaker():
                self._ledger.execute(DELETE_BREAKER, {"key": key})
            else:
                self._ledger.execute(UPDATE_BREAKER, {**asdict(breaker), "key": key})
        self._events, self._read_at_us = {}, None

    def _apply(self, key: str, breaker: CircuitBreaker) -> CircuitBreaker:
        for event in self._events.get(key, ()):
            breaker = event(breaker)
        return breaker


def success(at_us: int, now_us: Callable[[], int]) -> BreakerEvent:
    """Return the event that the partner accepted a request: it closes the breaker, unless a later request failed."""

    def apply(breaker: CircuitBreaker) -> CircuitBreaker:
        later = breaker.failed_at_us is not None and at_us < breaker.failed_at_us <= now_us() + TOLERANCE_US
        return breaker if later else breaker.after_success()

    return apply


def failure(at_us: int, retry: RetrySchedule, why: str, *, at_once: bool = False) -> BreakerEvent:
    """Return the event that a request failed; with `at_once`, the first one opens the breaker.

    The failure of a request that was under way when another one opened the breaker is counted, and opens it no longer.
    """

    def apply(breaker: CircuitBreaker) -> CircuitBreaker:
        breaker = breaker.at_right_time(at_us, longest_wait_us(retry))
        if breaker.state(at_us) == "open":
            return replace(breaker, failures=breaker.failures + 1, failed_at_us=at_us)
        return breaker.after_failure(at_us, retry, why, at_once=at_once)

    return apply


def wait(at_us: int, until_us: int, retry: RetrySchedule, why: str) -> BreakerEvent:
    """Return the event that the partner asked to wait until a time."""

    def apply(breaker: CircuitBreaker) -> CircuitBreaker:
        return breaker.at_right_time(at_us, longest_wait_us(retry)).after_wait(at_us, until_us, why)

    return apply


def delete_breakers(ledger: Ledger, partner: str) -> None:
    """Close the circuit breakers of a partner and of its feeds, and lift a pause, with the ledger's next commit.

    Raises TryLater, LedgerDamaged.
    """
    ledger.execute(DELETE_OF_PARTNER, {"key": partner, "feeds": f"{partner}/", "length": len(partner) + 1})
