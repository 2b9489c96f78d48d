"""How partners stand, kept in the ledger: one row a partner whose last delivery failed."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.retry import Breaker
from poc.tables import BREAKER

if TYPE_CHECKING:
    from poc.ledger import Ledger

READ = sa.select(*(BREAKER.c[part.name] for part in fields(Breaker))).where(BREAKER.c.partner == sa.bindparam("key"))
WRITE = sa.insert(BREAKER).prefix_with("OR REPLACE")
FORGET = sa.delete(BREAKER).where(BREAKER.c.partner == sa.bindparam("key"))


def read(ledger: Ledger, partner: str) -> Breaker:
    """How a partner stands. Raises TryLater, LedgerDamaged."""
    found = ledger.run(READ, {"key": partner})
    return Breaker(*found[0]) if found else Breaker()


def write(ledger: Ledger, partner: str, breaker: Breaker) -> None:
    """Remember how a partner stands, with the ledger's next commit. Raises TryLater, LedgerDamaged."""
    if breaker == Breaker():
        ledger.run(FORGET, {"key": partner})
    else:
        ledger.run(WRITE, {"partner": partner, **asdict(breaker)})
