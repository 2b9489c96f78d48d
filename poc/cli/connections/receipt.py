"""`milepost receipt`: what partners are told of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json
from poc.text import format_utc

if TYPE_CHECKING:
    from poc.cli.console import CliContext
    from poc.receipts.receipt_store import StoredReceipt


@click.group()
def receipt() -> None:
    """Show what partners are told of their files."""


@receipt.command("show")
@click.argument("text", metavar="FILE|EXCHANGE")
@AS_JSON
@click.pass_obj
def show(context: CliContext, text: str, as_json: bool) -> None:
    """Show the receipts of a file, by its name or the beginning of the id of its exchange, from the ledger.

    Exit codes: 0; 2 where there is no such file, or its partner gets no receipts.
    """
    import json
    from contextlib import closing

    from poc.errors import BadInput
    from poc.ledger.lookup import find_by_prefix
    from poc.ledger.opening import open_ledger
    from poc.receipts.receipt_store import find_receipts

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        receipts = find_receipts(ledger, text)
        if not receipts:
            entry = find_by_prefix(ledger, text)
            raise BadInput(
                f"exchange {entry.exchange_id[:12]} has no receipt: {entry.partner} gets none, or got none then; a "
                f"table `[receipts]` in partners/{entry.partner}.toml gives it receipts"
            )
    if as_json:
        echo_json([{"receipt": json.loads(one.body), **_about(one)} for one in receipts])
        return
    for one in receipts:
        print_receipt(one)


def print_receipt(receipt: StoredReceipt) -> None:
    """Print a receipt: its status and counts, its errors, and where it stands."""
    import json

    data: dict[str, Any] = json.loads(receipt.body)["data"]
    counts = ", ".join(f"{count:,} {name}" for name, count in data["counts"].items() if count) or "no rows"
    print_line(f"{receipt.partner}/{receipt.feed} {receipt.file}: {data['status']} ({counts})")
    for error in data["errors"]:
        print_line(f"  {error['code']}: {error['rows']:,} rows")
    if reason := data.get("reason"):
        print_line(f"  {reason}")
    final = "final" if receipt.is_final else "not final: rows are still to be delivered"
    print_line(f"  {receipt.id}, revision {receipt.revision}, {final}; exchange {receipt.exchange_id[:12]}")
    print_line(f"  sha256 {data['sha256']}; made {format_utc(receipt.made_at_us)}; {_state(receipt)}")


def _state(receipt: StoredReceipt) -> str:
    if receipt.state == "sent" and receipt.sent_at_us is not None:
        return f"written {format_utc(receipt.sent_at_us)} as {receipt.name}.receipt.json"
    if receipt.state == "due":
        return f"not written yet: {receipt.error}" if receipt.error else "to be written"
    return "to be asked for by HTTP"


def _about(receipt: StoredReceipt) -> dict[str, object]:
    return {
        "message_id": receipt.message_id,
        "name": f"{receipt.name}.receipt.json",
        "state": receipt.state,
        "error": receipt.error,
        "sent_at": None if receipt.sent_at_us is None else format_utc(receipt.sent_at_us),
    }
