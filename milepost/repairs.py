"""Quarantined rows for the dashboard, which does not import the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from milepost.errors import describe_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.repairs import HeldExchange, HeldRows
    from milepost.context import WorkspaceContext

T = TypeVar("T")


def list_held(context: WorkspaceContext) -> list[HeldExchange]:
    """Return the exchanges with held rows, the newest first. Raises NotReadable."""
    from contextlib import closing

    from dashboard.repairs import HeldExchange
    from poc.ledger.ledger import open_ledger
    from poc.ledger.queries import quarantined_exchanges

    def read() -> list[HeldExchange]:
        if not context.workspace.ledger.exists():
            return []
        with closing(open_ledger(context.workspace.ledger)) as ledger:
            return [
                HeldExchange(
                    exchange_id=row["id"], partner=row["partner"], feed=row["feed"], file=row["file"], rows=row["rows"]
                )
                for row in quarantined_exchanges(ledger)
            ]

    return in_words(read)


def read_held(context: WorkspaceContext, exchange: str, limit: int) -> HeldRows:
    """Return the first held rows of an exchange. Raises NotReadable."""
    from dashboard.repairs import HeldExchange, HeldRow, HeldRows
    from poc.cli.operations.repair import read_held_rows

    held = in_words(lambda: read_held_rows(context, exchange, limit))
    return HeldRows(
        exchange=HeldExchange(
            exchange_id=held.exchange_id, partner=held.partner, feed=held.feed, file=held.file, rows=held.total
        ),
        rows=tuple(
            HeldRow(row=row.row, text=row.text, is_text=row.is_text, findings=row.findings) for row in held.rows
        ),
    )


def in_words(read: Callable[[], T]) -> T:
    """Return what a function reads; an expected error becomes NotReadable."""
    from dashboard.repairs import NotReadable

    try:
        return read()
    except Exception as error:
        message, code = describe_error(error)
        if code is None:
            raise
        raise NotReadable(str(message)) from error
