"""`milepost init` and `milepost validate`: create a workspace, and check its files."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line
from milepost.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milepost.context import WorkspaceContext
    from poc.ledger.workspace_id import PlaceDecision
    from poc.validation.try_destinations import TriedDestination


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--new-ledger", is_flag=True, help="Only make an empty ledger in the workspace FOLDER, whose own is lost for good."
)
@click.option(
    "--new-id",
    is_flag=True,
    help="Only give the workspace FOLDER, a copy of another one, an id of its own. What was sent keeps its keys.",
)
@click.option(
    "--moved",
    is_flag=True,
    help="Only let the workspace FOLDER go on with the id of the one that it was moved or copied from, which is gone.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
def init(folder: Path, new_ledger: bool, new_id: bool, moved: bool, as_json: bool) -> None:
    """Create a workspace in FOLDER that runs: a partner, a contract, milestones, and a file in the inbox."""
    import json
    from datetime import UTC, datetime

    from poc.config.scaffold import AIRLINES, create_workspace, put_samples
    from roadmap.plan.template import live_template

    if new_ledger + new_id + moved > 1:
        raise click.UsageError("give one of --new-ledger, --new-id and --moved")
    if new_ledger or new_id or moved:
        root = folder.resolve()
        text = replace_ledger(root) if new_ledger else settle_place(root, "moved" if moved else "new-id")
        done = "new-ledger" if new_ledger else "moved" if moved else "new-id"
        if as_json:
            click.echo(json.dumps({"workspace": str(root), "done": done}, indent=2))
        else:
            print_line(text)
        return
    plan = live_template(datetime.now(UTC).date())
    create_workspace(folder, folder.resolve().name, "live", {"AA": AIRLINES["AA"]}, plan)
    sample = put_samples(folder)
    if as_json:
        click.echo(json.dumps({"workspace": str(folder.resolve()), "done": "created", "sample": str(sample)}, indent=2))
        return
    print_line(f"{folder} is a workspace; {sample.relative_to(folder)} waits to be exchanged. Next:")
    print_line(f"  milepost -w {folder} partner &   # a partner to practise on")
    print_line(f"  milepost -w {folder} run         # exchange what waits")
    print_line(f"  milepost -w {folder} serve       # the dashboard, and the same work by itself")


def replace_ledger(root: Path) -> str:
    """Make an empty ledger in the place of one that is lost, and return what follows from it."""
    from poc.config.workspace import load_workspace
    from poc.errors import BadInput
    from poc.ledger.opening import create_ledger
    from poc.ledger.workspace_id import MARKER
    from poc.ledger_address import marker_path

    ledger = load_workspace(root).ledger
    if not isinstance(ledger, Path):
        raise BadInput(
            f"{ledger}: restore the database from a copy. If it is lost for good, make the tables in an empty one with "
            f"`milepost migrate`, and remove {marker_path(ledger).with_name(MARKER)}; a file that was delivered before "
            "and is handed in again is then delivered again"
        )
    create_ledger(ledger)
    return f"{ledger} is new and empty. A file that was delivered before and is handed in again is sent again."


def settle_place(root: Path, decision: PlaceDecision) -> str:
    """Record where a workspace is now, as a person decided about its id, and return what follows from it."""
    from poc.config.workspace import load_workspace
    from poc.ledger.opening import open_ledger

    open_ledger(load_workspace(root).ledger, decision=decision).close()
    if decision == "moved":
        return f"{root} goes on with its id; the workspace that it was must not be used any more."
    return f"{root} has an id of its own; files that it receives from now on are new to every partner."


@click.command()
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a partner's file instead, for editors.")
@click.option("--online", is_flag=True, help="Also try the partners' addresses and folders; no data is sent.")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
@click.pass_context
def validate(ctx: click.Context, schema: bool, online: bool, as_json: bool) -> None:
    """Check every file of the workspace, and print all problems with the valid choices.

    A folder that is not there and a secret that is not set are problems, too. `--online` connects to each partner and
    asks for an answer to OPTIONS, and writes a hidden file into each delivery folder, which it removes.

    Exit codes: 0 in order; 2 there are problems.
    """
    import json
    import os

    from poc.config.partner import Partner
    from poc.validation.partner_problems import find_notes

    if schema:
        click.echo(json.dumps(Partner.model_json_schema(), indent=2))
        return
    context: WorkspaceContext = ctx.obj
    root = context.folder
    problems, milestones = all_problems(root, os.environ)
    tried = places_tried(root, os.environ) if online else []
    problems += [f"{place.partner}/{place.feed}: {place.place}: {place.text}" for place in tried if place.is_problem]
    notes = [*find_notes(root), *grade_notes(root)]
    if as_json:
        places = {"places": [asdict(place) for place in tried]} if online else {}
        texts = {"problems": problems, "notes": notes}
        click.echo(json.dumps({"workspace": str(root), **texts, **places}, indent=2))
        ctx.exit(2 if problems else 0)
    for place in tried:
        if not place.is_problem:
            print_line(f"{place.partner}/{place.feed}: {place.place}: {place.text}")
    if problems:
        raise CommandError(*problems)
    for note in notes:
        print_line(f"note: {note}")
    feeds = len(context.workspace.select_feeds(None))
    print_line(
        f"{root} is in order: {len(context.workspace.partners)} partner(s), {feeds} feed(s), {milestones} milestone(s)."
    )


def all_problems(root: Path, environ: Mapping[str, str]) -> tuple[list[str], int]:
    """Return all problems of a workspace, and the number of its milestones; 0 where their file has mistakes."""
    from metrics.errors import BadInput
    from metrics.importing.mapping import parse_mapping
    from metrics.question import block_days
    from poc.config import workspace as config_workspace
    from poc.errors import ExchangeError
    from poc.parity.dispositions import disposition_problems
    from poc.validation.workspace_problems import find_problems
    from roadmap.errors import PlanError
    from roadmap.plan.loader import load_plan

    problems = find_problems(root, environ) + disposition_problems(root)
    with suppress(ExchangeError):  # find_problems has reported it
        table = config_workspace.load_settings(root).import_
        try:
            _ = table and parse_mapping(table, str(root / "milepost.toml"))
        except BadInput as error:
            problems += error.mistakes
    try:
        return problems, len(load_plan(root / "milestones.toml", block_days(_clock(root))).milestones)
    except PlanError as error:
        return problems + list(error.mistakes), 0


def grade_notes(root: Path) -> tuple[str, ...]:
    """Return which milestones ask for a better grade than a replay, or an imported log, can reach.

    Files with mistakes, which are among the problems, give no notes.
    """
    from metrics.question import block_days
    from poc.config.workspace import load_settings
    from poc.errors import BadInput
    from roadmap.errors import PlanError
    from roadmap.plan.grades import log_notes, replay_notes
    from roadmap.plan.loader import load_plan

    try:
        settings = load_settings(root)
        milestones = load_plan(root / "milestones.toml", block_days(settings.clock)).milestones
    except (BadInput, PlanError):
        return ()
    if settings.clock == "replay":
        return replay_notes(milestones)
    return log_notes(milestones) if settings.import_ else ()


def places_tried(root: Path, environ: Mapping[str, str]) -> list[TriedDestination]:
    """Return what came of trying the places of the partners whose files can be read."""
    from poc.config.workspace import load_workspace
    from poc.errors import BadInput
    from poc.validation.try_destinations import try_destinations

    try:
        return try_destinations(load_workspace(root), environ)
    except BadInput:  # the settings have mistakes, which are among the problems
        return []


def _clock(root: Path) -> str:
    """Return the clock of a workspace whose files may be invalid; the more lenient one where it cannot be read."""
    from poc.config.workspace import load_settings
    from poc.errors import BadInput

    try:
        return load_settings(root).clock
    except BadInput:
        return "live"
