"""`milepost status`: waiting files, exchanges by outcome, and everything that needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import breaker_effect
from poc.cli.operations.alert_output import alert_json
from poc.cli.run import NEXT_STEPS, dated_ahead_text, outcome_line, report_problems
from poc.text import format_utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.cli.console import CliContext
    from poc.config.workspace import Workspace


#: Days for which notifications are shown that were given up.
NOTIFIED_DAYS = 7

#: What is said of an exchange that has begun and not ended.
UNDER_WAY = "under way; or it was interrupted, and the next run resumes it"

#: Kinds of alerts that the lines of exchanges, breakers and partner files name already.
NAMED_ELSEWHERE = frozenset({
    "failed", "given_up", "ambiguous", "refused", "partner_down", "partner_paused", "workspace_problem",
})  # fmt: skip

#: The most redeliveries that are printed; `--json` has all.
MAX_REDELIVERIES = 3


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show waiting files, exchanges by outcome, and everything that needs a person.

    Exit codes: 0; 2 where a partner's file has a mistake: it is named, and the others are shown.
    """
    import json
    from datetime import UTC, datetime

    context: CliContext = ctx.obj
    now = datetime.now(UTC)
    state = collect_state(context.workspace, now) | {"digest": context.digest_state(now)}
    if as_json:
        click.echo(json.dumps(state, indent=2))
    else:
        for line in format_state(state, context.workspace):
            print_line(line)
    outcomes = list(report_problems(context.workspace, None))
    ctx.exit(2 if outcomes else 0)


def format_state(state: dict[str, Any], workspace: Workspace) -> Iterator[str]:
    """Yield the state as lines of text."""
    from pathlib import Path

    from poc.transports.inbox import why_unclaimed

    yield f"{sum(state['waiting'].values())} file(s) wait in the inboxes."
    for name, count in state["waiting"].items():
        yield f"  {name}: {count}" + (f", {text}" if (text := state["sending_hours"].get(name)) else "")
    if state["settling"]:
        yield f"{state['settling']} file(s) changed a moment ago and wait until they settle."
    if state["dated_ahead"]:
        yield dated_ahead_text([(Path(path), complete_s) for path, complete_s in state["dated_ahead"]])
    yield from held_lines(state["held_files"], workspace)
    for path in state["strays"]:
        yield f"{why_unclaimed(workspace, Path(path))}: {path}"
    yield from total_lines(state["exchanges"], state.get("by_monolith", []))
    if any(row["outcome"] == "refused" for row in state["troubles"]):
        folder = workspace.root / "var" / "refused"
        yield f"Refused files are in {folder}; correct them and hand them in again, or `milepost refused discard` them."
    yield from trouble_lines(state["troubles"])
    yield from breaker_lines(state["breakers"])
    for row in state["quarantine"]:
        yield f"quarantine: {row['partner']}/{row['feed']} {row['file']} ({row['id'][:8]}): {row['rows']} row(s)"
        if row["redelivery"]:
            yield f"  {row['redelivery']}"
    yield from redelivery_lines(state["redeliveries"])
    yield from notification_lines(state["notifications"])
    yield from filter(None, [state.get("digest")])
    yield from alert_lines(state["alerts"])


