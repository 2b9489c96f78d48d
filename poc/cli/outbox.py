"""`milepost outbox`: list, resend, settle or discard unconfirmed requests."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, EXCHANGE, current_us, echo_json, print_done

if TYPE_CHECKING:
    from poc.cli.console import CliContext


@click.group()
def outbox() -> None:
    """List unconfirmed requests, and send them again, mark them as arrived or discard them.

    EXCHANGE is the beginning of an exchange's id, as `milepost outbox ls` shows it, or the name of its file.
    """


@outbox.command("ls")
@AS_JSON
@click.pass_obj
def list_requests(context: CliContext, as_json: bool) -> None:
    """List the requests that are reserved and not confirmed."""
    from poc.ledger.opening import open_ledger
    from poc.ledger.queries import unconfirmed_requests

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        requests = unconfirmed_requests(ledger)
    if as_json:
        echo_json(requests)
        return
    reasons: dict[str, str] = {}
    for request in requests:
        feed, file = f"{request['partner']}/{request['feed']}", request["file"]
        settled = request["state"] in {"ambiguous", "failed"}
        outcome = request["state"] if settled else request["outcome"]
        head = f"{request['id'][:12]}  {feed}  {file}, request {request['name']}"
        print_line(f"{head}: {request['rows']:,} row(s), {outcome}")
        note = request["note"]
        if not note and reasons.get(request["id"]) != request["reason"]:  # once an exchange
            note = reasons[request["id"]] = request["reason"]
        if note:
            print_line(f"  {note}")
        if request["redelivery"]:
            print_line(f"  {request['redelivery']}")
    if not requests:
        print_line("No request is waiting to be sent.")


@outbox.command()
@click.argument("target", metavar="[PARTNER|EXCHANGE]", required=False)
@click.option("--all", "all_partners", is_flag=True, help="Send the failed and due requests of all partners.")
@AS_JSON
@click.pass_obj
def resend(context: CliContext, target: str | None, all_partners: bool, as_json: bool) -> None:
    """Send requests again with the next run: of one exchange, of one partner, or of all.

    Of a partner, these are the failed and due ones; ambiguous ones stay. Of an EXCHANGE, also the ambiguous ones: name
    it if the partner does not have them. The partner is released, too: its circuit breakers are closed, a pause ends.
    """
    from poc.cli import acts

    if (target is None) != all_partners:
        raise click.UsageError("name a PARTNER or an EXCHANGE, or give --all")
    print_done(acts.resend(context, target, current_us()), as_json=as_json)


@outbox.command()
@EXCHANGE
@AS_JSON
@click.pass_obj
def arrived(context: CliContext, exchange: str, as_json: bool) -> None:
    """Mark ambiguous requests as arrived: they count as delivered and are not sent again."""
    from poc.cli import acts

    print_done(acts.mark_as_arrived(context, exchange, current_us()), as_json=as_json)


@outbox.command("discard")
@EXCHANGE
@click.option("--why", required=True, help="The reason, kept with the exchange.")
@AS_JSON
@click.pass_obj
def discard_requests(context: CliContext, exchange: str, why: str, as_json: bool) -> None:
    """Give an exchange up: its undelivered rows count as failed and are never sent."""
    from poc.cli import acts

    print_done(acts.give_up_requests(context, exchange, why), as_json=as_json)
