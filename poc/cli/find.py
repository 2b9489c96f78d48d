"""`milepost find`: where a file is, and how each exchange of it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json
from poc.cli.run import outcome_line
from poc.text import format_utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.cli.console import CliContext


@click.command()
@click.argument("text", metavar="NAME|HASH|EXCHANGE")
@AS_JSON
@click.pass_obj
def find(context: CliContext, text: str, as_json: bool) -> None:
    """Show where a file is, and how each exchange of it ended: times, rows, and the requests that are still open.

    NAME is a file's name or a pattern such as `orders-*.csv`; HASH and EXCHANGE are a file's sha256 and the id of an
    exchange, or their first four digits or more.

    Exit codes: 0; 2 where nothing is found.
    """
    from contextlib import closing, nullcontext

    from poc.errors import BadInput
    from poc.exchanges.file_search import MAX_EXCHANGES, search_files
    from poc.ledger.opening import open_used_ledger

    workspace = context.workspace
    ledger = open_used_ledger(workspace.ledger)
    with closing(ledger) if ledger is not None else nullcontext():
        result = search_files(workspace, ledger, text)
    if not result.exchanges and not result.files:
        raise BadInput(
            f"{text!r} is neither a file in var/inbox, var/archive or var/refused, nor the name, the sha256 or the id "
            "of an exchange"
        )
    if as_json:
        echo_json({"exchanges": result.exchanges, "files": result.files, "more": result.more})
        return
    for row in result.exchanges:
        for line in exchange_lines(row):
            print_line(line)
    for file in result.files:
        about = "waits" if file["place"] == "inbox" else "belongs to no exchange found here"
        print_line(f"{file['path']}: {about}, sha256 {file['sha256']}")
    if result.more:
        print_line(f"... only the newest {MAX_EXCHANGES} exchanges are shown; give more of the name")


def exchange_lines(row: dict[str, Any]) -> Iterator[str]:
    """Yield an exchange as lines of text."""
    yield f"{row['partner']}/{row['feed']} {row['file']}: {outcome_line(row['outcome'], row['rows'])}"
    ended = f"; ended {format_utc(row['closed_at_us'])}" if row["closed_at_us"] and row["outcome"] != "open" else ""
    due = f"; due at {format_utc(row['due_at_us'])}" if row["outcome"] == "due" and row["due_at_us"] else ""
    yield f"  exchange {row['id']}, attempt {row['attempt']}; received {format_utc(row['opened_at_us'])}{ended}{due}"
    yield f"  sha256 {row['sha256']}, {row['size_bytes']:,} bytes"
    if row["reason"]:
        yield f"  {row['reason']}"
    for file in row["files"]:
        yield f"  {file['place']}: {file['path']}"
    if not row["files"]:
        yield "  its file is in none of var/inbox, var/archive and var/refused"
    for part in row["requests"]:
        yield f"  outbox: {part['count']:,} request(s) with {part['rows']:,} row(s), {part['state']}"
    for state, rows in row["quarantine"].items():
        yield f"  quarantine: {rows:,} row(s) {state}"
    if row["redelivery"]:
        yield f"  {row['redelivery']}"
