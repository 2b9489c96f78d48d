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

#: What is said of a file that the monolith has, by the state of its command.
BY_MONOLITH = {
    "given": "waits for the monolith",
    "begun": "is at the monolith; or its command was interrupted",
    "done": "sent by the monolith, not by the service",
    "failed": "the monolith failed; it is tried again",
    "ambiguous": "the monolith was killed; see `milepost route show`",
    "given_up": "given up; the monolith does not send it any more",
}


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
    if not (result.exchanges or result.files or result.by_monolith):
        raise BadInput(
            f"{text!r} is neither a file in var/inbox, var/archive or var/refused, nor the name, the sha256 or the id "
            "of an exchange"
        )
    if as_json:
        by_monolith = {"by_monolith": result.by_monolith} if result.by_monolith else {}
        echo_json({"exchanges": result.exchanges, "files": result.files, "more": result.more, **by_monolith})
        return
    for row in result.exchanges:
        for line in exchange_lines(row):
            print_line(line)
    for row in result.by_monolith:
        for line in monolith_lines(row):
            print_line(line)
    for file in result.files:
        about = "waits" if file["place"] == "inbox" else "belongs to no exchange found here"
        print_line(f"{file['path']}: {about}, sha256 {file['sha256']}")
    if result.more:
        print_line(f"... only the newest {MAX_EXCHANGES} exchanges are shown; give more of the name")


def monolith_lines(row: dict[str, Any]) -> Iterator[str]:
    """Yield a file that the monolith has for real as lines of text."""
    yield f"{row['partner']}/{row['feed']} {row['file']}: {BY_MONOLITH[row['state']]}"
    ended = f"; ended {format_utc(row['ended_at_us'])}" if row["ended_at_us"] else ""
    yield f"  attempt {row['attempt']} of its command; given {format_utc(row['given_at_us'])}{ended}"
    yield f"  sha256 {row['sha256']}, {row['size_bytes']:,} bytes"
    if row["note"]:
        yield f"  {row['note']}"
    for file in row["files"]:
        yield f"  {file['place']}: {file['path']}"


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
