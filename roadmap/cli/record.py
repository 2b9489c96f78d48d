"""`milepost roadmap decide` and `spend`: record decisions and spending beside the evidence of that day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line
from roadmap.wording.decisions import DECIDED, decision_text

if TYPE_CHECKING:
    from datetime import datetime

    from sqlite_utils import Database

    from roadmap.cli.session import CliContext, Session

ON = click.option(
    "--on",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The day that it is of, if that is past; by default today.",
)


@click.command()
@click.argument("code")
@click.argument("choice", type=click.Choice(tuple(DECIDED)))
@click.option("--why", required=True, metavar="TEXT", help="The reason, in a sentence.")
@click.option("--owner", required=True, metavar="NAME", help="Who takes the decision.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The last day of a pause; without it, until resumed.",
)
@ON
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
@click.pass_obj
def decide(
    context: CliContext, code: str, choice: str, why: str, owner: str, until: datetime | None, on: datetime | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Record a decision on CODE, with the evidence of its day.

    It needs no measurements. With --on it is of an earlier day, but not of one before the last decision on CODE.
    """
    import json
    import time

    from roadmap.cli.session import open_session
    from roadmap.records import decide as records_decide
    from roadmap.report.milestone_detail import decision_json

    now_us = time.time_ns() // 1000
    with open_session(context, now_us, on.date() if on else None, writing=True) as session:
        milestone, verdict = session.milestone(code)
        day = until.date() if until else None
        recorded = records_decide.record_decision(_store(session), milestone, verdict, choice, why, owner, day, now_us)
    if as_json:
        click.echo(json.dumps({"code": code} | decision_json(recorded), indent=2))
        return
    made = recorded.decision
    text = decision_text(made.choice, made.owner, until=made.until, as_of=made.as_of, why=made.why)
    print_line(f"{code}: {text}")
    print_line(f"The numbers alone advised: {recorded.advice}")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("code")
@click.argument("amount", type=float)
@click.option("--note", required=True, metavar="TEXT", help="What it was spent on.")
@ON
@click.option("--json", "as_json", is_flag=True, help="Print the entry as JSON.")
@click.pass_obj
def spend(context: CliContext, code: str, amount: float, note: str, on: datetime | None, as_json: bool) -> None:
    """Record AMOUNT as spent on milestone CODE.

    A negative amount corrects an earlier entry: `spend M1 -250 --note "entered twice"`.
    """
    import json
    import time

    from roadmap.cli.session import open_session
    from roadmap.records import decide as records_decide
    from roadmap.wording.verdicts import spent_text

    now_us = time.time_ns() // 1000
    with open_session(context, now_us, on.date() if on else None, writing=True) as session:
        milestone, _ = session.milestone(code)
        spent = records_decide.record_spending(_store(session), milestone, amount, note, session.today, now_us)
    if as_json:
        entry = {"code": code, "amount": amount, "note": note.strip(), "as_of": session.today.isoformat()}
        click.echo(json.dumps(entry | {"spent": spent, "budget": milestone.budget}, indent=2))
        return
    total = f"spent {'by then' if on else 'so far'}: {spent_text(spent, milestone.budget)}"
    print_line(f"{code}: {amount:,.2f} recorded as of {session.today}; {total}")


def _store(session: Session) -> Database:
    """Return the database of a session that was opened for writing."""
    assert session.db is not None  # noqa: S101 (for the type checker)
    return session.db
