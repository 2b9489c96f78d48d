"""`milepost partner`: add a partner, list partners and release one; without a command, start the practice partner."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, breaker_effect, current_us, echo_json, print_done
from poc.cli.onboarding.partner_add import add

if TYPE_CHECKING:
    from poc.cli.console import CliContext


@click.group(invoke_without_command=True)
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port on loopback, 0 for any free one; by default as in the URLs."
)
@click.pass_context
def partner(ctx: click.Context, port: int | None) -> None:
    """Add a partner, list the partners, or release one to which nothing is sent.

    Without a command: start a practice partner that accepts deliveries and stores them in var/partner, until Ctrl-C.
    """
    if ctx.invoked_subcommand is not None:
        if port is not None:
            raise click.UsageError("--port goes with the practice partner; leave it out")
        return
    from poc.cli.practice_partner import serve_practice_partner

    ctx.exit(serve_practice_partner(ctx.obj, port))


@partner.command("ls")
@AS_JSON
@click.pass_obj
def list_partners(context: CliContext, as_json: bool) -> None:
    """List each partner with the state of its circuit breaker, until when it lasts, and why.

    `closed`: requests are sent. `open`: nothing is sent for a while. `half-open`: the next request is a probe.
    `paused`: the partner turned us away; nothing is sent until `milepost partner release`. A feed whose own address
    fails has a line of its own, PARTNER/FEED.
    """
    from datetime import UTC, datetime

    from poc.ledger.opening import open_ledger
    from poc.retries.partner_state import partner_states

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
        rows = partner_states(ledger, context.workspace.partners, now_us)
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        counts = ", ".join(f"{row[name]:,} {name}" for name in ("due", "failed", "ambiguous") if row[name])
        print_line(f"{row['partner']}: {row['state']}, {breaker_effect(row)}" + (f"; {counts}" if counts else ""))
        if row["why"]:
            print_line(f"  {row['why']}")
    if not rows:
        print_line("No partner is configured.")


@partner.command()
@click.argument("name", metavar="PARTNER")
@AS_JSON
@click.pass_obj
def release(context: CliContext, name: str, as_json: bool) -> None:
    """Lift the pause of a partner, close its circuit breakers, and make due now what waited for that.

    Requests that the partner refused for good stay failed; `milepost outbox resend PARTNER` sends these again, too.
    """
    from poc.cli import acts

    print_done(acts.release(context, name, current_us()), as_json=as_json)


partner.add_command(add)
