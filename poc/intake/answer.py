"""The answer to a partner that asks for the receipt of a file by HTTP."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from poc.credentials.webhook_keys import load_keys, signature_headers
from poc.errors import BadInput
from poc.intake.errors import RequestRefused
from poc.intake.intake_store import is_under_way
from poc.intake.receive import check_signed, intake_of, unsigned
from poc.ledger.opening import open_ledger
from poc.receipts.receipt_store import find_receipt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from poc.config.workspace import Workspace
    from poc.intake.receive import Signature


def answer_receipt(
    workspace: Workspace,
    partner: str,
    feed: str,
    number: str,
    signature: Signature | None,
    environ: Mapping[str, str],
    now_us: int,
) -> tuple[str, dict[str, str]] | None:
    """Return a receipt with the headers that sign it now; None while its file is under way.

    A signed request has the receipt's id as `webhook-id`, so that it can be used for no other one.

    Raises:
        RequestRefused: 401, or 404 where this feed got no such file.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    settings, _ = intake_of(workspace, partner, feed)
    if signature is not None:
        if signature.message_id != number:
            raise unsigned("The `webhook-id` of this request must be the id of the receipt.")
        check_signed(workspace, settings, signature, environ, now_us)
    with closing(open_ledger(workspace.ledger)) as ledger:
        receipt = find_receipt(ledger, number)
        if receipt is not None and (receipt.partner, receipt.feed) == (partner, feed):
            return receipt.body, _signed(workspace, partner, receipt.message_id, receipt.body, environ, now_us)
        if is_under_way(ledger, partner, feed, number):
            return None
    raise RequestRefused(404, "No such receipt", f"No file with the receipt {number[:80]!r} came in here.")


def _signed(
    workspace: Workspace, partner: str, message_id: str, body: str, environ: Mapping[str, str], now_us: int
) -> dict[str, str]:
    settings = workspace.partners[partner].receipts
    if settings is None:
        return {}
    try:
        keys = load_keys(settings.keys, environ, workspace.root)
    except BadInput as error:
        raise RequestRefused(503, "Not ready", "The receipt cannot be signed now. Ask again later.") from error
    return signature_headers(keys, message_id, now_us // 1_000_000, body.encode())
