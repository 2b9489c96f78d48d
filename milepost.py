"""The front door: one command, and the only place that joins the rooms.

Nothing heavy is imported before a command needs it, so that `milepost --help` answers at once.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from poc.config.workspace import Workspace
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Plan

#: Commands that live in the rooms: name -> (module, attribute, what the help says of it).
ROOMS = {
    "run": ("poc.cli.run", "run", "Send what is due and exchange what waits in the inboxes."),
    "status": ("poc.cli.status", "status", "Show what waits, what was exchanged, and what needs a person."),
    "quarantine": ("poc.cli.quarantine", "quarantine", "Rows that were set aside: show, mend, replay or discard them."),
    "outbox": ("poc.cli.outbox", "outbox", "Requests that are not confirmed, and what to do with them."),
    "partner": ("poc.cli.practice_partner", "partner", "Start a practice partner that takes deliveries."),
    "metrics": ("metrics.cli.measure", "metrics", "Measure runs of both sides, and keep what they tell."),
    "roadmap": ("roadmap.cli.main", "roadmap", "Milestones and their verdicts, computed from what was measured."),
}

#: What the system says of a place that cannot be used as asked.
NOT_YOURS = (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError)

#: Exit code of what may be tried again as it stands.
BUSY = 75

#: Seconds until a job that found the database in use is tried again, where its next turn is far off.
SOON_S = 60.0

#: Seconds for which the dashboard shows what it has read before it reads what came since.
KEEP_S = 2.0


@dataclass(frozen=True)
class Front:
    """What commands know of where they run; each part is read when it is first asked for."""

    given: Path | None

    @property
    def folder(self) -> Path:
        """What `-w` or `MILEPOST_WORKSPACE` names, or the folder one stands in; a workspace or not."""
        return (self.given or Path.cwd()).resolve()

    @cached_property
    def workspace(self) -> Workspace:
        """That folder as a workspace, read and checked."""
        from poc.config.workspace import load

        return load(self.folder)

    @property
    def root(self) -> Path:
        """The workspace's folder."""
        return self.workspace.root

    @property
    def name(self) -> str:
        """What the workspace is called."""
        return self.workspace.settings.name

    @property
    def clock(self) -> str:
        """`replay` or `live`."""
        return self.workspace.settings.clock

    @property
    def store(self) -> Path:
        """The metrics database that this workspace is judged by."""
        return self.store_of(self.clock)

    def store_of(self, clock: str) -> Path:
        """The metrics database of a clock; the two are never mixed."""
        return self.root / "var" / f"metrics-{clock}.db"

    @property
    def log_mapping(self) -> dict[str, Any]:
        """How the logs of the user's own system are read: the table `[import]`, as it stands there."""
        return self.workspace.settings.import_

    def replayed(self) -> Front:
        """The workspace that a replay runs in: this one on the replayed clock, else one of the airlines below `var`."""
        if self.clock == "replay":
            return self
        from poc.config.scaffold.create import AIRLINES, make
        from roadmap.plan.template import template

        root = self.root / "var" / "replay" / "workspace"
        if not (root / "milepost.toml").is_file():
            make(root, "replay", "replay", AIRLINES, template())
        return Front(root)

    @property
    def milestones(self) -> Path:
        """The milestone file."""
        return self.root / "milestones.toml"

    @cached_property
    def built(self) -> int:
        """The highest service level that stands."""
        from poc.pipeline.capabilities import BUILT

        return BUILT

    @cached_property
    def release(self) -> str:
        """Version of the program."""
        from importlib.metadata import version

        return version("milepost")


