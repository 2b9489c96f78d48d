"""Pages for errors and for what is not there yet."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from flask import Response, request
from werkzeug.exceptions import HTTPException

from dashboard.errors import NothingYet, StillReading
from dashboard.pages.navigation import current_heading
from dashboard.pages.request import plain, settings
from metrics.errors import MetricsError
from roadmap.errors import PlanError

if TYPE_CHECKING:
    from flask import Flask

#: Where there is something to see before any run.
PLAN_STANDS = "What is planned stands under Milestones."


def register(app: Flask) -> None:
    """Register a page for every error that a request can end with."""
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(NothingYet, nothing_yet)
    app.register_error_handler(StillReading, still_reading)
    for damage in (MetricsError, PlanError, sqlite3.DatabaseError):
        app.register_error_handler(damage, damaged)


def nothing_yet(nothing: NothingYet) -> tuple[str, int]:
    """A page says so, and is no fault; a program that asked for data must not take the page for it."""
    if request.path.endswith((".csv", ".json")):
        return plain(nothing.title, [str(nothing)], nothing.command), 404
    return plain(
        current_heading() or nothing.title, [f"{nothing.title}. {PLAN_STANDS}", str(nothing)], nothing.command
    ), 200


def still_reading(_: Exception) -> tuple[str, int, dict[str, str]]:
    """Ask the browser to load the page again while the first view is made."""
    said = "The measurements are being read. This page loads again by itself."
    return plain("Still reading", [said]), 503, {"Retry-After": "2", "Refresh": "2"}


def damaged(error: Exception) -> tuple[str, int]:
    """A plain page that names the file and what to do; details of the program stay out of it."""
    text = str(error)
    store = settings().store
    if isinstance(error, sqlite3.DatabaseError):
        text = f"{store}: {error}"
    what = "The milestone file cannot be read" if isinstance(error, PlanError) else "The measurements cannot be read"
    return plain(what, [text, "Nothing was changed. Mend it and load this page again."]), 503


def http_error(error: HTTPException) -> tuple[str | Response, int]:
    """Show an HTTP error as a page with a title and one sentence."""
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
