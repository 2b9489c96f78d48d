"""`milepost roadmap decide`, `spend` and `checkin`: record what people decide, spend and report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from roadmap.wording.decisions import DECIDED, decision_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlite_utils import Database

    from roadmap.cli.session import CliContext, Session
    from roadmap.records.checkins import CheckinOrder


@dataclass(frozen=True, slots=True)
class DecisionOrder:
    """What to record as a decision; `until` is the last day of a pause, `on` the day that it is of, None for today."""

    choice: str
    why: str
    owner: str
    until: date | None
    on: date | None
    seen: int | None = None  #: how many decisions the person knew of


@dataclass(frozen=True, slots=True)
class SpendingOrder:
    """What to record as spent; `on` is the day that it is of, None for today."""

    amount: float
    note: str
    on: date | None
    seen: int | None = None  #: how many entries the person knew of


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded, as a text of one or more lines and as values for JSON."""

    text: str
    values: Mapping[str, Any]


ON = click.option(
    "--on",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The day that it is of, if that is past; by default today.",
)


@click.command()
@click.argument("code")
@click.option("--text", required=True, metavar="TEXT", help="How it stands, in a sentence.")
@click.option("--by", default="", metavar="NAME", help="Who says so.")
@click.option("--done", type=int, metavar="N", help="How many are done, such as 3 of 12.")
@click.option("--of", type=int, metavar="M", help="How many there are in all, where the milestone file does not say.")
@ON
@click.option("--json", "as_json", is_flag=True, help="Print the check-in as JSON.")
@click.pass_obj
def checkin(
    context: CliContext, code: str, text: str, by: str, done: int | None, of: int | None, on: datetime | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Record what a person says about CODE, dated.

    It stands beside the computed status and never changes it.
    """
    import time

    from roadmap.records.checkins import CheckinOrder

    order = CheckinOrder(text=text, by=by, done=done, of=of, on=on.date() if on else None)
    print_recorded(record_checkin_on(context, code, order, time.time_ns() // 1000), as_json=as_json)


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
    import time

    order = DecisionOrder(choice, why, owner, until.date() if until else None, on.date() if on else None)
    print_recorded(record_decision_on(context, code, order, time.time_ns() // 1000), as_json=as_json)


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
    import time

    order = SpendingOrder(amount, note, on.date() if on else None)
    print_recorded(record_spending_on(context, code, order, time.time_ns() // 1000), as_json=as_json)


def record_decision_on(context: CliContext, code: str, order: DecisionOrder, now_us: int) -> Recorded:
    """Record a decision on a milestone, with the evidence of its day.

    Raises:
        PlanError: there is no such milestone.
        Refused: the choice, a text or the day does not fit the present state.
        MetricsError: the metrics database cannot be used.
    """
    from roadmap.cli.session import open_session
    from roadmap.records import decide as records_decide
    from roadmap.report.milestone_detail import decision_json

    with open_session(context, now_us, order.on, writing=True) as session:
        milestone, verdict = session.milestone(code)
        recorded = records_decide.record_decision(
            _store(session),
            milestone,
            verdict,
            order.choice,
            order.why,
            order.owner,
            order.until,
            now_us,
            order.seen,
        )
    made = recorded.decision
    text = decision_text(made.choice, made.owner, until=made.until, as_of=made.as_of, why=made.why)
    return Recorded(
        f"{code}: {text}\nThe numbers alone advised: {recorded.advice}", {"code": code} | decision_json(recorded)
    )


def record_spending_on(context: CliContext, code: str, order: SpendingOrder, now_us: int) -> Recorded:
    """Record an amount as spent on a milestone. Raises as `record_decision_on` does."""
    from roadmap.cli.session import open_session
    from roadmap.records import decide as records_decide
    from roadmap.wording.verdicts import spent_text

    with open_session(context, now_us, order.on, writing=True) as session:
        milestone, _ = session.milestone(code)
        spent = records_decide.record_spending(
            _store(session), milestone, order.amount, order.note, session.today, now_us, order.seen
        )
    total = f"spent {'by then' if order.on else 'so far'}: {spent_text(spent, milestone.budget)}"
    entry = {"code": code, "amount": order.amount, "note": order.note.strip(), "as_of": session.today.isoformat()}
    return Recorded(
        f"{code}: {order.amount:,.2f} recorded as of {session.today}; {total}",
        entry | {"spent": spent, "budget": milestone.budget},
    )


def record_checkin_on(context: CliContext, code: str, order: CheckinOrder, now_us: int) -> Recorded:
    """Record a check-in on a milestone. Raises as `record_decision_on` does."""
    from roadmap.cli.session import open_session
    from roadmap.records.checkins import record_checkin
    from roadmap.records.verdict_json import checkin_json
    from roadmap.wording.checkins import checkin_text
    from roadmap.wording.verdicts import STATUS

    with open_session(context, now_us, order.on, writing=True) as session:
        milestone, verdict = session.milestone(code)
        made = record_checkin(_store(session), milestone, order, session.today, now_us)
    what = milestone.checkin.what if milestone.checkin else ""
    text = checkin_text(made.text, made.by, made.as_of, made.done, made.of, what)
    computed = "" if not milestone.is_measured else f"\nThe computed status is: {STATUS[verdict.status]}"
    return Recorded(f"{code}: {text}{computed}", {"code": code} | checkin_json(made))


def print_recorded(recorded: Recorded, *, as_json: bool) -> None:
    """Print what was recorded, as text or as JSON."""
    import json

    if as_json:
        click.echo(json.dumps(recorded.values, indent=2))
        return
    for line in recorded.text.splitlines():
        print_line(line)


def _store(session: Session) -> Database:
    """Return the database of a session that was opened for writing."""
    assert session.db is not None  # noqa: S101 (for the type checker)
    return session.db
