"""`/decisions`: what was decided, on which evidence, and what the numbers alone had advised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template

from dashboard.pages.request import query, view
from dashboard.presenters import decisions
from dashboard.presenters.advice import advice_rows, pressing_first

if TYPE_CHECKING:
    from typing import Any

    from sqlite_utils import Database

    from dashboard.cache.view import View

pages = Blueprint("decisions", __name__)


@pages.get("/decisions")
def page() -> str:
    """Every decision, the newest first, and what is advised today."""
    seen = view(query(), plan_alone=True)
    return render_template("decisions.html", page=seen.cached(told))


def told(db: Database, seen: View) -> dict[str, Any]:
    """The page."""
    advice = pressing_first(seen.cached(advice_rows))
    return {
        "made": decisions.decision_rows(seen, decisions.decisions_by_milestone(db, seen.today)),
        "advice": advice,
        "asking": tuple(one for one in advice if one.needs_decision),
    }


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (told,)