class FrontDoor(click.Group):
    """Finds commands in the rooms when they are called, and turns the rooms' errors into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order a newcomer meets them."""
        return [*super().list_commands(ctx), *ROOMS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name, imported now."""
        if cmd_name in ROOMS:
            module, attribute, _ = ROOMS[cmd_name]
            found: click.Command = getattr(import_module(module), attribute)
            return found
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help, without importing any room."""
        del ctx
        own = [(name, command.get_short_help_str(200)) for name, command in sorted(self.commands.items())]
        with formatter.section("Commands"):
            formatter.write_dl([*own, *((name, told) for name, (_, _, told) in ROOMS.items())])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error that names its exit code becomes one line on stderr."""
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except KeyboardInterrupt:
            ctx.exit(130)
        except Exception as error:
            said, code = in_a_line(error)
            if code is None or isinstance(error, click.ClickException):
                raise
            click.echo(f"milepost: {said}", err=True)
            ctx.exit(code)


def in_a_line(error: Exception) -> tuple[Exception, int | None]:
    """What can be said of an error in one line, and its exit code; no code means that nobody foresaw it."""
    if isinstance(error, NOT_YOURS):
        return Refused(f"{error.filename}: {error.strerror}"), 2
    if isinstance(error, sqlite3.DatabaseError):
        return damaged_or_busy(error)
    return error, getattr(error, "exit_code", None)


def damaged_or_busy(error: sqlite3.DatabaseError) -> tuple[Refused, int]:
    """What a database's error means to whoever called, and the exit code."""
    from metrics.store.database import is_busy

    if is_busy(error):
        return Refused(f"a database of this workspace is in use by another program: {error}; try again later"), BUSY
    return Refused(f"a database of this workspace cannot be used: {error}; restore a copy of it"), 2


@click.group(cls=FrontDoor, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-w", "--workspace", type=click.Path(path_type=Path), envvar="MILEPOST_WORKSPACE", help="The workspace's folder."
)
@click.version_option(package_name="milepost")
@click.pass_context
def main(context: click.Context, workspace: Path | None) -> None:
    """Milepost moves data between a company and its partners, and measures what each step was worth."""
    context.obj = Front(workspace)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Make a workspace in FOLDER that runs: a partner, a contract, milestones, and a file in the inbox."""
    from datetime import UTC, datetime

    from poc.config.scaffold.create import AIRLINES, make, put_sample
    from roadmap.plan.template import starting

    plan = starting(datetime.now(UTC).date())
    make(folder, folder.resolve().name, "live", {"AA": AIRLINES["AA"]}, plan)
    sample = put_sample(folder)
    click.echo(f"{folder} is a workspace; {sample.relative_to(folder)} waits to be exchanged. Next:")
    click.echo(f"  milepost -w {folder} partner &   # a partner to practise on")
    click.echo(f"  milepost -w {folder} run         # exchange what waits")
    click.echo(f"  milepost -w {folder} serve       # the dashboard, and the same work by itself")


@main.command()
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a partner's file instead, for editors.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_context
def validate(context: click.Context, schema: bool, as_json: bool) -> None:
    """Check every file of the workspace, and say what is wrong and what would be right."""
    import json

    from metrics.errors import BadInput
    from metrics.importing.mapping import mapping_of
    from metrics.question import block_days
    from poc.config import workspace as config_workspace
    from poc.config.partner import Partner
    from poc.errors import ExchangeError
    from poc.service.validation import problems
    from roadmap.errors import PlanError
    from roadmap.plan.loader import load

    if schema:
        click.echo(json.dumps(Partner.model_json_schema(), indent=2))
        return
    front: Front = context.obj
    root = front.folder
    found = problems(root)
    with suppress(ExchangeError):  # a mistake in the rest of it has been found above
        table = config_workspace.load_settings(root).import_
        try:
            _ = table and mapping_of(table, str(root / "milepost.toml"))
        except BadInput as error:
            found.append(str(error))
    try:
        plan = load(root / "milestones.toml", block_days(_clock(root)))
    except PlanError as error:
        found.append(str(error))
    if as_json:
        click.echo(json.dumps({"workspace": str(root), "problems": found}, indent=2))
        context.exit(2 if found else 0)
    if found:
        raise Refused("\nmilepost: ".join(found))
    feeds = len(front.workspace.pick(None))
    click.echo(
        f"{root} is in order: {len(front.workspace.partners)} partner(s), {feeds} feed(s), "
        f"{len(plan.milestones)} milestone(s)."
    )


def _clock(root: Path) -> str:
    """The clock of a workspace whose other files may be broken; the more lenient one where it cannot be read."""
    from poc.config.workspace import load_settings
    from poc.errors import BadInput

    try:
        return load_settings(root).clock
    except BadInput:
        return "live"


@main.command()
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
    from metrics.export.data_dictionary import put_beside
    from metrics.progress import progress_bar
    from metrics.replay.measurement import MeasurementRequest, faults_of, measure
    from poc.config.scaffold.create import AIRLINES, make
    from roadmap.cli.main import judged_before
    from roadmap.plan.loader import load
    from roadmap.plan.template import template
    from roadmap.records.verdict_json import to_json
    from roadmap.report.verdict_text import to_text

    given: Front = context.obj
    folder = folder or given.given or Path("demo")
    listener = None if no_serve else listen("127.0.0.1", port)  # first, so that nobody waits for a port in use
    if not (folder / "milepost.toml").is_file():
        make(folder, "demo", "replay", AIRLINES, template())
    front = Front(folder)
    if front.clock != "replay":
        raise Refused(f"{folder}: is a workspace on the live clock; a demo needs one of its own, name it with --dir")
    passes = rounds if rounds is not None else 1 if judged_before(front) else 3
    spans = spans_of(load(front.milestones), front.built, weeks)
    if not spans:
        raise Refused(
            f"{front.milestones}: no milestone whose service is built starts in the first {weeks} weeks of 2013"
        )
    order = MeasurementRequest(
        front.root, front.store, ("monolith", *spans), weeks, passes, faults_of(faults), front.built, spans=spans
    )
    with progress_bar("replaying 2013") as progress:
        done = measure(order, progress)
    put_beside(order.store)
    verdicts = judge(front)
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
        sys.exit(serve_until_told(front, listener))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address; no other is served.")
@click.option("--port", default=8765, show_default=True, help="0 takes a free one.")
@click.pass_obj
def serve(front: Front, host: str, port: int) -> None:
    """Show the dashboard, exchange what arrives in the inboxes, collect, and judge once a day."""
    from dashboard.server import address_of, listen

    _ = front.workspace  # a mistake in it is told before anything is served
    listener = listen(host, port)
    click.echo(f"Dashboard: {address_of(listener)} (Ctrl-C ends it)")
    sys.exit(serve_until_told(front, listener))


def spans_of(plan: Plan, built: int, weeks: int) -> dict[str, tuple[int, int]]:
    """First and last block (from 0) of each service in the demo, lowest level first.

    A week belongs to the milestones in whose time it begins; one that is not built, or begins later, has none.
    """
    from metrics.replay.input_files import block_span

    firsts = [block_span(block)[0] for block in range(weeks)]
    found: dict[str, list[int]] = {}
    for milestone in sorted(plan.milestones, key=lambda milestone: milestone.level):
        blocks = [n for n, first in enumerate(firsts) if milestone.start <= first <= milestone.due]
        if 0 < milestone.level <= built and blocks:
            found.setdefault(milestone.subject, []).extend(blocks)
    return {subject: (min(blocks), max(blocks)) for subject, blocks in found.items()}


class Refused(Exception):
    """Something asked of the front door that it does not do; the message says what it does."""

    exit_code = 2


def judge(front: Front) -> list[Verdict]:
    """Judge the milestones as of today, on the workspace's clock, and keep the evaluations."""
    from roadmap.cli.main import judged

    return judged(front)


def jobs(front: Front, stop: Callable[[], bool]) -> dict[str, Callable[[], object]]:
    """The work that a running service does by itself, one function a job."""
    from contextlib import closing
    from datetime import UTC, datetime
    from time import time_ns

    from metrics.collector.collect import collect
    from metrics.export.data_dictionary import put_beside
    from metrics.store.database import open_store
    from poc.service.worker import InboxWorker

    def say(line: str) -> None:
        click.echo(f"milepost: {line}", err=True)

    def collect_spool() -> None:
        if front.workspace.spool.is_dir():
            with closing(open_store(front.store_of("live"), "live")) as db:
                collect(front.workspace.spool, db, time_ns() // 1000)

    put_beside(front.store_of("live"))
    inboxes = InboxWorker(front.workspace, lambda: datetime.now(UTC), front.release, stop, say)
    return {"exchange": inboxes.turn, "collect": collect_spool, "judge": lambda: judge(front)}


def serve_until_told(front: Front, listener: socket.socket) -> int:
    """Serve the dashboard and do the jobs until a signal comes; what is under way is ended first.

    Returns:
        130 after Ctrl-C, 143 after SIGTERM.
    """
    import threading
    from datetime import UTC, datetime

    from dashboard.config import Config
    from dashboard.server import PeriodicJob, serve_with

    told = threading.Event()
    todo = jobs(front, told.is_set)
    config = Config(
        store=front.store,
        milestones=front.milestones,
        built=front.built,
        workspace_name=front.workspace.settings.name,
        clock=front.clock,
        today=lambda: datetime.now(UTC).date(),
        now=lambda: datetime.now(UTC),
        spool=front.workspace.spool if front.clock == "live" else None,
        keep_s=KEEP_S,
    )
    turns = {  # what is judged has been collected
        "exchange": PeriodicJob(work=spoken(todo["exchange"]), every_s=5, first_s=0),
        "collect": PeriodicJob(work=spoken(todo["collect"]), every_s=2, first_s=1),
        "judge": PeriodicJob(
            work=spoken(todo["judge"], told.wait), every_s=86_400, first_s=3
        ),  # the others soon have another
    }
    return serve_with(config, listener, turns, told)


def spoken(job: Callable[[], object], pause: Callable[[float], bool] | None = None) -> Callable[[], None]:
    """The job, saying on stderr in one line what it could not do; it is tried again at its next turn.

    With a `pause` (seconds in, whether to stop out) a job that found the database in use is tried again after
    `SOON_S`, until it was done or the pause says to stop.
    """

    def turn() -> int | None:
        try:
            job()
        except Exception as error:
            said, code = in_a_line(error)
            if code is None:
                raise
            click.echo(f"milepost: {said}", err=True)
            return code
        return None

    def run() -> None:
        while turn() == BUSY and pause is not None and not pause(SOON_S):
            pass

    return run


if __name__ == "__main__":
    main()
