"""`milepost refused`: list refused files, and discard those that no mended file will replace."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, EXCHANGE, current_us, echo_json, print_done
from poc.text import format_utc

if TYPE_CHECKING:
    from poc.cli.console import CliContext


@click.group()
def refused() -> None:
    """List or discard refused files.

    A refused file waits in var/refused. It needs nobody any more when a mended file of its name is accepted, or when it
    is discarded. EXCHANGE is the beginning of an exchange's id, as `milepost refused ls` shows it, or the file's name.
    """


@refused.command("ls")
@click.argument("feed", metavar="[PARTNER[/FEED]]", required=False)
@click.option("--all", "with_settled", is_flag=True, help="Also list those that were replaced or discarded.")
@AS_JSON
@click.pass_obj
def list_refused(context: CliContext, feed: str | None, with_settled: bool, as_json: bool) -> None:
    """List the refused files that need a person, newest first, each with its reason."""
    from poc.ledger.opening import open_ledger
    from poc.ledger.queries import refused_files

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        rows = refused_files(ledger)
    if feed is not None:
        rows = [row for row in rows if feed in {row["partner"], f"{row['partner']}/{row['feed']}"}]
        if not rows:
            context.workspace.select_feeds(feed)
    rows = [row for row in rows if with_settled or row["state"] == "open"]
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        head = f"{row['id'][:12]}  {row['partner']}/{row['feed']}  {row['file']}"
        print_line(f"{head}: {row['rows']:,} row(s), {format_utc(row['closed_at_us'])}: {row['reason']}")
        if state := settled_text(row):
            print_line(f"  {state}")
        if row["redelivery"]:
            print_line(f"  {row['redelivery']}")
    if not rows:
        print_line("No refused file needs you.")
    elif any(row["state"] == "open" for row in rows):
        folder = context.workspace.root / "var" / "refused"
        print_line(
            f"The files are in {folder}. Correct one and hand it in under its name, or give it up with "
            "`milepost refused discard EXCHANGE --why TEXT`."
        )


def settled_text(row: dict[str, Any]) -> str:
    """Return why a refused file needs nobody any more; empty for one that does."""
    if row["state"] == "superseded":
        return f"replaced: the mended file was accepted as {row['superseded_by'][:12]}"
    if row["state"] == "discarded":
        return f"discarded by {row['who']} on {format_utc(row['decided_at_us'])}: {row['why']}"
    return ""


@refused.command("discard")
@EXCHANGE
@click.option("--why", required=True, help="The reason, kept with your user name.")
@AS_JSON
@click.pass_obj
def discard_file(context: CliContext, exchange: str, why: str, as_json: bool) -> None:
    """Give a refused file up: `status` and alerts name it no longer. The file itself stays in var/refused."""
    from poc.cli import acts
    from poc.exchanges.decisions import user_name

    print_done(acts.discard_refused_file(context, exchange, why, user_name(), current_us()), as_json=as_json)
