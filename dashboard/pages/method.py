"""`/method`: every definition in plain words, from the same Python definitions that the code runs."""

from __future__ import annotations

from flask import Blueprint, render_template

from dashboard.pages.request import query, view
from dashboard.presenters import feed_rows, glossary, method
from metrics.question import block_days

pages = Blueprint("method", __name__)


@pages.get("/method")
def page() -> str:
    """Every definition, and what the plan asks for."""
    seen = view(query(), plan_alone=True)  # what a word means can be read before there is any number
    told = {
        "measures": method.definitions(seen.plan, seen.mode),
        "windows": method.milestone_windows(seen.plan),
        "bound": method.bound_facts(),
        "grades": glossary.grade_entries(),
        "verdicts": glossary.verdict_entries(block_days(seen.mode)),
        "statuses": glossary.status_entries(),
        "answers": glossary.answer_entries(),
        "feeds": feed_rows.STATES,
        "faults": method.fault_rates(),
        "series": seen.cached(method.series_rows),
    }
    return render_template("method.html", page=told)
