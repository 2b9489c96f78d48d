"""`milepost status`: what waits, what was exchanged, and what needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from poc.cli.run import outcome_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.cli.console import CliContext
    from poc.config.workspace import Workspace


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
@click.pass_obj
def status(front: CliContext, as_json: bool) -> None:
    """Show what waits, what was exchanged, and what needs a person."""
    import json
    from datetime import UTC, datetime

    state = collect_state(front.workspace, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps(state, indent=2))
        return
    for line in format_state(state, front.workspace):
        click.echo(line)


def format_state(state: dict[str, Any], workspace: Workspace) -> Iterator[str]:
    """The state for people, a line each."""
    from pathlib import Path

    from poc.transports.inbox import why_unclaimed

    yield f"{sum(state['waiting'].values())} file(s) wait in the inboxes."
    for name, count in state["waiting"].items():
        yield f"  {name}: {count}"
    if state["settling"]:
        yield f"{state['settling']} file(s) changed a moment ago and are left until they settle."
    for path in state["strays"]:
        shown = path.encode("utf-8", "backslashreplace").decode()  # a name need not be text
        yield f"{why_unclaimed(Path(path))}: {shown}"
    if not state["exchanges"]:
        yield "No exchange yet."
    for row in state["exchanges"]:
        rows = {name: row[name] for name in row if name not in {"partner", "feed", "outcome", "exchanges"}}
        yield f"{row['partner']}/{row['feed']}: {row['exchanges']} {outcome_line(row['outcome'], rows)}"
    if any(row["outcome"] == "refused" for row in state["troubles"]):
        yield f"Refused files lie below {workspace.root / 'var' / 'refused'}; mend one and hand it in again."
    for row in state["troubles"]:
        head = f"{row['outcome']}: {row['partner']}/{row['feed']} {row['file']} ({row['id'][:8]})"
        yield f"{head}, attempt {row['attempt']}: {row['reason'] or 'it died under way, and goes on'}"
    for row in state["breakers"]:
        until = f", until {row['until']}" if row["state"] == "open" else ""
        said = {"open": "is left alone", "half-open": "gets a probe next", "closed": "is still delivered to"}
        yield f"breaker: {row['partner']} {said[row['state']]} after {row['failures']} failure(s) in a row{until}"
    for row in state["quarantine"]:
        yield f"quarantine: {row['partner']}/{row['feed']} {row['file']} ({row['id'][:8]}): {row['rows']} row(s)"


def collect_state(workspace: Workspace, now: Any) -> dict[str, Any]:
    """Waiting files per feed, exchanges per outcome, those not done, breakers, and rows in quarantine."""
    from contextlib import closing

    from poc.delivery.circuit_breaker import CircuitBreaker
    from poc.ledger.ledger import open_ledger
    from poc.ledger.queries import circuit_breakers, exchange_totals, quarantined_exchanges, unfinished_exchanges
    from poc.text import format_utc
    from poc.transports.inbox import all_inbox_files, complete_files, unclaimed_files

    inboxes = {
        f"{partner}/{feed}": len(
            complete_files(workspace.inbox(partner, feed), workspace.get_feed(partner, feed)[1], now)
        )
        for partner, feed in workspace.select_feeds(None)
    }
    there = len(all_inbox_files(workspace, None))
    state: dict[str, Any] = {
        "waiting": {k: n for k, n in inboxes.items() if n},
        "settling": there - sum(inboxes.values()),
        "strays": [str(path) for path in unclaimed_files(workspace)],
        "exchanges": [],
        "troubles": [],
        "breakers": [],
        "quarantine": [],
    }
    if workspace.ledger.exists():
        with closing(open_ledger(workspace.ledger)) as ledger:
            state["exchanges"], state["troubles"] = exchange_totals(ledger), unfinished_exchanges(ledger)
            state["quarantine"] = quarantined_exchanges(ledger)
            now_us = int(now.timestamp() * 1_000_000)
            for row in circuit_breakers(ledger):
                stands = CircuitBreaker(row["failures"], row["opened_at_us"], row["until_us"], row["trips"])
                row["state"] = stands.state(now_us)
                row["until"] = None if stands.until_us is None else format_utc(stands.until_us)
                state["breakers"].append(row)
    return state
