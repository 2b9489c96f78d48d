"""`/milestones`: every milestone with its computed status; `/milestones/<code>`: one with all that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template

from dashboard.charts.burnup import describe_criteria_count
from dashboard.pages import charts, links
from dashboard.pages.request import plain, query, view
from dashboard.presenters import decisions, milestone_detail, milestone_list
from dashboard.presenters.advice import advice_rows, describe_nothing_pending
from dashboard.queries import weekly
from dashboard.queries.plan_history import plan_history
from dashboard.queries.verdicts import verdicts_without_decisions

if TYPE_CHECKING:
    from typing import Any

    from sqlite_utils import Database

    from dashboard.cache.view import View

pages = Blueprint("milestones", __name__)


@pages.get("/milestones")
def page() -> str:
    """Every milestone with its computed status, and the plan in time."""
    seen = view(query(), plan_alone=True)
    drawn: dict[str, Any] = {
        "plan": charts.plan_chart(seen),
        "slips": charts.slips_chart(seen),
        "burnup": charts.burnup_chart(seen),
    }
    reached = seen.cached(plan_history).criteria
    drawn["reached"] = describe_criteria_count(reached[-1]) if reached else ""
    return render_template("milestones.html", page={**seen.cached(told), **drawn}, runs=links.runs)


def told(db: Database, seen: View) -> dict[str, Any]:
    """The page without its charts."""
    last = decisions.last_decisions(decisions.decisions_by_milestone(db, seen.today))
    spent = weekly.spent_by_milestone(db, seen.today)
    every = milestone_list.milestone_rows(
        seen.plan.milestones, seen.cached(verdicts_without_decisions), spent, seen.today, last, seen.mode
    )
    advice = {one.code: one for one in seen.cached(advice_rows)}
    return {
        "stones": sorted(every, key=lambda stone: not advice[stone.code].needs_decision),
        "open": [stone for stone in every if stone.status != "proven"],
        "advice": advice,
        "nothing": describe_nothing_pending(tuple(advice.values())),
        "asking": tuple(one for one in advice.values() if one.needs_decision),
    }


@pages.get("/milestones/<code>")
def one(code: str) -> str | tuple[str, int]:
    """One milestone with everything that is known of it."""
    seen = view(query(), plan_alone=True)
    codes = [milestone.code for milestone in seen.plan.milestones]
    if code not in codes:
        known = f"The plan has {', '.join(codes)}."
        return plain("No such milestone", [f"There is no milestone “{code}”.", known]), 404
    chart = charts.gains_chart(seen, code)
    return render_template(
        "milestone.html", page=seen.cached(milestone_detail.milestone_page, code), chart=chart, runs=links.runs
    )


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (told, verdicts_without_decisions, advice_rows, milestone_detail.preload_milestone_pages)
