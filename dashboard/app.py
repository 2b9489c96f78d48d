"""The dashboard as a Flask application: settings in, app out; nothing is built at import.

It reads the metrics and the milestone file, opens the database read-only for each request, and changes nothing.
"""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

from flask import Flask, Response, abort, g, request
from werkzeug.exceptions import HTTPException

from dashboard import words
from dashboard.assets import PlotlyScript
from dashboard.coded import coded
from dashboard.errors import NothingYet, StillReading
from dashboard.freshness import Lateness, freshness
from dashboard.kept import Kept
from dashboard.pages import (
    again,
    charts,
    decisions,
    failures,
    files,
    method,
    milestones,
    partners,
    quarantine,
    report,
    run_files,
    runs,
    worth,
)
from dashboard.pages.shared import address_or, here, newest_address, plain, settings
from dashboard.palette import PALETTES
from dashboard.snapshot import Views
from metrics.errors import MetricsError
from roadmap.errors import PlanError
from roadmap.wording import dates, gains, numbers

if TYPE_CHECKING:
    from dashboard.config import Config

#: The hash is that of the empty style element Plotly makes.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

#: Names by which this machine calls itself; any other is a page elsewhere that was pointed at us.
OWN_NAMES = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)

READING = frozenset({"GET", "HEAD", "OPTIONS"})


#: The pages, as the navigation names them; a new page is one more line.
NAVIGATION = (
    ("worth.page", "Worth it?"),
    ("milestones.page", "Milestones"),
    ("runs.page", "Runs"),
    ("partners.page", "Partners"),
    ("decisions.page", "Decisions"),
    ("method.page", "Method"),
)

#: Which of these is marked on the pages of a module that is none of them.
AREAS = {"failures": "runs.page", "quarantine": "runs.page", "run_files": "runs.page", "report": "worth.page"}

#: What the pages of those modules are called.
HEADINGS = {"failures": "Failures", "quarantine": "Quarantine", "report": "Report"}

#: Where there is something to see before any run.
PLAN_STANDS = "What is planned stands under Milestones."

#: Modules whose pages have a way of their own among one another.
TOGETHER = frozenset({"failures", "quarantine"})

#: The modules of the pages; each names in `DEAR` what is made of a view before anybody is shown it.
PAGES = (worth, milestones, runs, run_files, failures, quarantine, partners, decisions, method, report, charts, files)


def create_app(config: Config) -> Flask:
    """A dashboard for one workspace and one clock."""
    app = Flask(__name__)
    app.config["MILEPOST"] = config
    app.extensions["plotly"] = PlotlyScript.find()
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    told = (numbers.tight, words.sentence, words.capital, gains.gained, numbers.span, dates.day, coded)
    app.jinja_env.filters |= {function.__name__: function for function in told}
    for page in PAGES:
        app.register_blueprint(page.pages)
    app.extensions["kept"] = Kept()
    app.extensions["late"] = Lateness(config)
    dear = (freshness, *(make for page in PAGES for make in getattr(page, "DEAR", ())))
    app.extensions["views"] = Views(config, dear if config.keep_s is not None else ())

    @app.context_processor
    def everywhere() -> dict[str, object]:
        return {
            "pages": NAVIGATION,
            "area": _area(),
            "back": _back(),
            "here": here,
            "as_of": g.get("as_of"),
            "newest_address": newest_address,
            "method_address": address_or("method.page", here("worth.page") + "#how"),
            "fresh": g.get("fresh"),
            "workspace_name": config.workspace_name,
            "clock": config.clock,
            "palettes": PALETTES,
            "plotly_version": app.extensions["plotly"].version,
            "plotly_marks": app.extensions["plotly"].style_ids,
            "notices": g.get("notices", ()),
        }

    app.before_request(_only_reading_and_only_here)
    app.before_request(again.send_again)
    app.after_request(_finish)
    app.after_request(again.keep)  # called before the one above: the last is the first
    app.teardown_appcontext(_close)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(NothingYet, _nothing_yet)
    app.register_error_handler(StillReading, _still_reading)
    for damage in (MetricsError, PlanError, sqlite3.DatabaseError):
        app.register_error_handler(damage, _damaged)
    return app


def _area() -> str:
    """The page of the navigation to which this one belongs; "" for none."""
    module = request.blueprint or ""
    area = AREAS.get(module, f"{module}.page")
    return area if area in dict(NAVIGATION) else ""


def _heading() -> str:
    """What this page is called; "" where it is none."""
    return HEADINGS.get(request.blueprint or "") or dict(NAVIGATION).get(_area(), "")


def _back() -> tuple[str, str] | None:
    """The way back from a page that the navigation does not name: where to, and what it is called there."""
    area = _area()
    if not area or request.endpoint == area or request.blueprint in TOGETHER:
        return None
    return area, dict(NAVIGATION)[area]


def _only_reading_and_only_here() -> None:
    """Refuse requests under a foreign name (DNS rebinding) and every method that writes."""
    if not OWN_NAMES.fullmatch(request.headers.get("Host", "")):
        abort(403, "This dashboard answers only to localhost.")
    if request.method not in READING:
        abort(405)


def _finish(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.status_code == 200 and not response.direct_passthrough and "ETag" not in response.headers:
        response.headers.setdefault("Cache-Control", "no-cache")
        response.add_etag()
        response.make_conditional(request)
    return response


def _close(_: BaseException | None) -> None:
    db = g.pop("db", None)
    if db is not None:
        db.close()


def _nothing_yet(nothing: NothingYet) -> tuple[str, int]:
    """A page says so, and is no fault; a program that asked for data must not take the page for it."""
    if request.path.endswith((".csv", ".json")):
        return plain(nothing.title, [str(nothing)], nothing.command), 404
    return plain(_heading() or nothing.title, [f"{nothing.title}. {PLAN_STANDS}", str(nothing)], nothing.command), 200


def _still_reading(_: Exception) -> tuple[str, int, dict[str, str]]:
    said = "The measurements are being read. This page loads again by itself."
    return plain("Still reading", [said]), 503, {"Retry-After": "2", "Refresh": "2"}


def _damaged(error: Exception) -> tuple[str, int]:
    """A plain page that names the file and what to do; details of the program stay out of it."""
    text = str(error)
    store = settings().store
    if isinstance(error, sqlite3.DatabaseError):
        text = f"{store}: {error}"
    what = "The milestone file cannot be read" if isinstance(error, PlanError) else "The measurements cannot be read"
    return plain(what, [text, "Nothing was changed. Mend it and load this page again."]), 503


def _http_error(error: HTTPException) -> tuple[str | Response, int]:
    code = error.code or 500
    known = {
        403: ("Not from here", "This dashboard answers only to localhost and 127.0.0.1."),
        404: ("No such page", f"There is nothing at {request.path}. The pages that exist are named above."),
        405: ("Read only", "This dashboard shows and never changes anything; use the command line."),
        500: ("Something is wrong here", "The page could not be made. The program's own output says why."),
    }
    title, text = known.get(code, (error.name, error.description or ""))
    if code == 400:
        text = error.description or text
    return plain(title, [text]), code
