"""Pages for errors, and for a workspace without runs."""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING

from flask import Response, request
from werkzeug.exceptions import HTTPException

from dashboard.access.errors import AccessUnusable
from dashboard.cache.sources import SEE_THE_LOG
from dashboard.errors import NothingYet, StillReading
from dashboard.pages.navigation import current_heading
from dashboard.pages.request import current_scope, message_page, settings
from metrics.errors import MetricsError
from roadmap.errors import PlanError
from roadmap.wording.sentences import sentence

if TYPE_CHECKING:
    from flask import Flask

#: The page that has content before the first run.
PLAN_HINT = "The page Milestones shows the plan."


def register(app: Flask) -> None:
    """Register a page for every error that a request can raise."""
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(AccessUnusable, accounts_unusable)
    app.register_error_handler(NothingYet, nothing_yet)
    app.register_error_handler(StillReading, still_reading)
    for damage in (MetricsError, PlanError, sqlite3.DatabaseError):
        app.register_error_handler(damage, unreadable)


def nothing_yet(nothing: NothingYet) -> tuple[str, int]:
    """Show that nothing is measured yet, with status 200; a request for CSV or JSON gets 404."""
    if request.path.endswith((".csv", ".json")):
        return message_page(nothing.title, [str(nothing)], nothing.command), 404
    return message_page(
        current_heading() or nothing.title, [f"{nothing.title}. {PLAN_HINT}", str(nothing)], nothing.command
    ), 200


def accounts_unusable(error: AccessUnusable) -> tuple[str, int]:
    """Show that nobody can sign in, without the path of the file, and say in the server's log what is wrong."""
    logging.getLogger("milepost").error("%s", error)
    text = "Nobody can sign in now. Try again in a minute; if it stays so, the log of the server says why."
    return message_page("The accounts cannot be read", [text]), 503


def still_reading(_: Exception) -> tuple[str, int, dict[str, str]]:
    """Ask the browser to load the page again while the first view is made."""
    text = "The measurements are being read. This page reloads by itself."
    return message_page("Still reading", [text]), 503, {"Retry-After": "2", "Refresh": "2"}


def unreadable(error: Exception) -> tuple[str, int]:
    """Show which file cannot be read and what to do, without a traceback."""
    if not current_scope().is_whole:
        return message_page("The measurements cannot be read", [sentence(SEE_THE_LOG)]), 503
    text = str(error)
    store = settings().store
    if isinstance(error, sqlite3.DatabaseError):
        text = f"{store}: {error}"
    title = "The milestone file cannot be read" if isinstance(error, PlanError) else "The measurements cannot be read"
    return message_page(title, [text, "Nothing was changed. Repair the file and reload this page."]), 503


def http_error(error: HTTPException) -> tuple[str | Response, int]:
    """Show an HTTP error as a page with a title and one sentence."""
    code = error.code or 500
    if error.response is not None:
        return error.response, code  # type: ignore[return-value]
    messages = {
        403: ("Not allowed", "This dashboard answers only to localhost and 127.0.0.1."),
        404: ("No such page", f"There is no page at {request.path}. The navigation above lists the pages."),
        405: ("Read only", "This dashboard is read-only; use the command line to change anything."),
        500: ("Internal error", "The page could not be made. The output of the server says why."),
    }
    title, text = messages.get(code, (error.name, error.description or ""))
    if code == 400 or (code == 403 and settings().access is not None):
        text = error.description or text
    return message_page(title, [text]), code
