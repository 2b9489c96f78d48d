"""`/milestones`: every milestone with its computed status; `/milestones/<code>`: one milestone in detail."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Blueprint, g, render_template

from dashboard.actions.forms import milestone_forms
from dashboard.charts.burnup import describe_criteria_count
from dashboard.pages import charts, links
from dashboard.pages.request import get_view, message_page, read_query
from dashboard.presenters import decisions, milestone_detail, milestone_list
from dashboard.presenters.advice import advice_rows, describe_nothing_pending
from dashboard.queries import weekly
from dashboard.queries.plan_history import plan_history
from dashboard.queries.verdicts import headline_candidates, verdicts_without_decisions
from roadmap.records.prices import recorded_prices
from roadmap.wording.verdicts import standing_sentences
from roadmap.worth.figures import worth_figures
from roadmap.worth.money import payback_text

if TYPE_CHECKING:
    from typing import Any

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from dashboard.presenters.milestone_list import MilestoneRow

blueprint = Blueprint("milestones", __name__)


@blueprint.get("/milestones")
def page() -> str:
    """Show every milestone with its computed status, and the plan over time."""
    view = get_view(read_query(), plan_alone=True)
    drawings: dict[str, Any] = {
        "plan": charts.plan_chart(view),
        "slips": charts.slips_chart(view),
        "burnup": charts.burnup_chart(view),
    }
    reached = view.cached(plan_history).criteria
    drawings["reached"] = describe_criteria_count(reached[-1]) if reached else ""
    return render_template("milestones.html", page={**view.cached(milestones_page), **drawings}, runs=links.runs)


def all_milestone_rows(db: Database, view: View) -> tuple[MilestoneRow, ...]:
    """Return every milestone as a row, in the order of the plan."""
    last = decisions.last_decisions(decisions.decisions_by_milestone(db, view.today))
    spent = weekly.spent_by_milestone(db, view.today)
    verdicts = view.cached(verdicts_without_decisions)
    rows = milestone_list.milestone_rows(view.plan.milestones, verdicts, spent, view.today, last, view.mode)
    paybacks = view.cached(paybacks_by_milestone) if spent else {}
    return tuple(replace(row, payback=paybacks.get(row.code, "")) for row in rows)


def paybacks_by_milestone(db: Database, view: View) -> dict[str, str]:
    """Return in how many months each milestone pays back what was spent on it; only in production, with prices."""
    if view.mode != "live" or recorded_prices(db, view.today) is None:
        return {}
    spent = weekly.spent_by_milestone(db, view.today)
    return {
        candidate.milestone.code: payback_text(
            spent[candidate.milestone.code], worth_figures(db, candidate.question, view.today)
        )
        for candidate in view.cached(headline_candidates)
        if candidate.milestone.code in spent
    }


def milestones_page(db: Database, view: View) -> dict[str, Any]:
    """Return what the page shows, without its charts."""
    del db
    rows = view.cached(all_milestone_rows)
    advice = {advised.code: advised for advised in view.cached(advice_rows)}
    return {
        "milestones": rows,
        "standing": " ".join(standing_sentences({row.code: row.status for row in rows})),
        "advice": advice,
        "nothing": describe_nothing_pending(tuple(advice.values())),
        "asking": tuple(advised for advised in advice.values() if advised.needs_decision),
    }


@blueprint.get("/milestones/<code>")
def detail(code: str) -> str | tuple[str, int]:
    """Show one milestone in detail."""
    view = get_view(read_query(), plan_alone=True)
    codes = [milestone.code for milestone in view.plan.milestones]
    if code not in codes:
        choices = f"The plan has {', '.join(codes)}."
        return message_page("No such milestone", [f"There is no milestone “{code}”.", choices]), 404
    chart = charts.gains_chart(view, code)
    values = view.cached(milestone_detail.milestone_page, code)
    visitor = None if g.get("as_of") else g.get("visitor")
    revision = view.plan.milestone(code).revision
    counts = (len(values.decisions), len(values.spending.entries), len(values.checkins))
    forms = milestone_forms(code, *counts, revision, visitor)
    if values.milestone.status in {"proven", "stopped"}:
        forms.pop("replan", None)
    return render_template("milestone.html", page=values, chart=chart, runs=links.runs, forms=forms)


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (milestones_page, verdicts_without_decisions, advice_rows, milestone_detail.preload_milestone_pages)
