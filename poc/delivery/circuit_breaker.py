"""The circuit breaker of a partner: when it opens, how long it stays open, and its row in the ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from poc.ledger.schema import BREAKER

if TYPE_CHECKING:
    from poc.config.partner import Retry
    from poc.ledger.ledger import Ledger


#: Seconds that a breaker stays open at the most, before `scale`.
MAX_COOLDOWN_S = 3600.0


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """Whether a partner is left alone. Times are microseconds since 1970.

    `closed`: deliveries go out. `open`: none does until `until_us`. `half-open`: after that, one probe may go. A
    workspace has one run at a time, so whoever asks first sends it, and waits for its answer. `failures` are in a row,
    `trips` are openings without a success between.
    """

    failures: int = 0
    opened_at_us: int | None = None
    until_us: int | None = None
    trips: int = 0

    def state(self, now_us: int) -> Literal["closed", "open", "half-open"]:
        """How it stands at a time."""
        if self.until_us is None:
            return "closed"
        return "open" if now_us < self.until_us else "half-open"

    def after_failure(self, now_us: int, retry: Retry) -> CircuitBreaker:
        """A delivery failed: one more in a row opens it, and once it has been open, any."""
        failures = self.failures + 1
        if self.until_us is None and failures < retry.breaker_failures:
            return replace(self, failures=failures)
        trips = self.trips + 1
        return CircuitBreaker(failures, now_us, now_us + cooldown_us(trips, retry), trips)

    def after_wait(self, now_us: int, until_us: int) -> CircuitBreaker:
        """The partner asked to be left alone until then; that is no failure."""
        return replace(self, opened_at_us=now_us, until_us=max(until_us, self.until_us or 0))

    def after_success(self) -> CircuitBreaker:
        """The partner takes deliveries: nothing is held against it."""
        return CircuitBreaker()


def cooldown_us(trips: int, retry: Retry) -> int:
    """Microseconds that the nth opening lasts: twice the one before, an hour at the most, all times `scale`."""
    doubled_s = retry.breaker_s * 2.0 ** min(trips - 1, 64)
    return int(min(doubled_s, MAX_COOLDOWN_S) * retry.scale * 1_000_000)


SELECT_BREAKER = sa.select(*(BREAKER.c[part.name] for part in fields(CircuitBreaker))).where(
    BREAKER.c.partner == sa.bindparam("key")
)
REPLACE_BREAKER = sa.insert(BREAKER).prefix_with("OR REPLACE")
DELETE_BREAKER = sa.delete(BREAKER).where(BREAKER.c.partner == sa.bindparam("key"))


def load_breaker(ledger: Ledger, partner: str) -> CircuitBreaker:
    """How a partner stands. Raises TryLater, LedgerDamaged."""
    found = ledger.execute(SELECT_BREAKER, {"key": partner})
    return CircuitBreaker(*found[0]) if found else CircuitBreaker()


def save_breaker(ledger: Ledger, partner: str, breaker: CircuitBreaker) -> None:
    """Remember how a partner stands, with the ledger's next commit. Raises TryLater, LedgerDamaged."""
    if breaker == CircuitBreaker():
        ledger.execute(DELETE_BREAKER, {"key": partner})
    else:
        ledger.execute(REPLACE_BREAKER, {"partner": partner, **asdict(breaker)})
