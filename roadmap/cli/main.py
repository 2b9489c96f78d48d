"""`milepost roadmap`: what was promised, what was measured, the verdict, and what was decided on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from roadmap.cli.record import decide, spend

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    from roadmap.cli.session import CliContext
    from roadmap.model import Verdict

AS_OF = click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Judge as of the end of that day, and keep nothing.",
)


@click.group()
def roadmap() -> None:
    """Milestones and their verdicts, computed from what was measured."""


@roadmap.command()
@AS_OF
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
@click.pass_obj
def status(front: CliContext, as_of: datetime | None, as_json: bool) -> None:
    """Say of each milestone where it stands, and why."""
    import json
    import time

    from roadmap.cli.session import open_session
    from roadmap.records.verdict_json import to_json
    from roadmap.report.verdict_text import to_text

    with open_session(front, time.time_ns() // 1000, _day(as_of)) as here:
        if as_json:
            click.echo(json.dumps([to_json(verdict) for verdict in here.verdicts], indent=2))
        else:
            click.echo(f"{here.heading}\n\n{to_text(here.verdicts)}")


@roadmap.command()
@click.argument("code")
@AS_OF
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@click.pass_obj
def show(front: CliContext, code: str, as_of: datetime | None, as_json: bool) -> None:
    """Say all that is known of milestone CODE, and what it rests on."""
    import json
    import time

    from roadmap.cli.session import open_session
    from roadmap.report import milestone_detail

    with open_session(front, time.time_ns() // 1000, _day(as_of)) as here:
        found = milestone_detail.gather(here.db, *here.milestone(code))
        if as_json:
            click.echo(json.dumps(milestone_detail.to_json(found), indent=2))
        else:
            click.echo(f"{here.heading}\n\n{milestone_detail.to_text(found)}")


@roadmap.command()
@click.argument("code")
@click.option("--allow-insufficient", is_flag=True, help="Let pass what has not failed and merely lacks evidence yet.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.pass_context
def gate(context: click.Context, code: str, allow_insufficient: bool, as_json: bool) -> None:
    """Say whether milestone CODE is proven, for scripts.

    Exit codes: 0 proven; 5 missed, a measure not met, or a guardrail breached; 6 everything else; 2 a bad file or CODE.
    """
    import json
    import time

    from roadmap.cli.session import open_session
    from roadmap.judge.status import gate_exit_code
    from roadmap.records.verdict_json import to_json
    from roadmap.report.verdict_text import to_text

    with open_session(context.obj, time.time_ns() // 1000) as here:
        _, verdict = here.milestone(code)
        if as_json:
            click.echo(json.dumps(to_json(verdict), indent=2))
        else:
            click.echo(f"{here.heading}\n\n{to_text([verdict])}")
    context.exit(gate_exit_code(verdict, allow_insufficient=allow_insufficient))


@roadmap.command()
@click.argument("code")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def plan(front: CliContext, code: str, as_json: bool) -> None:
    """Say what it takes to prove the targets of milestone CODE."""
    import json
    import time

    from metrics.question import block_days
    from roadmap.cli.session import open_session
    from roadmap.report import requirements

    with open_session(front, time.time_ns() // 1000) as here:
        found = requirements.gather(here.db, *here.milestone(code), block_days(front.clock))
        if as_json:
            click.echo(json.dumps(requirements.to_json(found), indent=2))
        else:
            click.echo(f"{here.heading}\n\n{requirements.to_text(found)}")


@roadmap.command()
@AS_OF
@click.option("--markdown", is_flag=True, help="Print it as Markdown.")
@click.option(
    "--html", is_flag=False, flag_value="-", metavar="[FILE]", help="Print one HTML file, or write it to FILE."
)
@click.option("--json", "as_json", is_flag=True, help="Print the same as JSON.")
@click.pass_obj
def report(front: CliContext, as_of: datetime | None, markdown: bool, html: str | None, as_json: bool) -> None:
    """Report to those who pay for it: in full, or with --html on one page of A4."""
    import json
    import time
    from pathlib import Path

    from roadmap.cli.session import open_session
    from roadmap.report import full_report, one_page

    if markdown + as_json + (html is not None) > 1:
        raise click.UsageError("--markdown, --html and --json are three forms of it; choose one")
    if html is not None and not Path(html).name and html != "-":
        raise click.UsageError(f"--html {html!r} names no file; name one, or leave the name out to print it")
    with open_session(front, time.time_ns() // 1000, _day(as_of)) as here:
        told = (here.db, here.plan, here.verdicts, here.today, front.clock)
        if html is not None:
            said = full_report.to_html(one_page.gather(*told, front.built), front.name)
        elif as_json:
            said = json.dumps(full_report.to_json(full_report.gather(*told, here.heading)), indent=2)
        else:
            said = (full_report.to_markdown if markdown else full_report.to_text)(
                full_report.gather(*told, here.heading)
            )
    if html is None:
        click.echo(said)
    elif html == "-":
        click.echo(said, nl=False)
    else:
        _write(Path(html), said)
        click.echo(f"The report is in {html}.")


roadmap.add_command(decide)
roadmap.add_command(spend)


def judge_workspace(front: CliContext) -> list[Verdict]:
    """Judge the workspace's milestones and keep new evaluations; without a database nothing is made.

    Raises:
        PlanError: the milestone file cannot be used.
        MetricsError: the metrics database cannot be used.
    """
    import time

    from roadmap.cli.session import open_session

    with open_session(front, time.time_ns() // 1000) as here:
        return here.verdicts


def was_judged(front: CliContext) -> bool:
    """Whether the milestones of this workspace have ever been judged on measurements."""
    from contextlib import closing

    from metrics.errors import StoreMissing
    from metrics.store.database import open_reader

    try:
        with closing(open_reader(front.store)) as db:
            return db.table("evaluation").count > 0
    except StoreMissing:
        return False


def _day(given: datetime | None) -> date | None:
    return None if given is None else given.date()


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        Refused: it cannot be written there; nothing was.
    """
    from metrics.errors import BadInput
    from metrics.output import write_atomically
    from roadmap.errors import Refused

    try:
        with write_atomically(path) as sink:
            sink.write(text.encode())
    except BadInput as error:
        raise Refused(f"--html {error}; name a file in a folder that can be written to") from error
