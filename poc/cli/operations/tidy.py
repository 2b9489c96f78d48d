"""`milepost tidy`: remove what is settled and older than `[keep]` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json

if TYPE_CHECKING:
    from poc.cli.console import CliContext


@click.command()
@click.option("--dry-run", is_flag=True, help="Remove nothing; show what would be removed.")
@AS_JSON
@click.pass_obj
def tidy(context: CliContext, dry_run: bool, as_json: bool) -> None:
    """Remove what is settled and older than `[keep]` in milepost.toml says; `serve` does so once a day.

    Nothing that is owed is removed: what is due, ambiguous, held, failed, or refused and not replaced.
    """
    from contextlib import closing
    from datetime import UTC, datetime

    from poc.ledger.opening import open_ledger
    from poc.maintenance.retention import describe
    from poc.maintenance.retention import tidy as tidy_workspace

    def remove_old_runs(before: datetime) -> int:
        return context.remove_old_runs(before, dry_run=dry_run)

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        removed = tidy_workspace(context.workspace, ledger, datetime.now(UTC), remove_old_runs, dry_run=dry_run)
    if as_json:
        rows = [
            {"kind": row.kind, "count": row.count, "size_bytes": row.size_bytes, "before": row.before.isoformat()}
            for row in removed
        ]
        echo_json({"dry_run": dry_run, "removed": rows})
        return
    for row in removed:
        print_line(f"{'would remove' if dry_run else 'removed'} {describe(row)}")
    if not removed:
        print_line("Everything is kept: milepost.toml has no [keep].")
