"""`/report`: the one-page report to print, the same that `milepost roadmap report --html` writes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template

import roadmap
from dashboard.pages.request import get_view, read_query, settings
from roadmap.report import one_page

if TYPE_CHECKING:
    from sqlite_utils import Database

    from dashboard.cache.view import View
    from roadmap.report.one_page import OnePageReport

#: The template of the report lies in roadmap, beside the code that fills it.
blueprint = Blueprint("report", __name__, template_folder=Path(roadmap.__file__).with_name("templates"))


@blueprint.get("/report")
def page() -> str:
    """Show the report inside the site's frame, which is not printed."""
    view = get_view(read_query())
    return render_template("report_page.html", sheet=view.cached(one_page_report), name=settings().workspace_name)


@blueprint.get("/assets/report.css")
def style() -> Response:
    """Return the report's style sheet, the same that the written file contains."""
    return Response(files("roadmap").joinpath("templates/report.css").read_bytes(), mimetype="text/css")


def one_page_report(db: Database, view: View) -> OnePageReport:
    """Return the one-page report of a view."""
    return one_page.gather(db, view.plan, view.verdicts, view.today, view.mode, view.built)


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (one_page_report,)
