"""`/milestones`: every milestone with its computed status, criteria and reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template

from dashboard import frames, stones
from dashboard.pages import charts
from dashboard.pages.shared import query, view

if TYPE_CHECKING:
    from typing import Any

    from sqlite_utils import Database

    from dashboard.snapshot import View

pages = Blueprint("milestones", __name__)


@pages.get("/milestones")
def page() -> str:
    """Every milestone with its computed status, criteria and reasons."""
    seen = view(query())
    return render_template("milestones.html", page={**seen.made(told), "chart": charts.plan_chart(seen)})


def told(db: Database, seen: View) -> dict[str, Any]:
    """The page without its chart."""
    spent = frames.spent(db, seen.today)
    return {
        "stones": stones.stones(seen.plan.milestones, seen.verdicts, spent, seen.today),
    }
