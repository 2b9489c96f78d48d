"""`milepost check`: the state of the workspace as one line and an exit code, in the form of monitoring plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON
from poc.cli.operations.alert_output import alert_json
from poc.cli.operations.plugin_output import UNKNOWN, WORDS, PluginCommand, plugin_lines

if TYPE_CHECKING:
    from datetime import datetime

    from poc.cli.console import CliContext


@click.command(cls=PluginCommand)
@click.option("--partner", help="Only the alerts of this partner.")
@AS_JSON
@click.pass_context
def check(ctx: click.Context, partner: str | None, as_json: bool) -> None:
    """Print the state of the workspace in one line, for a monitoring system. It changes nothing.

    Exit codes of its own: 0 fine; 1 a warning; 2 critical; 3 unknown, where the workspace or its ledger cannot be read
    or the command is used wrongly. Each alert follows on a line of its own.
    """
    import os
    from datetime import UTC, datetime

    try:
        state = collect_check(ctx.obj, partner, datetime.now(UTC), os.environ)
    except Exception as error:  # noqa: BLE001 (every error is the plugin's state "unknown", never another exit code)
        known = getattr(error, "exit_code", None) is not None or isinstance(error, OSError)
        text = str(error) if known else f"unexpected {type(error).__name__}: {error}"
        state = {"state": "unknown", "exit_code": UNKNOWN, "message": text, "alerts": [], "figures": {}}
    if as_json:
        import json

        click.echo(json.dumps(state, indent=2))
    else:
        for line in plugin_lines(state):
            print_line(line)
    ctx.exit(state["exit_code"])


def collect_check(context: CliContext, partner: str | None, now: datetime, environ: Any) -> dict[str, Any]:
    """Return the state, its exit code, a message, the open alerts, and figures.

    Raises:
        BadInput: not a workspace, or no such partner.
        TryLater, LedgerDamaged: the ledger cannot be read.
    """
    from contextlib import closing, nullcontext

    from poc.alerts.alert import plural
    from poc.alerts.groups import describe_counts
    from poc.alerts.open_alerts import open_alerts
    from poc.alerts.read_ledger import open_ledger_read_only
    from poc.alerts.service_facts import service_facts
    from poc.retries.partner_state import check_partner

    workspace = context.workspace
    ledger = open_ledger_read_only(workspace.ledger)
    with closing(ledger) if ledger is not None else nullcontext():
        if partner is not None and partner not in {*workspace.partners, *workspace.problems}:
            if ledger is None:
                workspace.select_feeds(partner)
            else:
                check_partner(ledger, workspace.partners, partner)
        alerts = open_alerts(workspace, ledger, now, environ)
        facts = service_facts(ledger, workspace.partners, now)
    if partner is not None:
        alerts = [alert for alert in alerts if alert.partner == partner]
    feeds = [feed for feed in facts.feeds if partner in {None, feed.partner}]
    oldest = min((feed.oldest_due_at for feed in feeds if feed.oldest_due_at is not None), default=now)
    figures = {
        "critical": sum(alert.severity == "critical" for alert in alerts),
        "warning": sum(alert.severity == "warning" for alert in alerts),
        "due": sum(feed.due for feed in feeds),
        "oldest_due_s": max(int((now - oldest).total_seconds()), 0),
        "failed": sum(feed.failed for feed in feeds),
        "refused": sum(feed.refused for feed in feeds),
        "ambiguous": sum(feed.ambiguous for feed in feeds),
        "quarantined_rows": sum(feed.held_rows for feed in feeds),
    }
    code = 2 if figures["critical"] else 1 if figures["warning"] else 0
    message = describe_counts(alerts) or f"{plural(len(feeds), 'feed')}, nothing needs you"
    return {
        "state": WORDS[code].lower(),
        "exit_code": code,
        "message": message,
        "alerts": [alert_json(alert) for alert in alerts],
        "figures": figures,
    }
