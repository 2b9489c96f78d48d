"""`milepost roadmap`: show verdicts, requirements and reports; `decide`, `spend` and `checkin` are in `record`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line, print_text
from roadmap.cli.record import checkin, decide, spend
from roadmap.cli.replan import replan

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    from roadmap.cli.session import CliContext
    from roadmap.model import Verdict

AS_OF = click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Judge as of the end of that day, and record nothing.",
)


@click.group()
def roadmap() -> None:
    """Milestones and their verdicts, computed from what was measured."""


@roadmap.command()
@AS_OF
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
@click.pass_obj
def status(context: CliContext, as_of: datetime | None, as_json: bool) -> None:
    """Show the status of each milestone and its reasons."""
    import json
    import time

    from roadmap.cli.session import open_session
    from roadmap.records.verdict_json import to_json
    from roadmap.report.verdict_text import to_text

    with open_session(context, time.time_ns() // 1000, _day(as_of)) as session:
        if as_json:
            click.echo(json.dumps([to_json(verdict) for verdict in session.verdicts], indent=2))
        else:
            print_text(f"{session.heading}\n\n{to_text(session.verdicts)}")


@roadmap.command()
@click.argument("code")
@AS_OF
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@click.pass_obj
def show(context: CliContext, code: str, as_of: datetime | None, as_json: bool) -> None:
    """Show milestone CODE in full, with plans, decisions and spending."""
    import json
    import time

    from roadmap.cli.session import open_session
    from roadmap.report import milestone_detail

    with open_session(context, time.time_ns() // 1000, _day(as_of)) as session:
        detail = milestone_detail.gather(session.db, *session.milestone(code))
        if as_json:
            click.echo(json.dumps(milestone_detail.to_json(detail), indent=2))
        else:
            print_text(f"{session.heading}\n\n{milestone_detail.to_text(detail)}")


@roadmap.command()
@click.argument("code")
@click.option(
    "--allow-insufficient", is_flag=True, help="Let a milestone pass that has not failed and only lacks evidence."
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.pass_context
def gate(click_context: click.Context, code: str, allow_insufficient: bool, as_json: bool) -> None:
    """Exit with 0 if milestone CODE is proven, for scripts.

    Exit codes: 0 proven; 5 missed, a measure not met, or a guardrail breached; 6 everything else; 2 a bad file or CODE.
    """
    import json
    import time

    from roadmap.cli.session import open_session
    from roadmap.judge.status import gate_exit_code
    from roadmap.records.verdict_json import to_json
    from roadmap.report.verdict_text import to_text

    with open_session(click_context.obj, time.time_ns() // 1000) as session:
        _, verdict = session.milestone(code)
        if as_json:
            click.echo(json.dumps(to_json(verdict), indent=2))
        else:
            print_text(f"{session.heading}\n\n{to_text([verdict])}")
    click_context.exit(gate_exit_code(verdict, allow_insufficient=allow_insufficient))


@roadmap.command()
@click.argument("code")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def plan(context: CliContext, code: str, as_json: bool) -> None:
    """Show what it takes to prove the targets of milestone CODE."""
    import json
    import time

    from metrics.question import block_days
    from roadmap.cli.session import open_session
    from roadmap.report import requirements

    with open_session(context, time.time_ns() // 1000) as session:
        needed = requirements.gather(session.db, *session.milestone(code), block_days(context.clock))
        if as_json:
            click.echo(json.dumps(requirements.to_json(needed), indent=2))
        else:
            print_text(f"{session.heading}\n\n{requirements.to_text(needed)}")


@roadmap.command()
@AS_OF
@click.option("--markdown", is_flag=True, help="Print it as Markdown.")
@click.option(
    "--html", is_flag=False, flag_value="-", metavar="[FILE]", help="Print one HTML file, or write it to FILE."
)
@click.option("--pdf", metavar="FILE", help="Write the same page as PDF; needs an installed Chromium or Chrome.")
@click.option("--json", "as_json", is_flag=True, help="Print the same as JSON.")
@click.pass_obj
def report(
    context: CliContext, as_of: datetime | None, markdown: bool, html: str | None, pdf: str | None, as_json: bool
) -> None:
    """Report all milestones in full, or with --html or --pdf on one page of A4."""
    import json
    import os
    import time
    from pathlib import Path

    from roadmap.cli.session import open_session
    from roadmap.pdf import print_pdf
    from roadmap.report import full_report, one_page

    if markdown + as_json + (html is not None) + (pdf is not None) > 1:
        raise click.UsageError("--markdown, --html, --pdf and --json exclude each other; choose one")
    if pdf is not None:
        _check_pdf(pdf)
    if html is not None and not Path(html).name and html != "-":
        raise click.UsageError(f"--html {html!r} names no file; name one, or leave the name out to print it")
    with open_session(context, time.time_ns() // 1000, _day(as_of)) as session:
        judged = (session.db, session.plan, session.verdicts, session.today, context.clock)
        if html is not None or pdf is not None:
            text = full_report.to_html(one_page.gather(*judged, context.built), context.name)
        else:
            gathered = full_report.gather(*judged, session.heading, context.built)
            if as_json:
                text = json.dumps(full_report.to_json(gathered), indent=2)
            else:
                text = full_report.to_markdown(gathered) if markdown else full_report.to_text(gathered)
    if pdf is not None:
        _write(Path(pdf), print_pdf(text, os.environ), "--pdf")
        print_line(f"The report is in {pdf}.")
    elif html is None:
        print_text(text)
    elif html == "-":
        click.echo(text, nl=False)
    else:
        _write(Path(html), text.encode(), "--html")
        print_line(f"The report is in {html}.")


roadmap.add_command(decide)
roadmap.add_command(spend)
roadmap.add_command(checkin)
roadmap.add_command(replan)


def judge_workspace(context: CliContext) -> list[Verdict]:
    """Judge the workspace's milestones and record new evaluations; without a database none is created.

    Raises:
        PlanError: the milestone file cannot be used.
        MetricsError: the metrics database cannot be used.
    """
    import time

    from roadmap.cli.session import open_session

    with open_session(context, time.time_ns() // 1000) as session:
        return session.verdicts


def was_judged(context: CliContext) -> bool:
    """Return whether the milestones of this workspace were ever judged on measurements."""
    from contextlib import closing

    from metrics.errors import StoreMissing
    from metrics.store.database import open_reader
    from metrics.store.series import last_evidence_day

    try:
        with closing(open_reader(context.store)) as db:
            return last_evidence_day(db) is not None and db.table("evaluation").count > 0
    except StoreMissing:
        return False


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _check_pdf(name: str) -> None:
    """Check that a PDF can be made before anything is judged for it. Raises UsageError and Refused."""
    import os
    from pathlib import Path

    from roadmap.pdf import find_browser

    if not Path(name).name:
        raise click.UsageError(f"--pdf {name!r} names no file; name one")
    find_browser(os.environ)


def _write(path: Path, content: bytes, option: str) -> None:
    """Write a file whole or not at all.

    Raises:
        Refused: it cannot be written there; nothing was written.
    """
    from metrics.errors import BadInput
    from metrics.file_output import write_atomically
    from roadmap.errors import Refused

    try:
        with write_atomically(path) as sink:
            sink.write(content)
    except BadInput as error:
        raise Refused(f"{option} {error}; name a file in a folder that can be written to") from error
