"""The parity of a feed, as gates and guardrails ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poc.parity.state import ParityState

if TYPE_CHECKING:
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.parity.state import ParityReader


def parity_reader(workspace: Workspace, ledger: Ledger) -> ParityReader:
    """Return what answers gates and guardrails of this workspace, by the dispositions that hold now."""
    del workspace, ledger

    def read(partner: str, feed: str, since_us: int = 0) -> ParityState:
        del partner, feed, since_us
        return ParityState()

    return read
