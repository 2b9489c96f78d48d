"""`milepost run`: send what is due and exchange the files in the inboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from poc.cli.console import CliContext
    from poc.config.workspace import Workspace


@click.command()
@click.argument("feed", metavar="[PARTNER[/FEED]]", required=False)
@click.option("--level", type=int, help="Service level to run at; the highest built unless the workspace says less.")
@click.option("--json", "as_json", is_flag=True, help="Print a receipt a line, as JSON.")
@click.pass_context
def run(context: click.Context, feed: str | None, level: int | None, as_json: bool) -> None:
    """Send what is due and exchange what waits in the inboxes: all of it, or that of one partner or feed.

    Exit codes: 0 all done, rows in quarantine within their budget included; 3 a file breaks its contract and lies in
    var/refused; 4 a delivery failed, is due later, or nobody knows whether it arrived; see `milepost status`.
    """
    import json
    from contextlib import closing
    from dataclasses import asdict
    from datetime import UTC, datetime

    from metrics.events import SpoolRecorder
    from poc.pipeline.capabilities import resolve_level
    from poc.service.line_protocol import receipt_json
    from poc.service.runner import run_inbox
    from poc.transports.inbox import all_inbox_files, unclaimed_files

    front: CliContext = context.obj
    workspace = front.workspace
    if lost := unclaimed_files(workspace):
        click.echo(f"milepost: {len(lost)} file(s) belong to no feed, the first is {lost[0]}; see `status`", err=True)
    chosen = resolve_level(workspace.settings.level if level is None else level)
    outcomes: set[str] = set()
    with closing(SpoolRecorder(workspace.spool)) as recorder:
        for ran in run_inbox(workspace, feed, chosen, lambda: datetime.now(UTC), recorder, front.release):
            head = {"partner": ran.partner, "feed": ran.feed, "file": str(ran.path)}
            receipt = ran.receipt
            if receipt is None:
                outcomes.add(
                    OUTCOME_BY_EXIT_CODE.get(ran.error.exit_code, "mistake") if ran.error is not None else "mistake"
                )
                click.echo(f"milepost: {ran.partner}/{ran.feed}: {ran.error}", err=True)
                continue
            outcomes.add(receipt.outcome)
            if as_json:
                head["exchange_id"] = receipt.exchange_id
                shown = [asdict(finding) for finding in receipt.findings]
                click.echo(json.dumps({**head, "attempt": receipt.attempt, **receipt_json(receipt), "findings": shown}))
            else:
                ended = outcome_line(receipt.outcome, receipt.account.as_dict())
                click.echo(f"{ran.partner}/{ran.feed} {ran.path.name}: {ended}")
                if receipt.error:
                    click.echo(f"  {receipt.error}")
                for finding in receipt.findings if receipt.outcome != "refused" else ():
                    where = f"row {finding.row}: " if finding.row else ""
                    click.echo(f"  {where}{finding.text()}")
                if receipt.quarantined_rows:
                    click.echo(f"  set aside; `milepost quarantine show {receipt.exchange_id[:8]}` shows them")
    if not outcomes and not as_json:
        unsettled = len(all_inbox_files(workspace, feed))
        young = f"; {unsettled} file(s) changed a moment ago and are left until they settle" if unsettled else ""
        click.echo(f"Nothing waits in the inboxes{young}.")
    if later := due_later(workspace, feed):
        click.echo(f"{later} exchange(s) are due later; see `status`.", err=as_json)
        outcomes.add("due")
    context.exit(next((code for outcome, code in EXIT_CODES if outcome in outcomes), 0))


def due_later(workspace: Workspace, feed: str | None) -> int:
    """How many exchanges of these feeds will go on by themselves."""
    from contextlib import closing

    from poc.ledger.ledger import open_ledger
    from poc.ledger.queries import unfinished_exchanges

    picked = workspace.select_feeds(feed)
    with closing(open_ledger(workspace.ledger)) as ledger:
        rows = unfinished_exchanges(ledger)
    return sum(row["outcome"] == "due" and (row["partner"], row["feed"]) in picked for row in rows)


#: What a run ends with: the first of these that some file ended in.
EXIT_CODES = (("fault", 1), ("mistake", 2), ("failed", 4), ("due", 4), ("ambiguous", 4), ("refused", 3), ("busy", 75))


#: What an error is, by its exit code.
OUTCOME_BY_EXIT_CODE = {1: "fault", 75: "busy"}


def outcome_line(outcome: str, rows: dict[str, int]) -> str:
    """An outcome and its account, for people."""
    parts = [f"{count:,} {name.replace('_', ' ')}" for name, count in rows.items() if count and name != "in"]
    return f"{outcome.replace('_', ' ')}; {rows['in']:,} rows in" + (f": {', '.join(parts)}" if parts else "")
