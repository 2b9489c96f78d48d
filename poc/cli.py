"""`milepost run`, `status` and `partner`: the team's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    """Send what is due and exchange what waits in the inboxes: all of it, or that of one partner or feed.

    Exit codes: 0 all done, rows in quarantine within their budget included; 3 a file breaks its contract and lies in
    var/refused; 4 a delivery failed, is due later, or nobody knows whether it arrived; see `milepost status`.
    """
    import json
    from contextlib import closing
    from dataclasses import asdict
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
                outcomes.add(MISHAPS.get(ran.error.exit_code, "mistake") if ran.error is not None else "mistake")
                click.echo(f"milepost: {ran.partner}/{ran.feed}: {ran.error}", err=True)
                continue
            outcomes.add(receipt.outcome)
            if as_json:
                head["exchange_id"] = receipt.exchange_id
                shown = [asdict(finding) for finding in receipt.findings]
                click.echo(json.dumps({**head, "attempt": receipt.attempt, **result(receipt), "findings": shown}))
            else:
                ended = told(receipt.outcome, receipt.account.as_dict())
                click.echo(f"{ran.partner}/{ran.feed} {ran.path.name}: {ended}")
                if receipt.error:
                    click.echo(f"  {receipt.error}")
                for finding in receipt.findings if receipt.outcome != "refused" else ():
                    where = f"row {finding.row}: " if finding.row else ""
                    click.echo(f"  {where}{finding.told()}")
                if receipt.aside:
                    click.echo(f"  set aside; `milepost quarantine show {receipt.exchange_id[:8]}` shows them")
    if not outcomes and not as_json:
        unsettled = len(all_handed_in(workspace, feed))
        young = f"; {unsettled} file(s) changed a moment ago and are left until they settle" if unsettled else ""
        click.echo(f"Nothing waits in the inboxes{young}.")
    if later := due_later(workspace, feed):
        click.echo(f"{later} exchange(s) are due later; see `status`.", err=as_json)
        outcomes.add("due")
    context.exit(next((code for outcome, code in EXIT_CODES if outcome in outcomes), 0))


def due_later(workspace: Workspace, feed: str | None) -> int:
    """How many exchanges of these feeds will go on by themselves."""
    from contextlib import closing

    from poc.ledger import open_ledger
    from poc.overview import troubles

    picked = workspace.pick(feed)
    with closing(open_ledger(workspace.ledger)) as ledger:
        rows = troubles(ledger)
    return sum(row["outcome"] == "due" and (row["partner"], row["feed"]) in picked for row in rows)


#: What a run ends with: the first of these that some file ended in.
EXIT_CODES = (("fault", 1), ("mistake", 2), ("failed", 4), ("due", 4), ("ambiguous", 4), ("refused", 3), ("busy", 75))

#: What an error is, by its exit code.
MISHAPS = {1: "fault", 75: "busy"}


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
    for line in told_state(state, front.workspace):
        click.echo(line)


def told_state(state: dict[str, Any], workspace: Workspace) -> Iterator[str]:
    """The state for people, a line each."""
    from pathlib import Path

    from poc.inbox import why_stray

    yield f"{sum(state['waiting'].values())} file(s) wait in the inboxes."
    for name, count in state["waiting"].items():
        yield f"  {name}: {count}"
    if state["settling"]:
        yield f"{state['settling']} file(s) changed a moment ago and are left until they settle."
    for path in state["strays"]:
        shown = path.encode("utf-8", "backslashreplace").decode()  # a name need not be text
        yield f"{why_stray(Path(path))}: {shown}"
    if not state["exchanges"]:
        yield "No exchange yet."
    for row in state["exchanges"]:
        rows = {name: row[name] for name in row if name not in {"partner", "feed", "outcome", "exchanges"}}
        yield f"{row['partner']}/{row['feed']}: {row['exchanges']} {told(row['outcome'], rows)}"
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


def state_of(workspace: Workspace, now: Any) -> dict[str, Any]:
    """Waiting files per feed, exchanges per outcome, those not done, breakers, and rows in quarantine."""
    from contextlib import closing

    from poc.inbox import all_handed_in, strays, waiting
    from poc.ledger import open_ledger
    from poc.overview import breakers, held_rows, summary, troubles
    from poc.retry import Breaker
    from poc.shown import moment

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
        "breakers": [],
        "quarantine": [],
    }
    if workspace.ledger.exists():
        with closing(open_ledger(workspace.ledger)) as ledger:
            state["exchanges"], state["troubles"] = summary(ledger), troubles(ledger)
            state["quarantine"] = held_rows(ledger)
            now_us = int(now.timestamp() * 1_000_000)
            for row in breakers(ledger):
                stands = Breaker(row["failures"], row["opened_at_us"], row["until_us"], row["trips"])
                row["state"] = stands.state(now_us)
                row["until"] = None if stands.until_us is None else moment(stands.until_us)
                state["breakers"].append(row)
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
        urls = (urlsplit(found.endpoint.url or "") for found in front.workspace.partners.values())
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