def total_lines(exchanges: list[dict[str, Any]], by_monolith: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the exchanges by outcome, and how many files a monolith has instead of the service."""
    if not exchanges and not by_monolith:
        yield "No exchange yet."
    for row in exchanges:
        rows = {name: row[name] for name in row if name not in {"partner", "feed", "outcome", "exchanges"}}
        yield f"{row['partner']}/{row['feed']}: {row['exchanges']} {outcome_line(row['outcome'], rows)}"
    for row in by_monolith:
        yield f"{row['partner']}/{row['feed']}: {row['files']} file(s) at the monolith, not the service: {row['state']}"


def redelivery_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the newest exchanges that a person had delivered again, and why."""
    for row in rows[:MAX_REDELIVERIES]:
        head = f"delivered again: {row['partner']}/{row['feed']} {row['file']} ({row['id'][:8]})"
        yield f"{head} as {row['again_as'][:8]} on {format_utc(row['at_us'])} because: {row['why']} ({row['who']})"
    if len(rows) > MAX_REDELIVERIES:
        yield f"delivered again: {len(rows) - MAX_REDELIVERIES:,} more, see `milepost status --json`"


def alert_lines(alerts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the alerts that no other line names, and how much needs a person in all."""
    for alert in alerts:
        if alert["kind"] not in NAMED_ELSEWHERE:
            scope = "/".join(part for part in (alert["partner"], alert["feed"]) if part) or "workspace"
            step = f"; see `{alert['next_step']}`" if alert["next_step"] not in {"", "milepost status"} else ""
            yield f"{alert['kind'].replace('_', ' ')}: {scope}: {alert['summary']}{step}"
    critical = sum(alert["severity"] == "critical" for alert in alerts)
    warnings = len(alerts) - critical
    if alerts:
        yield f"{len(alerts)} alert(s): {critical} critical, {warnings} warning; `milepost check` prints them in short."
    else:
        yield "Nothing needs you."


def notification_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the targets that did not take notifications, and why."""
    for row in rows:
        what = "were given up" if row["state"] == "failed" else "are sent again later"
        yield f"{row['count']} notification(s) to {row['target']} {what}: {row['error']}; see `milepost notify ls`"


def held_lines(files: list[str], workspace: Workspace) -> Iterator[str]:
    """Yield what is said of files that a restore has held back."""
    if files:
        place = workspace.root / "var" / "held"
        yield f"{len(files)} file(s) are held in {place} since a restore: they may have been delivered."
        yield "  Ask the partner, and move what it does not have back into var/inbox."


def trouble_lines(troubles: list[dict[str, Any]]) -> Iterator[str]:
    """Yield each exchange that is not done, why, and what a person does about it."""
    for row in troubles:
        head = f"{row['outcome']}: {row['partner']}/{row['feed']} {row['file']} ({row['id'][:8]})"
        yield f"{head}, attempt {row['attempt']}: {row['reason'] or UNDER_WAY}"
        if row["redelivery"]:
            yield f"  {row['redelivery']}"
        if row["outcome"] == "ambiguous":
            yield f"  {NEXT_STEPS['ambiguous'].format(exchange=row['id'][:8])}"
    if any(row["outcome"] == "failed" for row in troubles):
        yield "Of what failed, `milepost outbox ls` shows what can be sent again."


def breaker_lines(breakers: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what the circuit breakers do, and why."""
    for row in breakers:
        head = f"circuit breaker of {row['partner']}: {row['state']} after {row['failures']} failure(s) in a row"
        yield f"{head}; {breaker_effect(row)}"
        if row["why"]:
            yield f"  {row['why']}"


def collect_state(workspace: Workspace, now: Any) -> dict[str, Any]:
    """Return waiting files per feed, exchanges per outcome, those not done, breakers, and rows in quarantine."""
    import os
    from contextlib import closing, suppress

    from poc.alerts.open_alerts import read_open_alerts
    from poc.ledger.opening import open_used_ledger
    from poc.ledger.queries import (
        exchange_totals,
        monolith_totals,
        quarantined_exchanges,
        redeliveries,
        unfinished_exchanges,
    )
    from poc.maintenance.held_files import held_files
    from poc.notify.notification_store import failing_targets
    from poc.retries.partner_state import breaker_states
    from poc.schedule.local_time import format_local
    from poc.schedule.send_hours import waiting_feeds
    from poc.transports.inbox import Inboxes

    inboxes = Inboxes(workspace)
    waiting: dict[str, int] = {}
    for partner, feed_id in workspace.select_feeds(None):
        with suppress(OSError):  # a folder that cannot be listed is among the strays
            waiting[f"{partner}/{feed_id}"] = len(inboxes.folder(partner, feed_id).complete(now))
    ahead = [file for folder in inboxes.folders() for file in folder.dated_ahead(now)]
    files = sum(len(folder.files) for folder in inboxes.folders())
    state: dict[str, Any] = {
        "waiting": {feed: count for feed, count in waiting.items() if count},
        "sending_hours": {
            f"{row.partner}/{row.feed}": f"waits until {format_local(row.until, row.zone, now)}"
            for row in waiting_feeds(inboxes, None, now)
        },
        "settling": files - sum(waiting.values()) - len(ahead),
        "dated_ahead": [[str(path), complete_s] for path, complete_s in ahead],
        "strays": [str(path) for path in inboxes.unclaimed()],
        "held_files": [str(path) for path in held_files(workspace.root)],
        "exchanges": [],
        "troubles": [],
        "breakers": [],
        "quarantine": [],
        "redeliveries": [],
        "notifications": [],
        "alerts": [],
    }
    if (used_ledger := open_used_ledger(workspace.ledger)) is not None:
        with closing(used_ledger) as ledger:
            state["exchanges"], state["troubles"] = exchange_totals(ledger), unfinished_exchanges(ledger)
            state["quarantine"], state["redeliveries"] = quarantined_exchanges(ledger), redeliveries(ledger)
            if by_monolith := monolith_totals(ledger):
                state["by_monolith"] = by_monolith
            now_us = int(now.timestamp() * 1_000_000)
            state["notifications"] = failing_targets(ledger, now_us - NOTIFIED_DAYS * 86_400_000_000)
            state["breakers"] = breaker_states(ledger, workspace.partners, now_us)
    # afterwards: opening the ledger has upgraded one of an older release
    state["alerts"] = [alert_json(alert) for alert in read_open_alerts(workspace, now, os.environ, inboxes)]
    return state
