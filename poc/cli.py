"""`milepost run`, `status` and `partner`: the team's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from poc.config import Workspace


class Front(Protocol):
    """What the front door hands to this room."""

    @property
    def workspace(self) -> Workspace:
        """The workspace, read and checked."""

    @property
    def release(self) -> str:
        """Version of the program."""


@click.command()
@click.argument("feed", metavar="[PARTNER[/FEED]]", required=False)
@click.option("--level", type=int, help="Service level to run at; the highest built unless the workspace says less.")
@click.option("--json", "as_json", is_flag=True, help="Print a receipt a line, as JSON.")
@click.pass_context
def run(context: click.Context, feed: str | None, level: int | None, as_json: bool) -> None:
    """Exchange what waits in the inboxes: all of it, or that of one partner or feed.

    Exit codes: 0 all done; 3 a file breaks its contract and lies in var/refused; 4 a delivery failed and waits in the
    inbox for the next run.
    """
    import json
    from contextlib import closing
    from datetime import UTC, datetime

    from metrics.events import SpoolRecorder
    from poc.inbox import all_handed_in, strays
    from poc.line import standing
    from poc.run import run_inbox
    from poc.subject import result

    front: Front = context.obj
    workspace = front.workspace
    if lost := strays(workspace):
        click.echo(f"milepost: {len(lost)} file(s) belong to no feed, the first is {lost[0]}; see `status`", err=True)
    chosen = standing(workspace.settings.level if level is None else level)
    outcomes: set[str] = set()
    with closing(SpoolRecorder(workspace.spool)) as recorder:
        for ran in run_inbox(workspace, feed, chosen, lambda: datetime.now(UTC), recorder, front.release):
            head = {"partner": ran.partner, "feed": ran.feed, "file": str(ran.path)}
            receipt = ran.receipt
            if receipt is None:
                outcomes.add("mistake")
                click.echo(f"milepost: {ran.partner}/{ran.feed}: {ran.error}", err=True)
                continue
            outcomes.add(receipt.outcome)
            if as_json:
                head["exchange_id"] = receipt.exchange_id
                click.echo(json.dumps({**head, "attempt": receipt.attempt, **result(receipt)}))
            else:
                ended = told(receipt.outcome, receipt.account.as_dict())
                click.echo(f"{ran.partner}/{ran.feed} {ran.path.name}: {ended}")
                if receipt.error:
                    click.echo(f"  {receipt.error}")
    if not outcomes and not as_json:
        unsettled = len(all_handed_in(workspace, feed))
        young = f"; {unsettled} file(s) changed a moment ago and are left until they settle" if unsettled else ""
        click.echo(f"Nothing waits in the inboxes{young}.")
    context.exit(next((code for outcome, code in EXIT_CODES if outcome in outcomes), 0))


#: What a run ends with: the first of these that some file ended in.
EXIT_CODES = (("mistake", 2), ("failed", 4), ("refused", 3))


def told(outcome: str, rows: dict[str, int]) -> str:
    """An outcome and its account, for people."""
    parts = [f"{count:,} {name.replace('_', ' ')}" for name, count in rows.items() if count and name != "in"]
    return f"{outcome.replace('_', ' ')}; {rows['in']:,} rows in" + (f": {', '.join(parts)}" if parts else "")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
@click.pass_obj
def status(front: Front, as_json: bool) -> None:
    """Show what waits, what was exchanged, and what needs a person."""
    import json
    from datetime import UTC, datetime

    state = state_of(front.workspace, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps(state, indent=2))
        return
    waiting = sum(state["waiting"].values())
    click.echo(f"{waiting} file(s) wait in the inboxes.")
    for name, count in state["waiting"].items():
        click.echo(f"  {name}: {count}")
    if state["settling"]:
        click.echo(f"{state['settling']} file(s) changed a moment ago and are left until they settle.")
    for path in state["strays"]:
        click.echo(f"belongs to no feed: {path}")
    if not state["exchanges"]:
        click.echo("No exchange yet.")
    for row in state["exchanges"]:
        rows = {name: row[name] for name in row if name not in {"partner", "feed", "outcome", "exchanges"}}
        click.echo(f"{row['partner']}/{row['feed']}: {row['exchanges']} {told(row['outcome'], rows)}")
    if any(row["outcome"] == "refused" for row in state["troubles"]):
        click.echo(
            f"Refused files lie below {front.workspace.root / 'var' / 'refused'}; mend one and hand it in again."
        )
    for row in state["troubles"]:
        click.echo(
            f"{row['outcome']}: {row['partner']}/{row['feed']} {row['file']}, attempt {row['attempt']}: {row['reason']}"
        )


def state_of(workspace: Workspace, now: Any) -> dict[str, Any]:
    """Waiting files per feed, exchanges per outcome, and the exchanges that are not done."""
    from poc.inbox import all_handed_in, strays, waiting
    from poc.ledger import open_ledger

    inboxes = {
        f"{partner}/{feed}": len(waiting(workspace.inbox(partner, feed), workspace.find(partner, feed)[1], now))
        for partner, feed in workspace.pick(None)
    }
    there = len(all_handed_in(workspace, None))
    state: dict[str, Any] = {
        "waiting": {k: n for k, n in inboxes.items() if n},
        "settling": there - sum(inboxes.values()),
        "strays": [str(path) for path in strays(workspace)],
        "exchanges": [],
        "troubles": [],
    }
    if workspace.ledger.exists():
        ledger = open_ledger(workspace.ledger)
        state["exchanges"], state["troubles"] = ledger.summary(), ledger.troubles()
        ledger.close()
    return state


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), help="On loopback, 0: any free; that of the partners' URLs unless given."
)
@click.pass_context
def partner(context: click.Context, port: int | None) -> None:
    """Start a practice partner that takes deliveries and keeps them in var/partner, until Ctrl-C."""
    import json
    import subprocess
    import sys
    from urllib.parse import urlsplit

    from poc.scaffold import PARTNER_PORT

    front: Front = context.obj
    keep = front.workspace.root / "var" / "partner"
    if port is None:
        urls = (urlsplit(found.endpoint.url) for found in front.workspace.partners.values())
        port = next((url.port for url in urls if url.hostname == "127.0.0.1" and url.port), PARTNER_PORT)
    arguments = [sys.executable, "-m", "poc.partner_double", "--keep", str(keep), "--port", str(port)]
    child = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 (our own program)
    try:
        assert child.stdout is not None  # noqa: S101 (asked for above; tells the type checker)
        if line := child.stdout.readline():
            address = json.loads(line)["ready"]
            click.echo(f"A partner listens on {address}; it keeps what it takes in {keep}. Ctrl-C ends it.")
        context.exit(child.wait())
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
