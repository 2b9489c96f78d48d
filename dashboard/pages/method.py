"""`/method`: every definition in plain words, from the same Python definitions that the code runs."""

from __future__ import annotations

from flask import Blueprint, g, render_template

from dashboard import method, partner_rows, rules
from dashboard.errors import NothingYet
from dashboard.pages.shared import query, settings, view
from roadmap.verdict import block_days

pages = Blueprint("method", __name__)


@pages.get("/method")
def page() -> str:
    """Every definition; before the first measurement, those that need no plan or store."""
    found = query()
    try:
        seen = view(found)
    except NothingYet as nothing:  # what a word means can be read before there is any number
        seen = None
        g.notices = (*g.get("notices", ()), f"{nothing.title}. {nothing} {nothing.command}")
    plan = seen.plan if seen else None
    told = {
        "measures": method.definitions(plan, settings().clock),
        "windows": method.windows(plan) if plan else (),
        "bound": method.bound(),
        "grades": rules.grades(),
        "verdicts": rules.verdicts(block_days(settings().clock)),
        "statuses": rules.statuses(),
        "answers": rules.answers(),
        "feeds": partner_rows.STATES,
        "faults": method.faults(),
        "series": seen.made(method.series) if seen else (),
    }
    return render_template("method.html", page=told)
