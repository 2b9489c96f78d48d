"""Quarantined rows for the dashboard, which does not import the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milepost.errors import expected_errors_as

if TYPE_CHECKING:
    from dashboard.repairs import HeldExchange, HeldRows
    from milepost.context import WorkspaceContext


def list_held(context: WorkspaceContext) -> list[HeldExchange]:
    """Return the exchanges with held rows, the newest first. Raises NotReadable."""
    from contextlib import closing

    from dashboard.repairs import HeldExchange, NotReadable
    from poc.ledger.opening import open_used_ledger
    from poc.ledger.queries import quarantined_exchanges

    with expected_errors_as(NotReadable):
        used_ledger = open_used_ledger(context.workspace.ledger)
        if used_ledger is None:
            return []
        with closing(used_ledger) as ledger:
            return [
                HeldExchange(
                    exchange_id=row["id"], partner=row["partner"], feed=row["feed"], file=row["file"], rows=row["rows"]
                )
                for row in quarantined_exchanges(ledger)
            ]


def read_held(context: WorkspaceContext, exchange: str, limit: int) -> HeldRows:
    """Return the first held rows of an exchange. Raises NotReadable."""
    from dashboard.repairs import HeldExchange, HeldRow, HeldRows, NotReadable
    from poc.cli.operations.repair import read_held_rows

    with expected_errors_as(NotReadable):
        held = read_held_rows(context, exchange, limit)
    return HeldRows(
        exchange=HeldExchange(
            exchange_id=held.exchange_id, partner=held.partner, feed=held.feed, file=held.file, rows=held.total
        ),
        rows=tuple(
            HeldRow(row=row.row, text=row.text, is_text=row.is_text, findings=row.findings) for row in held.rows
        ),
    )
