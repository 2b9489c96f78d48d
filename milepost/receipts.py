"""The job of a running service for files that came by HTTP without their names, and for receipts."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.config.workspace import Workspace


def make_receipt_job(workspace: Callable[[], Workspace], stop: Callable[[], bool]) -> Callable[[], None]:
    """Return the job; while no partner gets receipts, it imports and reads nothing."""
    is_first = True

    def write_receipts() -> None:
        nonlocal is_first
        partners = workspace().partners.values()
        if not any(partner.gets_receipts for partner in partners):
            return
        from datetime import UTC, datetime

        from poc.receipts.receipt_job import ReceiptJob

        if any(partner.intake is not None for partner in partners):
            place_files(workspace(), is_first=is_first)
            is_first = False
        ReceiptJob(workspace, lambda: datetime.now(UTC), os.environ, stop)()

    return write_receipts


def place_files(workspace: Workspace, *, is_first: bool) -> None:
    """Place the files that came in before a crash; at the first time, delete parts that no process receives."""
    from time import time_ns

    from poc.intake.placing import place_unplaced, remove_stray_parts
    from poc.ledger.opening import open_ledger

    if is_first:
        remove_stray_parts(workspace)
    with closing(open_ledger(workspace.ledger)) as ledger:
        place_unplaced(workspace, ledger, time_ns() // 1000)
