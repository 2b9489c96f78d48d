"""What gates and guardrails count: the files that either side has had since a time, and how they ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.ledger.schema import EXCHANGE
from poc.ledger.tables.route import FILE_SENDER

if TYPE_CHECKING:
    from poc.ledger.ledger import Ledger

_C, _E = FILE_SENDER.c, EXCHANGE.c


def _of_outcomes(*outcomes: str) -> sa.Function[int]:
    return sa.func.sum(sa.case((_E.outcome.in_(outcomes), 1), else_=0))


_FEED = sa.and_(_C.partner == sa.bindparam("of_partner"), _C.feed == sa.bindparam("of_feed"))
SELECT_SERVICE = (
    sa.select(
        sa.func.count(),
        _of_outcomes("done"),
        _of_outcomes("failed", "given_up", "refused"),
        _of_outcomes("ambiguous"),
        sa.func.sum(_E.rows_failed),
        sa.func.sum(_E.rows_ambiguous),
    )
    .select_from(
        FILE_SENDER.join(
            EXCHANGE, sa.and_(_E.partner == _C.partner, _E.feed == _C.feed, _E.sha256 == _C.sha256), isouter=True
        )
    )
    .where(_FEED, _C.side == "service", _C.given_at_us >= sa.bindparam("since_us"))
)
SELECT_MONOLITH = sa.select(
    sa.func.count(),
    sa.func.sum(sa.case((_C.state == "done", 1), else_=0)),
    sa.func.sum(sa.case((_C.state.in_(("failed", "ambiguous", "given_up")), 1), else_=0)),
    sa.func.max(_C.begun_at_us),
).where(_FEED, _C.side == "monolith")


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
    """Return the counts of all files of the monolith, and when its command was last begun.

    Raises TryLater, LedgerDamaged.
    """
    values = {"of_partner": partner, "of_feed": feed}
    given, done, failed, begun_at_us = ledger.execute(SELECT_MONOLITH, values)[0]
    return SideCounts(given, done or 0, failed or 0), begun_at_us
