"""Open a ledger: the file of a workspace, or a PostgreSQL database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from poc.ledger.sqlite.presence import move_lost_ledger, refuse_lost_ledger
from poc.ledger.sqlite.store import open_sqlite_ledger

if TYPE_CHECKING:
    from poc.ledger.ledger import Ledger
    from poc.ledger.workspace_id import PlaceDecision
    from poc.ledger_address import LedgerAddress


def create_ledger(path: Path) -> None:
    """Create an empty ledger in the place of one that is lost, as a person decided. Raises as `open_ledger` does."""
    move_lost_ledger(path)
    open_sqlite_ledger(path, replace_lost=True).close()


def open_ledger(address: LedgerAddress, *, fixed_id: str | None = None, decision: PlaceDecision = "check") -> Ledger:
    """Open the ledger at `address`; a file of SQLite is created for a new workspace.

    `fixed_id` and `decision` are those of `identify_workspace`.

    Raises:
        LedgerDamaged: it is not a ledger, or is from another release, or it is lost: missing or empty although there
            was one before; or it is in another place, and may be a copy; nothing was changed.
        BadInput: it was not moved, as `decision` says: the original is still there.
        TryLater: another program has it locked, or its server cannot be reached.
    """
    if isinstance(address, Path):
        return open_sqlite_ledger(address, fixed_id=fixed_id, decision=decision)
    from poc.ledger.postgres.opening import open_postgres_ledger

    return open_postgres_ledger(address, fixed_id=fixed_id, decision=decision)


def open_used_ledger(address: LedgerAddress) -> Ledger | None:
    """Open the ledger at `address`; None where nothing was exchanged yet. Raises as `open_ledger` does."""
    if isinstance(address, Path):
        refuse_lost_ledger(address)
        if not address.exists():
            return None
    return open_ledger(address)
