"""The dashboard as a Flask application: settings in, app out; nothing is built at import.

It reads the metrics and the milestone file, opens the database read-only for each request, and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, g

from dashboard import error_pages
from dashboard.cache.views import Views
from dashboard.charts.theme import PALETTES
from dashboard.pages import (
    charts,
    decisions,
    failures,
    home,
    method,
    milestones,
    partners,
    quarantine,
    report,
    run_downloads,
    runs,
    static_files,
)
from dashboard.pages.markup import coded
from dashboard.pages.navigation import NAVIGATION, current_area, way_back
from dashboard.pages.request import address_or, here, newest_address
from dashboard.pages.static_files import PlotlyScript
from dashboard.queries.freshness import Lateness, freshness
from dashboard.security import add_headers, refuse_foreign_and_writing
from roadmap.wording import dates, gains, numbers, text

if TYPE_CHECKING:
    from dashboard.config import Config


#: The modules of the pages; a module's `PRELOAD` names values that are computed with each new view.
PAGES = (
    home,
    milestones,
    runs,
    run_downloads,
    failures,
    quarantine,
    partners,
    decisions,
    method,
    report,
    charts,
    static_files,
)


def create_app(config: Config) -> Flask:
    """A dashboard for one workspace and one clock."""
    app = Flask(__name__)
    app.config["MILEPOST"] = config
    app.extensions["plotly"] = PlotlyScript.find()
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    told = (text.sentence, text.capital, gains.gained, numbers.span, dates.day, coded)
    app.jinja_env.filters |= {function.__name__: function for function in told}
    for page in PAGES:
        app.register_blueprint(page.pages)
    app.extensions["lateness"] = Lateness(config)
    preload = (freshness, *(make for page in PAGES for make in getattr(page, "PRELOAD", ())))
    app.extensions["views"] = Views(config, preload if config.keep_s is not None else ())

    @app.context_processor
    def everywhere() -> dict[str, object]:
        return {
            "pages": NAVIGATION,
            "area": current_area(),
            "back": way_back(),
            "here": here,
            "as_of": g.get("as_of"),
            "newest_address": newest_address,
            "method_address": address_or("method.page", here("home.page") + "#how"),
            "fresh": g.get("fresh"),
            "workspace_name": config.workspace_name,
            "clock": config.clock,
            "palettes": PALETTES,
            "plotly_version": app.extensions["plotly"].version,
            "plotly_marks": app.extensions["plotly"].style_ids,
            "notices": g.get("notices", ()),
        }

    app.before_request(refuse_foreign_and_writing)
    app.after_request(add_headers)
    app.teardown_appcontext(_close)
    error_pages.register(app)
    return app


def _close(_: BaseException | None) -> None:
    db = g.pop("db", None)
    if db is not None:
        db.close()
