"""`milepost roadmap replan`: change due date or budget of a milestone, as a new revision of its plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from roadmap.cli.record import Recorded, print_recorded

if TYPE_CHECKING:
    from datetime import date, datetime

    from roadmap.cli.session import CliContext, Session
    from roadmap.plan.milestones import Milestone


@dataclass(frozen=True, slots=True)
class ReplanOrder:
    """What to change about a plan; None: as it is."""

    due: date | None
    budget: float | None
    why: str
    who: str
    seen: int | None = None  #: the revision that the person knew of


@click.command()
@click.argument("code")
@click.option("--due", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The new last day of the plan.")
@click.option("--budget", type=float, metavar="AMOUNT", help="What the milestone may cost from now on.")
@click.option("--why", required=True, metavar="TEXT", help="Why the plan changes; it stands in the milestone file.")
@click.option("--owner", required=True, metavar="NAME", help="Who changes the plan.")
@click.option("--json", "as_json", is_flag=True, help="Print the new plan as JSON.")
@click.pass_obj
def replan(
    context: CliContext, code: str, due: datetime | None, budget: float | None, why: str, owner: str, as_json: bool
) -> None:
    """Give CODE another due date or budget, as a new revision of its plan.

    The milestone file is changed in place. The first plan stays visible, and slips are counted against it.
    """
    import time

    order = ReplanOrder(due.date() if due else None, budget, why, owner)
    print_recorded(replan_on(context, code, order, time.time_ns() // 1000), as_json=as_json)


def replan_on(context: CliContext, code: str, order: ReplanOrder, now_us: int) -> Recorded:
    """Change the plan of a milestone in its file, and judge by the new one.

    Raises:
        PlanError: there is no such milestone, or its file cannot be changed.
        Refused: nothing would change, or the order does not fit the present state.
        MetricsError: the metrics database cannot be used.
    """
    from roadmap.cli.session import open_session
    from roadmap.plan.rewrite import change_plan, locked_plan

    with locked_plan(context.milestones):
        with open_session(context, now_us) as session:
            milestone = session.milestone(code)[0]
            values = _new_values(session, code, order)
            note = f"Re-planned on {session.today} by {order.who.strip()}: {' '.join(order.why.split())}"
        change_plan(context.milestones, code, values, note)
        with open_session(context, now_us) as session:  # which records the new revision
            changed = session.milestone(code)[0]
    return Recorded("\n".join(_change_lines(milestone, changed)), {"code": code, **_plan(changed)})


def _new_values(session: Session, code: str, order: ReplanOrder) -> dict[str, Any]:
    """Return what to write into the file. Raises Refused."""
    from roadmap.errors import Refused
    from roadmap.plan.milestones import MAX_AMOUNT
    from roadmap.plan.revisions import recorded_plans

    milestone, verdict = session.milestone(code)
    if order.seen is not None and order.seen != milestone.revision:
        raise Refused(f"{code}: the plan was changed meanwhile; nothing was done. Load the page again")
    if not order.why.strip() or not order.who.strip():
        raise Refused(f"{code}: a new plan needs who changes it and why")
    if verdict.status in {"proven", "stopped"}:
        raise Refused(f"{code} is {verdict.status}: its plan is over")
    if order.due is not None and order.due < max(milestone.start, session.today):
        raise Refused(
            f"{code}: {order.due} is past; the new due date is {max(milestone.start, session.today)} or later"
        )
    if order.budget is not None and not 0 < order.budget <= MAX_AMOUNT:
        raise Refused(f"{code}: a budget of {order.budget:g}; it is above 0 and at most {MAX_AMOUNT:,.0f}")
    values: dict[str, Any] = {}
    if order.due is not None and order.due != milestone.due:
        values["due"] = order.due
    if order.budget is not None and order.budget != milestone.budget:
        values["budget"] = order.budget
    if not values:
        raise Refused(f"{code}: that is the plan as it is; give another due date or budget")
    if session.db is not None and recorded_plans(session.db, code):  # until then the first plan is not fixed
        values["revision"] = milestone.revision + 1
    return values


def _plan(milestone: Milestone) -> dict[str, Any]:
    return {"revision": milestone.revision, "due": milestone.due.isoformat(), "budget": milestone.budget}


def _change_lines(before: Milestone, after: Milestone) -> list[str]:
    from roadmap.wording.dates import day

    lines = [f"{after.code}: plan {after.revision}"]
    if after.due != before.due:
        lines.append(f"due {day(after.due)} (was {day(before.due)})")
    if after.budget != before.budget:
        old = "none" if before.budget is None else f"{before.budget:,.2f}"
        lines.append(f"budget {after.budget:,.2f} (was {old})")
    return ["; ".join(lines)]
