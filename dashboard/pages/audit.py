"""`/audit`: who did what on the dashboard and to its accounts, for administrators."""

from __future__ import annotations

from flask import Blueprint, abort, render_template

from dashboard.access.audit import read_acts
from dashboard.access.database import read_access
from dashboard.actions.perform import note_cut_off
from dashboard.pages.request import settings

blueprint = Blueprint("audit", __name__)

#: The most entries on the page; `milepost audit --rows` shows more.
MAX_ROWS = 200


@blueprint.get("/audit")
def page() -> str:
    """Show the newest acts: when, who, what, to what, and from which address."""
    access = settings().access
    if access is None:
        abort(404)
    note_cut_off(access.path, access.now_us())
    with read_access(access.path) as connection:
        acts = read_acts(connection, MAX_ROWS)
    rows = [
        {
            "at_us": act.at_us,
            "who": act.who or "not signed in",
            "act": act.act,
            "target": act.target,
            "detail": "; ".join(f"{name}: {value}" for name, value in act.detail.items()),
            "address": act.address or "this machine",
        }
        for act in acts
    ]
    return render_template("audit.html", rows=rows, most=MAX_ROWS)
