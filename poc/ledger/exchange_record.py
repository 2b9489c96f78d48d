"""An exchange as the ledger has it, and the statements that look it up, enter and change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from metrics.events import OUTCOMES
from poc.ledger.schema import EXCHANGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COUNT_COLUMNS = tuple(f"rows_{name}" for name in ("in", *OUTCOMES))

#: The columns of an exchange that an attempt needs, and at the end its row counts by outcome.
EXCHANGE_COLUMNS = (
    "id", "partner", "feed", "file", "sha256", "attempt", "outcome", "whole", "reserved_to", "agreed", "failures",
    "due_at_us", "opened_at_us", "closed_at_us", "reason", *COUNT_COLUMNS,
)  # fmt: skip

SELECT_EXCHANGE = sa.select(*(EXCHANGE.c[name] for name in EXCHANGE_COLUMNS)).where(
    EXCHANGE.c.id == sa.bindparam("key")
)
INSERT_EXCHANGE = insert(EXCHANGE).on_conflict_do_nothing()
UPDATE_EXCHANGE = sa.update(EXCHANGE).where(EXCHANGE.c.id == sa.bindparam("key"))


@dataclass(frozen=True, slots=True)
class ExchangeRecord:
    """An exchange as the ledger has it before an attempt: `attempt` is the number of the next attempt.

    `outcome` is that of the last attempt, empty for a new file. `whole`: the ledger holds all its rows, so that the
    file is not needed any more. `reserved_to` is the last slot that was reserved, -1 for none, and `settings_digest` a
    digest of the settings under which it was reserved.
    """

    exchange_id: str
    partner: str
    feed: str
    file: str
    sha256: str
    attempt: int = 1
    outcome: str = ""
    whole: bool = False
    reserved_to: int = -1
    settings_digest: str = ""
    failures: int = 0
    due_at_us: int | None = None
    opened_at_us: int = 0
    closed_at_us: int = 0  #: when the last attempt ended
    reason: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)  #: `in` and one count per outcome


def record_of(row: Sequence[Any]) -> ExchangeRecord:
    """Return the record of a row of `EXCHANGE_COLUMNS`."""
    key, partner, feed, file, sha256, attempt, outcome, whole, reserved_to, settings_digest, failures = row[:11]
    due_at_us, opened_at_us, closed_at_us, reason, *counts = row[11:]
    return ExchangeRecord(
        exchange_id=key,
        partner=partner,
        feed=feed,
        file=file,
        sha256=sha256,
        attempt=attempt + 1,
        outcome=outcome,
        whole=bool(whole),
        reserved_to=reserved_to,
        settings_digest=settings_digest,
        failures=failures,
        due_at_us=due_at_us,
        opened_at_us=opened_at_us,
        closed_at_us=closed_at_us or 0,
        reason=reason,
        rows=dict(zip(("in", *OUTCOMES), counts, strict=True)),
    )
