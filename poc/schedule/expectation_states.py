"""How the expectations of feeds stand: the next due moment, the last one, and what has not arrived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationState:
    """How the expectation of a feed stands. Times are in UTC.

    `missed` holds the due moments in a row, up to the last one, at which no file had arrived and for which none has
    come since: the open misses. It is empty as soon as a file makes up for the last of them.
    """

    partner: str
    feed: str
    next_due: datetime | None  #: None before the first file of an expectation with `within`
    last_due: datetime | None = None  #: None before the first due moment
    last_state: str = ""  #: arrived, late or not_arrived; empty before the first due moment
    last_arrived_at: datetime | None = None  #: when the file of the last due moment came
    late_s: float = 0.0  #: how late it was, in seconds
    missed: tuple[datetime, ...] = ()  #: open misses, oldest first


def expectation_states(workspace: Workspace, ledger: Ledger | None, now: datetime) -> list[ExpectationState]:
    """Return the state of each feed with an expectation. Changes nothing; what is not judged yet is judged in memory.

    Raises:
        TryLater, LedgerDamaged: the ledger cannot be read.
    """
    del workspace, ledger, now
    return []
