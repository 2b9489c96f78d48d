"""The job of a running service that writes receipts for partners."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.config.workspace import Workspace


def make_receipt_job(workspace: Callable[[], Workspace], stop: Callable[[], bool]) -> Callable[[], None]:
    """Return the job; while no partner gets receipts, it imports and reads nothing."""

    def write_receipts() -> None:
        if any(partner.gets_receipts for partner in workspace().partners.values()):
            from datetime import UTC, datetime

            from poc.receipts.receipt_job import ReceiptJob

            ReceiptJob(workspace, lambda: datetime.now(UTC), os.environ, stop)()

    return write_receipts
