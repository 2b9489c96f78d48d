"""What gates and guardrails count: the files that either side has had since a time, and how they ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.ledger.schema import EXCHANGE
from poc.ledger.tables.route import FILE_SENDER

if TYPE_CHECKING:
    from poc.ledger.ledger import Ledger

#: The most files that are counted, the newest ones: a guardrail is asked in every turn.
MAX_FILES = 1_000

_E = EXCHANGE.c


def _count(column: sa.ColumnElement[str], *values: str) -> sa.Function[int]:
    """Return the number of rows in which a column has one of these values."""
    return sa.func.sum(sa.case((sa.or_(*(column == value for value in values)), 1), else_=0))


def _newest(side: str) -> sa.Subquery:
    """Return the newest files that a side was given since a time."""
    return (
        sa.select(FILE_SENDER)
        .where(
            FILE_SENDER.c.partner == sa.bindparam("of_partner"),
            FILE_SENDER.c.feed == sa.bindparam("of_feed"),
            FILE_SENDER.c.side == side,
            FILE_SENDER.c.given_at_us >= sa.bindparam("since_us"),
        )
        .order_by(FILE_SENDER.c.given_at_us.desc())
        .limit(sa.literal_column(str(MAX_FILES)))
        .subquery(side)
    )


_SERVICE, _MONOLITH = _newest("service"), _newest("monolith")
SELECT_SERVICE = sa.select(
    sa.func.count(),
    _count(_E.outcome, "done"),
    _count(_E.outcome, "failed", "given_up", "refused"),
    _count(_E.outcome, "ambiguous"),
    sa.func.sum(_E.rows_failed),
    sa.func.sum(_E.rows_ambiguous),
).select_from(_SERVICE.join(EXCHANGE, _E.id == _SERVICE.c.exchange_id, isouter=True))
SELECT_MONOLITH = sa.select(
    sa.func.count(),
    _count(_MONOLITH.c.state, "done"),
    _count(_MONOLITH.c.state, "failed", "ambiguous", "given_up"),
    sa.func.max(_MONOLITH.c.begun_at_us),
)


@dataclass(frozen=True, slots=True)
class SideCounts:
    """The files of one side: `given` in all, of which `done` are exchanged, and `failed` ended without that.

    `ambiguous` files, and rows, may have arrived or not; `lost_rows` were not delivered and nothing sends them again.
    A file that is still to be exchanged or sent again is in none of them.
    """

    given: int = 0
    done: int = 0
    failed: int = 0
    ambiguous: int = 0
    lost_rows: int = 0
    ambiguous_rows: int = 0

    @property
    def ended(self) -> int:
        """The files that were exchanged, or failed."""
        return self.done + self.failed + self.ambiguous

    @property
    def failed_share(self) -> float:
        """The share of failed files among those that ended; 0 without any."""
        return (self.failed + self.ambiguous) / self.ended if self.ended else 0.0


def service_counts(ledger: Ledger, partner: str, feed: str, since_us: int) -> SideCounts:
    """Return the counts of the files that the service was given since a time. Raises TryLater, LedgerDamaged."""
    values = {"of_partner": partner, "of_feed": feed, "since_us": since_us}
    return SideCounts(*(count or 0 for count in ledger.execute(SELECT_SERVICE, values)[0]))


def monolith_counts(ledger: Ledger, partner: str, feed: str) -> tuple[SideCounts, int | None]:
    """Return the counts of the files of the monolith, and when its command was last begun.

    Raises TryLater, LedgerDamaged.
    """
    values = {"of_partner": partner, "of_feed": feed, "since_us": 0}
    given, done, failed, begun_at_us = ledger.execute(SELECT_MONOLITH, values)[0]
    return SideCounts(given, done or 0, failed or 0), begun_at_us
