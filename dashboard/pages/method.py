"""`/method`: every definition, from the definitions that the code itself uses."""

from __future__ import annotations

from flask import Blueprint, render_template

from dashboard.pages.request import get_view, read_query
from dashboard.presenters import feed_rows, glossary, method
from metrics.question import block_days

blueprint = Blueprint("method", __name__)


@blueprint.get("/method")
def page() -> str:
    """Show every definition, and the targets of the plan."""
    view = get_view(read_query(), plan_alone=True)  # definitions can be read before the first run
    page_values = {
        "measures": method.definitions(view.plan, view.mode),
        "windows": method.milestone_windows(view.plan),
        "bound": method.bound_facts(),
        "grades": glossary.grade_entries(),
        "verdicts": glossary.verdict_entries(block_days(view.mode)),
        "statuses": glossary.status_entries(),
        "answers": glossary.answer_entries(),
        "feeds": feed_rows.STATES,
        "faults": method.fault_rates(),
        "fault_table": method.fault_table(),
        "stress": method.stress_facts(),
        "series": view.cached(method.series_rows),
    }
    return render_template("method.html", page=page_values)
