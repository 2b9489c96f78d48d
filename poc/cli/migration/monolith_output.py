"""What `milepost run` prints of a file that the monolith was given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line

if TYPE_CHECKING:
    from poc.route.sides.monolith_side import MonolithRun
    from poc.service.runner import RunResult


def print_monolith_run(result: RunResult, ran: MonolithRun, *, as_json: bool) -> None:
    """Print what the monolith did with a file that it was given."""
    if as_json:
        head = {"partner": result.partner, "feed": result.feed, "file": str(result.path), "side": "monolith"}
        values = {"outcome": ran.outcome, "sha256": ran.sha256, "wall_s": round(ran.wall_s, 3), "error": result.note}
        click.echo(json.dumps({**head, **values}))
        return
    how = f" in {ran.wall_s:.1f} s" if ran.outcome == "done" else ""
    print_line(
        f"{result.partner}/{result.feed} {result.path.name}: {ran.outcome.replace('_', ' ')} by the monolith{how}"
    )
    if result.note:
        print_line(f"  {result.note}")
