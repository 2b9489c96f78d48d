"""`milepost metrics`: measure both sides, and collect what runs have told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metrics.cli.record import record
from metrics.cli.transfer import export, import_log, metadata

if TYPE_CHECKING:
    from metrics.cli.context import CliContext


@click.group()
def metrics() -> None:
    """Measure runs of both sides, and keep what they tell."""


metrics.add_command(record)
metrics.add_command(import_log)
metrics.add_command(export)
metrics.add_command(metadata)


@metrics.command()
@click.option(
    "--subjects",
    help="Who is measured, the control first: monolith,service@1,...; unless given, the highest level that stands.",
)
@click.option("--weeks", default=52, show_default=True, help="How many weeks of the year to replay.")
@click.option("--rounds", default=1, show_default=True, help="Passes over the same weeks.")
@click.option(
    "--faults",
    type=click.Choice(["standard", "none"]),
    default="standard",
    show_default=True,
    help="What goes wrong; `standard` is measured together with its twin without faults.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def measure(front: CliContext, subjects: str | None, weeks: int, rounds: int, faults: str, as_json: bool) -> None:
    """Replay the flights of 2013 on all subjects side by side, each over all weeks, and keep every run.

    In a workspace on the live clock the replay gets a workspace of its own below var/, and is never mixed with live
    runs.
    """
    import json
    from contextlib import closing
    from dataclasses import asdict
    from datetime import date

    from metrics.export.data_dictionary import write_beside
    from metrics.measures.comparison import busy_time_saved
    from metrics.progress import progress_bar
    from metrics.question import Question
    from metrics.replay.measurement import MeasurementRequest, expand_faults, split_subjects
    from metrics.replay.measurement import measure as run
    from metrics.store.database import open_reader

    names = tuple(split_subjects(subjects if subjects is not None else f"monolith,service@{front.built}"))
    replayed = front.replayed()
    order = MeasurementRequest(replayed.root, replayed.store, names, weeks, rounds, expand_faults(faults), front.built)
    with progress_bar(f"replaying {len(names)} subjects") as progress:
        done = run(order, progress)
    write_beside(order.store)
    readings = []
    with closing(open_reader(order.store)) as db:
        for subject in names[1:]:
            for name in order.faults:
                label = f"{subject}#2" if subject == names[0] else subject
                asked = Question(subject=label, start=date(2013, 1, 1), end=date(2013, 12, 31), faults=name)
                readings.append((label, name, busy_time_saved(db, asked)))
    if as_json:
        told = [{"subject": label, **asdict(found)} for label, _, found in readings]
        click.echo(json.dumps({**asdict(done), "busy_time_saved": told}, default=str))
        return
    click.echo(f"{done.runs:,} runs measured in {done.seconds:.0f} s.")
    for label, name, found in readings:
        wording = "under the standard faults" if name == "standard" else "without faults"
        if found.estimate is None:
            click.echo(f"{label} against {names[0]}, {wording}: {found.missing}")
        elif found.low is None or found.high is None:
            click.echo(f"{label} against {names[0]}, {wording}: {time_change(found.estimate)} so far; {found.missing}.")
        else:
            click.echo(
                f"{label} against {names[0]}, {wording}: {time_change(found.estimate)}, likely between "
                f"{time_change(found.low)} and {time_change(found.high)}."
            )
    click.echo(f"`milepost -w {order.root} roadmap status` and `serve` show it.")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def time_change(saved: float) -> str:
    """A share of time saved as people say it: 0.4 is "40% less time", -0.1 is "10% more time"."""
    return f"{abs(saved):.0%} {'less' if saved >= 0 else 'more'} time"


@metrics.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def collect(front: CliContext, as_json: bool) -> None:
    """Take what runs have told into the metrics database; twice does no harm."""
    import json
    import time
    from contextlib import closing
    from dataclasses import asdict

    from metrics.collector.collect import CollectResult
    from metrics.collector.collect import collect as take
    from metrics.export.data_dictionary import write_beside
    from metrics.store.database import CLOCKS, open_store

    told: dict[str, CollectResult] = {}
    for clock in CLOCKS:
        spool = front.root / "var" / "spool" / clock
        if spool.is_dir():
            with closing(open_store(front.store_of(clock), clock)) as db:
                write_beside(front.store_of(clock))
                told[clock] = take(spool, db, time.time_ns() // 1000)
    if as_json:
        click.echo(json.dumps({clock: asdict(found) for clock, found in told.items()}))
        return
    if not told:
        click.echo("Nothing to collect: no run has told anything yet.")
    for clock, found in told.items():
        said = f"{clock}: {_count(found.events, 'event')} in {_count(found.files, 'file')}, {found.new:,} new"
        click.echo(said + (f"; {_count(found.retired, 'file')} done with and removed." if found.retired else "."))
        for name in found.unfinished:
            click.echo(f"{clock}: the last line of {name} has no end; it is left until it has, or its writer has gone.")
