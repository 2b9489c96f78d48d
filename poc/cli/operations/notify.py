"""`milepost notify`: test the targets of notifications, and list what was sent to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from poc.cli.console import CliContext
    from poc.config.settings.notify import NotifyTarget
    from poc.config.workspace import Workspace

#: Notifications that `milepost notify ls` shows without `--last`.
LISTED = 50


@click.group()
def notify() -> None:
    """Test the targets of notifications, and list what was sent. Targets are tables `[[notify]]` of milepost.toml."""


@notify.command("test")
@click.option("--to", metavar="NAME", help="Only this target.")
@click.option("--dry-run", is_flag=True, help="Send nothing; show which of the open alerts each target is told of.")
@AS_JSON
@click.pass_context
def test_targets(ctx: click.Context, to: str | None, dry_run: bool, as_json: bool) -> None:
    """Send a test message to each target, and say what happened.

    Exit codes: 0 every target took it; 4 one did not, with the reason; 2 no such target.
    """
    import os
    from datetime import UTC, datetime

    context: CliContext = ctx.obj
    targets = select_targets(context.workspace, to)
    if dry_run:
        results = dry_run_results(context.workspace, targets, datetime.now(UTC), os.environ)
    else:
        results = list(send_tests(context.workspace, targets, lambda: datetime.now(UTC), os.environ))
    if as_json:
        echo_json(results)
    else:
        for line in dry_run_lines(results) if dry_run else test_lines(results):
            print_line(line)
    ctx.exit(4 if any(result.get("error") for result in results) else 0)


@notify.command("ls")
@click.option("--last", type=click.IntRange(min=1), default=LISTED, show_default=True, help="So many, newest first.")
@AS_JSON
@click.pass_obj
def list_notifications(context: CliContext, last: int, as_json: bool) -> None:
    """List the newest notifications with their state: sent, to be sent again, or given up."""
    from contextlib import closing

    from poc.ledger.opening import open_ledger
    from poc.notify.notification_store import recent_notifications

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        rows = recent_notifications(ledger, last)
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        print_line(notification_line(row))
    if not rows:
        print_line("No notification yet.")


def select_targets(workspace: Workspace, name: str | None) -> Sequence[NotifyTarget]:
    """Return the targets of a workspace, or the one with a name. Raises BadInput for none."""
    from poc.errors import BadInput

    targets = workspace.settings.notify
    if not targets:
        raise BadInput(f"{workspace.root / 'milepost.toml'}: no target of notifications; add a table `[[notify]]`")
    chosen = [target for target in targets if name in {None, target.name}]
    if not chosen:
        raise BadInput(f"no target {name!r}; targets: {', '.join(target.name for target in targets)}")
    return chosen


def send_tests(
    workspace: Workspace, targets: Sequence[NotifyTarget], clock: Callable[[], datetime], environ: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Send a test message to each target, record it, and yield what happened."""
    from contextlib import closing

    from poc.ledger.opening import open_ledger
    from poc.notify.messages import test_message
    from poc.notify.notification import NotSent
    from poc.notify.notification_store import add_test
    from poc.notify.services import send

    with closing(open_ledger(workspace.ledger)) as ledger:
        for target in targets:
            message = test_message(workspace.settings.name, target.name, _microseconds(clock()))
            error = ""
            try:
                send(target, message, environ, workspace.root)
            except NotSent as reason:
                error = str(reason)
            add_test(ledger, message, error, _microseconds(clock()))
            yield {"target": target.name, "sent": not error, "error": error}


def test_lines(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what happened to each test message."""
    for result in results:
        yield f"{result['target']}: {'took the message' if result['sent'] else 'not sent: ' + result['error']}"


def dry_run_results(
    workspace: Workspace, targets: Sequence[NotifyTarget], now: datetime, environ: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return, for each target, the open alerts that it is told of, and when its next digest is due."""
    from poc.alerts.open_alerts import read_open_alerts
    from poc.cli.operations.alert_output import alert_json
    from poc.notify.digest import next_due
    from poc.notify.routes import is_routed

    alerts = read_open_alerts(workspace, now, environ)
    return [
        {
            "target": target.name,
            "at_once": target.at_once,
            "next_digest": next_due(target, now).isoformat() if target.digest else None,
            "alerts": [alert_json(alert) for alert in alerts if is_routed(target, alert, workspace)],
        }
        for target in targets
    ]


def dry_run_lines(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what each target would be told."""
    for result in results:
        digest = f"; next digest {result['next_digest']}" if result["next_digest"] else ""
        each = "told of" if result["at_once"] else "in its digest:"
        yield f"{result['target']}: {each} {len(result['alerts'])} open alert(s){digest}"
        for alert in result["alerts"]:
            place = "/".join(filter(None, (alert["partner"], alert["feed"])))
            yield f"  {alert['severity']} {alert['kind']}{place and ' ' + place}: {alert['summary']}"


def notification_line(row: Mapping[str, Any]) -> str:
    """Return a notification with its state as a line of text."""
    from poc.text import format_utc

    head = f"{format_utc(row['created_at_us'])} {row['target']} {row['phase']}: {row['title']}"
    if row["state"] == "sent":
        return f"{head}: sent {format_utc(row['sent_at_us'])}"
    if row["state"] == "failed":
        return f"{head}: given up after {row['attempts']} attempt(s): {row['error']}"
    if not row["attempts"]:
        return f"{head}: to be sent"
    error = f": {row['error']}" if row["error"] else ""
    return f"{head}: attempt {row['attempts']} failed{error}; next {format_utc(row['next_at_us'])}"


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
