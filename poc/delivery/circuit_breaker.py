"""The circuit breaker of a partner: when it opens, how long it stays open, and its row in the ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from poc.ledger.schema import BREAKER

if TYPE_CHECKING:
    from poc.config.partner import RetrySchedule
    from poc.ledger.ledger import Ledger


#: Longest time that a circuit breaker stays open, in seconds, before `scale`.
MAX_COOLDOWN_S = 3600.0


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """The state of a partner's circuit breaker. Times are microseconds since 1970.

    `closed`: requests are sent. `open`: no request is sent until `until_us`. `half-open`: after that time, one request
    is sent as a probe; a workspace has one run at a time, so that request has its answer before the next one.
    `failures` counts failed deliveries in a row, `trips` openings without a success in between.
    """

    failures: int = 0
    opened_at_us: int | None = None
    until_us: int | None = None
    trips: int = 0

    def state(self, now_us: int) -> Literal["closed", "open", "half-open"]:
        """Return the state at a time."""
        if self.until_us is None:
            return "closed"
        return "open" if now_us < self.until_us else "half-open"

    def after_failure(self, now_us: int, retry: RetrySchedule) -> CircuitBreaker:
        """Return the breaker after a failed delivery.

        The `breaker_failures`th failure in a row opens it. After it has been open, any failure opens it again.
        """
        failures = self.failures + 1
        if self.until_us is None and failures < retry.breaker_failures:
            return replace(self, failures=failures)
        trips = self.trips + 1
        return CircuitBreaker(failures, now_us, now_us + cooldown_us(trips, retry), trips)

    def after_wait(self, now_us: int, until_us: int) -> CircuitBreaker:
        """Return the breaker, open until the time that the partner asked for; this does not count as a failure."""
        return replace(self, opened_at_us=now_us, until_us=max(until_us, self.until_us or 0))

    def after_success(self) -> CircuitBreaker:
        """Return the breaker after a success: closed, with all counts at zero."""
        return CircuitBreaker()


def cooldown_us(trips: int, retry: RetrySchedule) -> int:
    """Return how long the nth opening lasts, in microseconds: doubled each time, at most an hour, times `scale`."""
    doubled_s = retry.breaker_s * 2.0 ** min(trips - 1, 64)
    return int(min(doubled_s, MAX_COOLDOWN_S) * retry.scale * 1_000_000)


SELECT_BREAKER = sa.select(*(BREAKER.c[part.name] for part in fields(CircuitBreaker))).where(
    BREAKER.c.partner == sa.bindparam("key")
)
REPLACE_BREAKER = sa.insert(BREAKER).prefix_with("OR REPLACE")
DELETE_BREAKER = sa.delete(BREAKER).where(BREAKER.c.partner == sa.bindparam("key"))


def load_breaker(ledger: Ledger, partner: str) -> CircuitBreaker:
    """Load the circuit breaker of a partner; closed where the ledger has none. Raises TryLater, LedgerDamaged."""
    rows = ledger.execute(SELECT_BREAKER, {"key": partner})
    return CircuitBreaker(*rows[0]) if rows else CircuitBreaker()


def save_breaker(ledger: Ledger, partner: str, breaker: CircuitBreaker) -> None:
    """Save the circuit breaker of a partner with the ledger's next commit. Raises TryLater, LedgerDamaged."""
    if breaker == CircuitBreaker():
        ledger.execute(DELETE_BREAKER, {"key": partner})
    else:
        ledger.execute(REPLACE_BREAKER, {"partner": partner, **asdict(breaker)})
