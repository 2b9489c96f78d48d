"""`milepost audit`: who did what on the dashboard, and to its accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dashboard.cli.console import AS_JSON, accounts_path, day_text
from metrics.terminal import print_line

if TYPE_CHECKING:
    from dashboard.cli.console import CliContext


@click.command()
@click.option("--rows", type=click.IntRange(1), default=50, show_default=True, help="Most entries to show.")
@AS_JSON
@click.pass_obj
def audit(context: CliContext, rows: int, as_json: bool) -> None:
    """Show who did what on the dashboard and to its accounts, the newest first."""
    import json
    import time
    from dataclasses import asdict

    from dashboard.access.audit import read_acts
    from dashboard.access.database import read_access
    from dashboard.actions.perform import note_cut_off

    note_cut_off(accounts_path(context.root), time.time_ns() // 1000)
    with read_access(accounts_path(context.root)) as connection:
        acts = read_acts(connection, rows)
    if as_json:
        click.echo(json.dumps([asdict(act) for act in acts], indent=2))
        return
    for act in acts:
        detail = ", ".join(f"{name}: {value}" for name, value in act.detail.items())
        parts = (day_text(act.at_us), act.who, f"{act.act}: {act.target}", detail, act.address)
        print_line("  ".join(part for part in parts if part))
    if not acts:
        print_line("Nothing was done yet.")
