"""The parity of a feed, as gates and guardrails ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poc.parity.feed_parity import parity_state

if TYPE_CHECKING:
    from datetime import datetime

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.parity.state import ParityReader, ParityState


def parity_reader(workspace: Workspace, ledger: Ledger, now: datetime) -> ParityReader:
    """Return what answers gates and guardrails of this workspace, by the dispositions that hold now.

    It raises BadInput where the dispositions cannot be used, TryLater, LedgerDamaged.
    """

    def read(partner: str, feed: str, since_us: int = 0) -> ParityState:
        return parity_state(workspace, ledger, partner, feed, now, since_us)

    return read
