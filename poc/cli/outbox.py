"""`milepost outbox`: list, resend, settle or discard unconfirmed requests."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, EXCHANGE, echo_json, exclusive_ledger

if TYPE_CHECKING:
    from poc.cli.console import CliContext


@click.group()
def outbox() -> None:
    """List unconfirmed requests, and send them again, mark them as arrived or discard them.

    EXCHANGE is the beginning of an exchange's id, as `milepost outbox ls` shows it.
    """


@outbox.command("ls")
@AS_JSON
@click.pass_obj
def list_requests(context: CliContext, as_json: bool) -> None:
    """List the requests that are reserved and not confirmed."""
    from poc.ledger.ledger import open_ledger
    from poc.ledger.queries import unconfirmed_requests

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        requests = unconfirmed_requests(ledger)
    if as_json:
        echo_json(requests)
        return
    for request in requests:
        feed, file = f"{request['partner']}/{request['feed']}", request["file"]
        outcome = "ambiguous" if request["state"] == "ambiguous" else request["outcome"]
        head = f"{request['id'][:12]}  {feed}  {file}, request {request['name']}"
        print_line(f"{head}: {request['rows']:,} row(s), {outcome}")
        if request["note"]:
            print_line(f"  {request['note']}")
    if not requests:
        print_line("No request is waiting to be sent.")


@outbox.command()
@EXCHANGE
@click.pass_obj
def resend(context: CliContext, exchange: str) -> None:
    """Send failed requests, or ambiguous ones that the partner does not have, again with the next run."""
    _settle(context, exchange, arrived=False)


@outbox.command()
@EXCHANGE
@click.pass_obj
def arrived(context: CliContext, exchange: str) -> None:
    """Mark ambiguous requests as arrived: they count as delivered and are not sent again."""
    _settle(context, exchange, arrived=True)


@outbox.command("discard")
@EXCHANGE
@click.option("--why", required=True, help="The reason, kept with the exchange.")
@click.pass_obj
def discard_requests(context: CliContext, exchange: str, why: str) -> None:
    """Give an exchange up: its undelivered rows count as failed and are never sent."""
    from poc.delivery.outbox_actions import give_up
    from poc.ledger.ledger import find_by_prefix

    with exclusive_ledger(context) as ledger:
        entry = find_by_prefix(ledger, exchange)
        rows = give_up(ledger, entry, why)
    print_line(f"{rows:,} row(s) of {entry.file} given up: {why}")


def _settle(context: CliContext, exchange: str, *, arrived: bool) -> None:
    from datetime import UTC, datetime

    from poc.delivery.outbox_actions import settle
    from poc.ledger.ledger import find_by_prefix

    with exclusive_ledger(context) as ledger:
        entry = find_by_prefix(ledger, exchange)
        rows = settle(ledger, entry, int(datetime.now(UTC).timestamp() * 1_000_000), arrived=arrived)
    result = "counted as delivered" if arrived else "sent again by the next `milepost run`"
    print_line(f"{rows:,} row(s) of {entry.file}: {result}.")
