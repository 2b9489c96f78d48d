"""`milepost demo migrate`: the commands and rules of a migration, over a year of weeks in about a minute."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from metrics.replay.input_files import InputFile
    from milepost.context import WorkspaceContext
    from milepost.migration_demo.story import Story
    from milepost.migration_demo.world import DemoWorld

#: The seed of the files, as that of a replay; and the hours of a Monday at which files come and people decide.
SEED = 2013
FILES_HOUR, DECISIONS_HOUR = 6, 15


@click.command()
@click.option(
    "--weeks", type=click.IntRange(1, 52), default=52, show_default=True, help="How many weeks of the year to show."
)
@click.option("--no-serve", is_flag=True, help="End when the numbers are printed.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("demo-migration"),
    show_default=True,
    help="The new folder of the demo's workspace.",
)
@click.option("--port", default=8765, show_default=True, help="Where the dashboard listens, on loopback.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def migrate(weeks: int, no_serve: bool, folder: Path, port: int, as_json: bool) -> None:
    """Move the airlines of 2013 from a monolith to the service, one after the other, and show the dashboard.

    Each Monday of the last weeks, each airline hands in its flights of a week of 2013. The monolith is a command that
    sends through `milepost capture`. Feeds advance by `milepost route advance` as soon as their gates let them: first
    AA, then three more, then all. The monolith of B6 rounds distances in its own way, which a disposition explains; and
    an answer of EV's partner to the service is lost, so that its feed goes back by itself, and moves again later.
    """
    import json

    from dashboard.server import listen, url_of
    from milepost.context import WorkspaceContext
    from milepost.migration_demo.story import Story
    from milepost.migration_demo.world import make_demo_workspace
    from milepost.serve import serve_until_signal
    from poc.cli.operations.log_options import logger_of

    start_s = time.monotonic()
    listener = None if no_serve else listen("127.0.0.1", port)  # first, so that a port in use is reported at once
    first_monday = monday_before(datetime.now(UTC)) - timedelta(weeks=weeks - 1)
    story = Story(weeks)
    make_demo_workspace(folder, story.airlines, first_monday.date())
    context = WorkspaceContext(folder.resolve())
    say: Callable[[str], None] = lambda text: print_line(text, err=as_json)  # noqa: E731 (one argument less each time)
    result = {**move_airlines(context, story, first_monday, say), "seconds": round(time.monotonic() - start_s, 1)}
    address = None if listener is None else url_of(listener)
    if as_json:
        click.echo(json.dumps({**result, "dashboard": address}, indent=2))
    else:
        for line in result_lines(result, folder):
            print_line(line)
    if listener is not None:
        print_line(f"Dashboard: {address}/migration (Ctrl-C ends it)", err=as_json)
        sys.exit(serve_until_signal(WorkspaceContext(context.root), listener, logger_of(None, "warning", None)))


def monday_before(moment: datetime) -> datetime:
    """Return the last Monday's midnight, UTC."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=midnight.weekday() or 7)


def move_airlines(
    context: WorkspaceContext, story: Story, first_monday: datetime, say: Callable[[str], None]
) -> dict[str, Any]:
    """Play the weeks, and return what came of them. Raises BadInput, CommandError, TryLater, LedgerDamaged."""
    from metrics.replay.input_files import read_flights, split_into_files
    from milepost.context import WorkspaceContext
    from milepost.migration_demo.deciding import Decisions
    from milepost.migration_demo.outcome import count_outcome
    from milepost.migration_demo.world import DemoWorld
    from poc.service.runner import tune_garbage_collector

    files, _ = split_into_files(read_flights(), context.root / "var" / "flights", SEED, range(story.weeks))
    by_week: dict[int, list[InputFile]] = {}
    for file in files:
        if file.block < story.weeks and file.partner in story.airlines:
            by_week.setdefault(file.block + 1, []).append(file)
    names = [by_week[week][0].name for week in sorted(by_week)]
    tune_garbage_collector()
    with DemoWorld(context.root, story.airlines, story.lost_answers(names)) as world:
        context = WorkspaceContext(context.root)  # its partners were given their monoliths just now
        decisions = Decisions(context, story, world.clock, say)
        for week in sorted(by_week):
            monday = first_monday + timedelta(weeks=week - 1)
            world.clock.set(monday + timedelta(hours=FILES_HOUR))
            for file in by_week[week]:
                world.hand_in(file, world.clock())
            exchange_files(context, world)
            world.clock.set(monday + timedelta(hours=DECISIONS_HOUR))
            decisions.decide(week)
        exchange_files(context, world)
        collect_runs(context)
        return count_outcome(context, world, [file for week in by_week.values() for file in week], decisions)


def exchange_files(context: WorkspaceContext, world: DemoWorld) -> None:
    """Do what `milepost run` does, at the time of the demo's clock."""
    from metrics.events import SpoolRecorder
    from poc.pipeline.capabilities import resolve_level
    from poc.service.inbox_run import run_inbox

    workspace = context.workspace
    level = resolve_level(workspace.settings.level)
    with closing(SpoolRecorder(workspace.spool)) as recorder:
        for _ in run_inbox(workspace, None, level, world.clock, recorder, context.release):
            pass  # failures are in the ledger, where the guardrails see them


def collect_runs(context: WorkspaceContext) -> None:
    """Take the recorded runs into the metrics database."""
    from metrics.collector.collect import collect
    from metrics.export.data_dictionary import write_beside
    from metrics.store.database import open_store

    with closing(open_store(context.store, context.clock)) as db:
        collect(context.workspace.spool, db, time.time_ns() // 1000)
    write_beside(context.store)


def result_lines(result: dict[str, Any], folder: Path) -> list[str]:
    """Return the lines that say what came of the demo."""
    stages = ", ".join(f"{count} {stage}" for stage, count in result["stages"].items())
    differences = ", ".join(f"{count:,} {cause}" for cause, count in result["differences"].items()) or "none"
    by_side = f"{result['monolith_calls']:,} by the monolith and {result['service_files']:,} by the service"
    held = f"{result['held_records']:,} of {result['due_records']:,} records"
    backs = f"{result['automatic_backs']} feed(s) went back by themselves"
    took = f"It took {result['seconds']:.0f} s."
    return [
        "",
        f"{result['files']:,} files in {result['weeks']} weeks: {by_side}. Feeds now: {stages}.",
        f"{result['compared_files']:,} files were compared before the service sent; differences: {differences}.",
        f"{result['refusals']:,} times a gate was closed; {backs}.",
        f"The partners hold {held}: {result['lost']:,} lost, {result['twice']:,} twice. {took}",
        f"The workspace is {folder}; `milepost -w {folder} route ls` and `parity status` show more.",
    ]
