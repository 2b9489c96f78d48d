"""`milepost metrics`: measure both sides in a replay, and collect run events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metrics.cli.record import record
from metrics.cli.transfer import export, import_log, metadata
from metrics.terminal import print_line

if TYPE_CHECKING:
    from metrics.cli.context import CliContext


@click.group()
def metrics() -> None:
    """Measure runs of both sides, and store the results."""


metrics.add_command(record)
metrics.add_command(import_log)
metrics.add_command(export)
metrics.add_command(metadata)


@metrics.command()
@click.option(
    "--subjects",
    help="The subjects, the control first: monolith,service@1,...; by default, the highest level that is built.",
)
@click.option("--weeks", default=52, show_default=True, help="Number of weeks of the year to replay.")
@click.option(
    "--year",
    "year_number",
    type=click.IntRange(1, 2),
    default=1,
    show_default=True,
    help="1 replays 2013; 2 the same flights 364 days later, cut by day.",
)
@click.option("--rounds", default=1, show_default=True, help="Passes over the same weeks.")
@click.option(
    "--faults",
    type=click.Choice(["standard", "none", "stress"]),
    default="standard",
    show_default=True,
    help="The injected faults; `standard` also measures the same replay without faults. `stress` replays the services "
    "alone, in as many rounds as its file fixes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def measure(
    context: CliContext, subjects: str | None, weeks: int, year_number: int, rounds: int, faults: str, as_json: bool
) -> None:
    """Replay the flights of a year on all subjects side by side, each over all weeks, and store every run.

    In a workspace on the live clock, the replay has its own workspace below var/ and is never mixed with live runs.
    """
    import json
    from contextlib import closing
    from dataclasses import asdict

    from metrics.export.data_dictionary import write_beside
    from metrics.measures.comparison import busy_time_saved
    from metrics.measures.registry import MEASURES
    from metrics.progress import progress_bar
    from metrics.question import Question
    from metrics.replay.input_files import FIRST_YEAR, SECOND_YEAR
    from metrics.replay.measurement import MeasurementRequest, expand_faults, split_subjects
    from metrics.replay.measurement import measure as run
    from metrics.replayed_years import second_year_note
    from metrics.store.database import open_reader

    names = tuple(split_subjects(subjects if subjects is not None else f"monolith,service@{context.built}"))
    replayed, year = context.replayed(), SECOND_YEAR if year_number == SECOND_YEAR.number else FIRST_YEAR
    request = MeasurementRequest(
        replayed.root,
        replayed.store,
        names,
        weeks,
        rounds,
        expand_faults(faults),
        context.built,
        stress={name: (0, weeks - 1) for name in names if name != "monolith"},
        year=year,
    )
    with progress_bar(f"replaying {len(names)} subjects") as progress:
        result = run(request, progress)
    write_beside(request.store)
    readings, resilience = [], []
    with closing(open_reader(request.store)) as db:
        for subject in names[1:]:
            for name in request.faults:
                label = f"{subject}#2" if subject == names[0] else subject
                question = Question(subject=label, start=year.days[0], end=year.days[1], faults=name)
                if name == "stress":  # nothing to compare with: the services are replayed alone
                    measured = [MEASURES[measure] for measure in ("recovered_unattended", "wasted_calls")]
                    resilience += [(label, measure, measure.read(db, question)) for measure in measured]
                else:
                    readings.append((label, name, busy_time_saved(db, question)))
    if as_json:
        savings = [{"subject": label, **asdict(reading)} for label, _, reading in readings]
        stress = [{"subject": label, **asdict(reading)} for label, _, reading in resilience]
        click.echo(json.dumps({**asdict(result), "busy_time_saved": savings, "stress": stress}, default=str))
        return
    note = second_year_note("replay", year.days[0])
    print_line(" ".join(filter(None, (f"{result.runs:,} runs measured in {result.seconds:.0f} s.", note))))
    for label, name, reading in readings:
        wording = "under the standard faults" if name == "standard" else "without faults"
        if reading.estimate is None:
            print_line(f"{label} against {names[0]}, {wording}: {reading.missing}")
        elif reading.low is None or reading.high is None:
            print_line(
                f"{label} against {names[0]}, {wording}: {time_change(reading.estimate)} so far; {reading.missing}."
            )
        else:
            print_line(
                f"{label} against {names[0]}, {wording}: {time_change(reading.estimate)}, likely between "
                f"{time_change(reading.low)} and {time_change(reading.high)}."
            )
    for label, measure, reading in resilience:
        number = "" if reading.estimate is None else f"{stress_number(reading.estimate, measure.unit)}"
        likely = ""
        if reading.low is not None and reading.high is not None:
            low, high = (stress_number(end, measure.unit) for end in (reading.low, reading.high))
            likely = f", likely between {low} and {high}"
        missing = f"; {reading.missing}" if reading.missing and number else reading.missing
        print_line(f"{label}, stress series, {measure.title}: {number}{likely}{missing}")
    print_line(f"`milepost -w {request.root} roadmap status` and `serve` show it.")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def time_change(saved: float) -> str:
    """Format a share of time saved: 0.4 is "40% less time", -0.1 is "10% more time"."""
    return f"{abs(saved):.0%} {'less' if saved >= 0 else 'more'} time"


def stress_number(value: float, unit: str) -> str:
    """Format a number of the stress series: a share as a percentage, else with its unit."""
    return f"{value:.1%}" if unit == "share" else f"{value:.1f} {unit}"


@metrics.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def collect(context: CliContext, as_json: bool) -> None:
    """Collect run events into the metrics database; collecting again adds nothing."""
    import json
    import time
    from contextlib import closing
    from dataclasses import asdict

    from metrics.collector.collect import CollectResult
    from metrics.collector.collect import collect as collect_spool
    from metrics.export.data_dictionary import write_beside
    from metrics.store.database import CLOCKS, open_store

    results: dict[str, CollectResult] = {}
    for clock in CLOCKS:
        spool = context.root / "var" / "spool" / clock
        if spool.is_dir():
            with closing(open_store(context.store_of(clock), clock)) as db:
                write_beside(context.store_of(clock))
                results[clock] = collect_spool(spool, db, time.time_ns() // 1000)
    if as_json:
        click.echo(json.dumps({clock: asdict(result) for clock, result in results.items()}))
        return
    if not results:
        print_line("Nothing to collect: no run has recorded an event yet.")
    for clock, result in results.items():
        summary = f"{clock}: {_count(result.events, 'event')} in {_count(result.files, 'file')}, {result.new:,} new"
        print_line(summary + (f"; {_count(result.retired, 'finished file')} removed." if result.retired else "."))
        for name in result.unfinished:
            print_line(
                f"{clock}: the last line of {name} has no end yet; it is collected when it has, or its writer ends."
            )
