"""`/decisions`: every decision with its evidence and the advice of the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template

from dashboard.pages.request import get_view, read_query
from dashboard.presenters import decisions
from dashboard.presenters.advice import advice_rows, pressing_first

if TYPE_CHECKING:
    from typing import Any

    from sqlite_utils import Database

    from dashboard.cache.view import View

blueprint = Blueprint("decisions", __name__)


@blueprint.get("/decisions")
def page() -> str:
    """Show every decision, the newest first, and the advice of today."""
    view = get_view(read_query(), plan_alone=True)
    return render_template("decisions.html", page=view.cached(decisions_page))


def decisions_page(db: Database, view: View) -> dict[str, Any]:
    """Return what the page shows."""
    advice = pressing_first(view.cached(advice_rows))
    return {
        "made": decisions.decision_rows(view, decisions.decisions_by_milestone(db, view.today)),
        "advice": advice,
        "asking": tuple(one for one in advice if one.needs_decision),
    }


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (decisions_page,)
