"""`milepost demo`: replay a year or two on monolith and service, judge, and serve the dashboard."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line, print_text
from milepost.connect_demo.command import connect
from milepost.context import WorkspaceContext
from milepost.errors import CommandError
from milepost.migration_demo.command import migrate
from milepost.processes.background_jobs import judge_today
from milepost.serve import serve_until_signal
from poc.cli.operations.log_options import logger_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metrics.replay.measurement import MeasurementRequest
    from roadmap.plan.milestones import Plan

#: Weeks of the second year that are replayed: those of M5, as the replay moves no feed yet, and M6 asks for that.
SECOND_YEAR_WEEKS = 13


@click.group(invoke_without_command=True)
@click.option(
    "--weeks", type=click.IntRange(1, 52), default=52, show_default=True, help="How many weeks of a year to replay."
)
@click.option(
    "--years",
    type=click.IntRange(1, 2),
    default=1,
    show_default=True,
    help="2 replays the quarter of M5 as well: the flights of 2013 again, 364 days later and cut by day.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    help="Rounds over the same weeks; by default 3 at first, 1 after that, and 1 without faults, where answers are "
    "compared and no time is judged.",
)
@click.option(
    "--faults",
    type=click.Choice(["standard", "none"]),
    default="standard",
    show_default=True,
    help="The faults to inject; `standard` is measured together with the same run without faults, and with the stress "
    "series of the services whose plan asks for it.",
)
@click.option("--no-serve", is_flag=True, help="End when the numbers are printed.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    help="The folder of the demo's workspace, created if needed; by default that of -w, else `demo`.",
)
@click.option("--port", default=8765, show_default=True, help="Where the dashboard listens, on loopback.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def demo(
    ctx: click.Context, weeks: int, years: int, rounds: int | None, faults: str, no_serve: bool, folder: Path | None,
    port: int, as_json: bool,
) -> None:  # fmt: skip
    """Replay the flights of 2013 on monolith and service, judge the milestones, and show the dashboard.

    In each week the service has the level of the milestone to which the week belongs. `milepost demo migrate` moves the
    airlines from the monolith to the service instead, and `milepost demo connect` shows places, formats and receipts.
    """
    if ctx.invoked_subcommand is not None:
        return
    import json

    from dashboard.server import listen, url_of
    from metrics.export.data_dictionary import write_beside
    from metrics.progress import progress_bar
    from metrics.replay.input_files import FIRST_YEAR, SECOND_YEAR
    from metrics.replay.measurement import MeasurementRequest, expand_faults, measure
    from metrics.replayed_years import SECOND_YEAR_NOTE
    from poc.config.scaffold import AIRLINES, create_workspace
    from roadmap.cli.main import was_judged
    from roadmap.plan.loader import load_plan
    from roadmap.plan.template import replay_template
    from roadmap.records.verdict_json import to_json
    from roadmap.report.verdict_text import to_text

    given: WorkspaceContext = ctx.obj
    folder = folder or given.given or Path("demo")
    listener = None if no_serve else listen("127.0.0.1", port)  # first, so that a port in use is reported at once
    if not (folder / "milepost.toml").is_file():
        create_workspace(folder, "demo", "replay", AIRLINES, replay_template())
    context = WorkspaceContext(folder)
    if context.clock != "replay":
        raise CommandError(
            f"{folder}: is a workspace on the live clock; a demo needs one of its own, name it with --dir"
        )
    plan = load_plan(context.milestones)
    first_rounds = rounds or (1 if was_judged(context) else 3)
    spans = service_spans(plan, context.built, FIRST_YEAR.blocks[:weeks])
    if not spans:
        raise CommandError(
            f"{context.milestones}: no milestone whose service is built starts in the first {weeks} weeks of 2013"
        )
    stress = service_spans(plan, context.built, FIRST_YEAR.blocks[:weeks], faults="stress")
    request = MeasurementRequest(
        context.root,
        context.store,
        ("monolith", *spans),
        weeks,
        first_rounds,
        (*expand_faults(faults), *(("stress",) if stress and faults == "standard" else ())),
        context.built,
        spans=spans,
        stress=stress,
        control_again=longest_span(spans) if faults == "standard" else None,
        rounds_without_faults=1 if rounds is None and faults == "standard" else None,
    )
    later = second_year(request, plan, min(weeks, SECOND_YEAR_WEEKS), rounds) if years == SECOND_YEAR.number else None
    load = os.getloadavg()[0]
    with progress_bar("replaying 2013") as progress:
        result = measure(request, progress)
    if later is not None:
        with progress_bar("replaying the second year") as progress:
            second = measure(later, progress)
        result = replace(result, runs=result.runs + second.runs, seconds=result.seconds + second.seconds)
    write_beside(request.store)
    verdicts = judge_today(context)
    print_line(
        f"{machine_text(load)} Ratios of both sides carry over to other machines better than seconds.", err=as_json
    )
    address = None if listener is None else url_of(listener)
    if as_json:
        milestones = [to_json(verdict) for verdict in verdicts]
        numbers = {"runs": result.runs, "seconds": round(result.seconds, 1), "rows": result.rows}
        click.echo(json.dumps({**numbers, "milestones": milestones, "dashboard": address}, indent=2))
    else:
        print_text(f"{result.runs:,} runs measured in {result.seconds:.0f} s. Replay of 2013, not production.")
        if has_second_year(context.store):
            print_text(SECOND_YEAR_NOTE)
        if later is None and years == SECOND_YEAR.number:
            print_text(f"Nothing of the second year was replayed: {not_built(plan, context.built)}.")
        print_text("")
        print_text(to_text(verdicts))
        print_text(f"\nThe workspace is {folder}; `milepost -w {folder} roadmap status` prints this again.")
    if listener is not None:
        print_line(f"Dashboard: {address} (Ctrl-C ends it)", err=as_json)
        sys.exit(serve_until_signal(context, listener, logger_of(None, "warning", None)))


demo.add_command(migrate)
demo.add_command(connect)


def second_year(first: MeasurementRequest, plan: Plan, weeks: int, rounds: int | None) -> MeasurementRequest | None:
    """Return the measurement of the second year, beside that of the first; None if no service of it is built.

    Without a number of rounds there are 3 as long as the store has nothing of that year, and 1 after that.
    """
    from metrics.replay.input_files import SECOND_YEAR
    from metrics.replay.measurement import FAULTS

    spans = service_spans(plan, first.built, SECOND_YEAR.blocks[:weeks])
    if not spans:
        return None
    measured = has_second_year(first.store)
    faults = tuple(name for name in first.faults if name in FAULTS)
    return replace(
        first, subjects=("monolith", *spans), weeks=weeks, rounds=rounds or (1 if measured else 3), spans=spans,
        faults=faults, year=SECOND_YEAR, control_again=longest_span(spans) if first.control_again else None,
    )  # fmt: skip


def has_second_year(store: Path) -> bool:
    """Tell whether a store has measurements of the second year."""
    from metrics.replayed_years import SECOND_YEAR_START
    from metrics.store.database import open_reader
    from metrics.store.series import last_evidence_day

    if not store.is_file():
        return False
    with closing(open_reader(store)) as db:
        return (last_evidence_day(db) or "") >= SECOND_YEAR_START.isoformat()


def not_built(plan: Plan, built: int) -> str:
    """Return which milestones of a plan are not built."""
    missing = [
        f"{milestone.code} {milestone.title} needs service level {milestone.level}, which is not built"
        for milestone in plan.milestones
        if milestone.level > built
    ]
    return "; ".join(missing) or "no milestone starts in it"


def service_spans(plan: Plan, built: int, blocks: Sequence[int], faults: str = "") -> dict[str, tuple[int, int]]:
    """Return the first and last block of each service in the demo, of those to replay, lowest level first.

    A week belongs to the milestones between whose start and due date it begins. A milestone that is not built, or that
    begins later, has no block. With `faults`, only milestones with a target under these faults count.
    """
    from metrics.replay.input_files import block_range

    first_days = {block: block_range(block)[0] for block in blocks}
    blocks_of: dict[str, list[int]] = {}
    for milestone in sorted(plan.milestones, key=lambda milestone: milestone.level):
        if faults and all(target.faults != faults for target in (*milestone.metrics, *milestone.guardrails)):
            continue
        within = [block for block, first in first_days.items() if milestone.start <= first <= milestone.due]
        if 0 < milestone.level <= built and within:
            blocks_of.setdefault(milestone.subject, []).extend(within)
    return {subject: (min(within), max(within)) for subject, within in blocks_of.items()}


def longest_span(spans: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """Return the span with the most blocks, of several the last: the headline of the demo is judged on it."""
    return max(spans.values(), key=lambda span: (span[1] - span[0], span))


def machine_text(load: float) -> str:
    """Return the sentence that says on which machine the times were measured, and how busy it was before."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    model = processor_model()
    return f"Times are of this machine: {cores} cores{model and f', {model}'}, load {load:.1f} at the start."


def processor_model() -> str:
    """Return the model of the processor; empty where the system does not name it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
