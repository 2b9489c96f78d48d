"""`milepost demo`: replay 2013 on both sides, judge, and serve the dashboard."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from milepost.context import WorkspaceContext
from milepost.errors import CommandError
from milepost.serve import judge_today, serve_until_signal

if TYPE_CHECKING:
    from roadmap.plan.milestones import Plan


@click.command()
@click.option(
    "--weeks", type=click.IntRange(1, 52), default=52, show_default=True, help="How many weeks of 2013 to replay."
)
@click.option(
    "--rounds", type=click.IntRange(1, 100), help="Passes over the same weeks; 3 at first, 1 more after that."
)
@click.option(
    "--faults",
    type=click.Choice(["standard", "none"]),
    default="standard",
    show_default=True,
    help="What goes wrong; `standard` is measured together with its twin without faults.",
)
@click.option("--no-serve", is_flag=True, help="End when the numbers are printed.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    help="Where the demo's workspace is, or is made; demo unless this or -w says otherwise.",
)
@click.option("--port", default=8765, show_default=True, help="Where the dashboard listens, on loopback.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def demo(
    context: click.Context, weeks: int, rounds: int | None, faults: str, no_serve: bool, folder: Path | None, port: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Replay the flights of 2013 on monolith and service, judge the milestones, and show the dashboard.

    The year moves through the milestones: in each week the service has the level of the milestone that the week is in.
    """
    import json

    from dashboard.server import address_of, listen
    from metrics.export.data_dictionary import write_beside
    from metrics.progress import progress_bar
    from metrics.replay.measurement import MeasurementRequest, expand_faults, measure
    from poc.config.scaffold import AIRLINES, create_workspace
    from roadmap.cli.main import was_judged
    from roadmap.plan.loader import load_plan
    from roadmap.plan.template import replay_template
    from roadmap.records.verdict_json import to_json
    from roadmap.report.verdict_text import to_text

    given: WorkspaceContext = context.obj
    folder = folder or given.given or Path("demo")
    listener = None if no_serve else listen("127.0.0.1", port)  # first, so that nobody waits for a port in use
    if not (folder / "milepost.toml").is_file():
        create_workspace(folder, "demo", "replay", AIRLINES, replay_template())
    front = WorkspaceContext(folder)
    if front.clock != "replay":
        raise CommandError(
            f"{folder}: is a workspace on the live clock; a demo needs one of its own, name it with --dir"
        )
    passes = rounds if rounds is not None else 1 if was_judged(front) else 3
    spans = service_spans(load_plan(front.milestones), front.built, weeks)
    if not spans:
        raise CommandError(
            f"{front.milestones}: no milestone whose service is built starts in the first {weeks} weeks of 2013"
        )
    order = MeasurementRequest(
        front.root, front.store, ("monolith", *spans), weeks, passes, expand_faults(faults), front.built, spans=spans
    )
    with progress_bar("replaying 2013") as progress:
        done = measure(order, progress)
    write_beside(order.store)
    verdicts = judge_today(front)
    address = None if listener is None else address_of(listener)
    if as_json:
        told = [to_json(verdict) for verdict in verdicts]
        numbers = {"runs": done.runs, "seconds": round(done.seconds, 1), "rows": done.rows}
        click.echo(json.dumps({**numbers, "milestones": told, "dashboard": address}, indent=2))
    else:
        click.echo(f"{done.runs:,} runs measured in {done.seconds:.0f} s. Replay of 2013, not production.\n")
        click.echo(to_text(verdicts))
        click.echo(f"\nThe workspace is {folder}; `milepost -w {folder} roadmap status` says this again.")
    if listener is not None:
        click.echo(f"Dashboard: {address} (Ctrl-C ends it)", err=as_json)
        sys.exit(serve_until_signal(front, listener))


def service_spans(plan: Plan, built: int, weeks: int) -> dict[str, tuple[int, int]]:
    """First and last block (from 0) of each service in the demo, lowest level first.

    A week belongs to the milestones in whose time it begins; one that is not built, or begins later, has none.
    """
    from metrics.replay.input_files import block_range

    firsts = [block_range(block)[0] for block in range(weeks)]
    found: dict[str, list[int]] = {}
    for milestone in sorted(plan.milestones, key=lambda milestone: milestone.level):
        blocks = [n for n, first in enumerate(firsts) if milestone.start <= first <= milestone.due]
        if 0 < milestone.level <= built and blocks:
            found.setdefault(milestone.subject, []).extend(blocks)
    return {subject: (min(blocks), max(blocks)) for subject, blocks in found.items()}
