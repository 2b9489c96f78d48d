"""`/report`: the answer on one sheet of A4, to be printed from here; the same that `milepost roadmap report` writes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template

import roadmap
from dashboard.pages.request import query, settings, view
from roadmap.report import one_page

if TYPE_CHECKING:
    from sqlite_utils import Database

    from dashboard.cache.view import View
    from roadmap.report.one_page import OnePageReport

#: The sheet's own template lies beside the code that fills it.
pages = Blueprint("report", __name__, template_folder=Path(roadmap.__file__).with_name("templates"))


@pages.get("/report")
def page() -> str:
    """The sheet in the frame of the site, which is not printed."""
    seen = view(query())
    return render_template("report_page.html", sheet=seen.cached(told), name=settings().workspace_name)


@pages.get("/assets/report.css")
def style() -> Response:
    """The sheet's style, the same text that stands in the file on its own."""
    return Response(files("roadmap").joinpath("templates/report.css").read_bytes(), mimetype="text/css")


def told(db: Database, seen: View) -> OnePageReport:
    """The sheet of a view."""
    return one_page.gather(db, seen.plan, seen.verdicts, seen.today, seen.mode, seen.built)


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (told,)
