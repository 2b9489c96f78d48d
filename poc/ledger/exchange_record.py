"""An exchange as the ledger has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


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
