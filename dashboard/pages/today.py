"""`/today`: what needs a person now, each problem with the command that leads on."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from flask import Blueprint, abort, g, render_template

from dashboard.errors import NothingYet, StillReading
from dashboard.pages.request import message_page, service_reader, views
from dashboard.presenters import problems
from dashboard.queries.partners import partners_overview
from dashboard.service_state import ServiceUnreadable
from metrics.errors import MetricsError
from roadmap.errors import PlanError

if TYPE_CHECKING:
    from dashboard.cache.service_reader import ServiceReader
    from dashboard.service_state import ServiceState

blueprint = Blueprint("today", __name__)


@blueprint.get("/today")
def page() -> str | tuple[str, int]:
    """Show every open problem, the worst first, the feeds that have something open, and which files are due next."""
    try:
        state = reader().current()
    except ServiceUnreadable as error:
        return message_page("The state of the service cannot be read", [str(error)]), 503
    if state is None:
        abort(404)
    return render_template(
        "today.html",
        problems=problems.problem_rows(state.problems, state.at, measured_partners(), g.get("visitor")),
        counted=problems.count_sentence(state.problems),
        feeds=[feed for feed in state.feeds if feed.due or feed.held_rows or feed.ambiguous or feed.failed],
        all_feeds=len(state.feeds),
        coming=problems.next_files(state.expected),
        now=state.at,
    )


def reader() -> ServiceReader[ServiceState]:
    """Return the reader of the service's state."""
    return service_reader()


def state_for_page() -> ServiceState | None:
    """Return the state for a page about something else; None on a page of an earlier day, or without a service.

    A state that cannot be read becomes a notice on the page.
    """
    if g.get("as_of"):
        return None
    try:
        return reader().current()
    except ServiceUnreadable as error:
        notice = f"What is open now cannot be shown: {error}"
        g.notices = (*(known for known in g.get("notices", ()) if known != notice), notice)
        return None


def measured_partners() -> frozenset[str]:
    """Return the partners that have a page: those with a run; none where the measurements cannot be read."""
    try:
        return frozenset(views().newest().cached(partners_overview).partners)
    except (NothingYet, StillReading, MetricsError, PlanError, sqlite3.DatabaseError):
        return frozenset()
