"""`milepost outbox`: list, resend, settle or discard unconfirmed requests."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from poc.cli.console import AS_JSON, EXCHANGE, echo_json, escape_control_characters, exclusive_ledger

if TYPE_CHECKING:
    from poc.cli.console import CliContext


@click.group()
def outbox() -> None:
    """Requests that are not confirmed, and what to do with them.

    EXCHANGE is the beginning of an exchange's id, as `milepost outbox ls` shows it.
    """


@outbox.command("ls")
@AS_JSON
@click.pass_obj
def list_requests(front: CliContext, as_json: bool) -> None:
    """List the requests that are reserved and not confirmed."""
    from poc.ledger.ledger import open_ledger
    from poc.ledger.queries import unconfirmed_requests

    with closing(open_ledger(front.workspace.ledger)) as ledger:
        found = unconfirmed_requests(ledger)
    if as_json:
        echo_json(found)
        return
    for row in found:
        feed, file = f"{row['partner']}/{row['feed']}", escape_control_characters(row["file"])
        head = f"{row['id'][:12]}  {feed}  {file}, request {row['name']}"
        click.echo(f"{head}: {row['rows']:,} row(s), {row['outcome'] if row['state'] != 'ambiguous' else 'ambiguous'}")
        if row["note"]:
            click.echo(escape_control_characters(f"  {row['note']}"))
    if not found:
        click.echo("Nothing waits to be sent.")


@outbox.command()
@EXCHANGE
@click.pass_obj
def resend(front: CliContext, exchange: str) -> None:
    """Have requests that failed, or that the partner says it does not hold, sent again by the next run."""
    _answer(front, exchange, arrived=False)


@outbox.command()
@EXCHANGE
@click.pass_obj
def arrived(front: CliContext, exchange: str) -> None:
    """Say of ambiguous requests that the partner holds them: they count as delivered and are not sent again."""
    _answer(front, exchange, arrived=True)


@outbox.command("discard")
@EXCHANGE
@click.option("--why", required=True, help="The reason, for whoever asks later.")
@click.pass_obj
def discard_requests(front: CliContext, exchange: str, why: str) -> None:
    """Give an exchange up: what of it was not delivered counts as failed, for good, and is never sent."""
    from poc.delivery.outbox_actions import give_up
    from poc.ledger.ledger import find_by_prefix

    with exclusive_ledger(front) as ledger:
        entry = find_by_prefix(ledger, exchange)
        rows = give_up(ledger, entry, why)
    click.echo(f"{rows:,} row(s) of {entry.file} given up: {why}")


def _answer(front: CliContext, exchange: str, *, arrived: bool) -> None:
    from datetime import UTC, datetime

    from poc.delivery.outbox_actions import settle
    from poc.ledger.ledger import find_by_prefix

    with exclusive_ledger(front) as ledger:
        entry = find_by_prefix(ledger, exchange)
        rows = settle(ledger, entry, int(datetime.now(UTC).timestamp() * 1_000_000), arrived=arrived)
    then = "counted as delivered" if arrived else "sent again by the next `milepost run`"
    click.echo(f"{rows:,} row(s) of {entry.file}: {then}.")
