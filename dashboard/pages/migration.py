"""`/migration`: the routes of all feeds from the monolith to the service; `/migration/PARTNER/FEED`: one in full."""

from __future__ import annotations

from flask import Blueprint, g, render_template, request

from dashboard.actions.forms import route_forms
from dashboard.filters.partner_slug import decode_partner
from dashboard.migration_state import STAGES
from dashboard.pages import charts, route_state
from dashboard.pages.request import message_page, read_query
from dashboard.presenters import migration
from dashboard.service_state import ServiceUnreadable

blueprint = Blueprint("migration", __name__)

UNREADABLE = "The routes cannot be read"

NO_ROUTE = (
    "No feed here has a route from a monolith to the service. A feed gets one when its partner’s file names the "
    "monolith’s command, in the table [feed.NAME.monolith]."
)


@blueprint.get("/migration")
def page() -> str | tuple[str, int]:
    """Show every feed with a route by its stage, and what blocks its next step."""
    read_query()
    try:
        state = route_state.read_routes()
    except ServiceUnreadable as error:
        return message_page(UNREADABLE, [str(error)]), 503
    if state is None or not state.routes:
        return message_page("Nothing to move", [NO_ROUTE, "This command lists the routes:"], "milepost route ls")
    return render_template(
        "migration.html",
        standing=migration.standing_sentence(state.routes),
        rows=migration.route_rows(state.routes),
        stages=STAGES,
        chart=charts.differences_of_all(state),
        changes=migration.change_rows(state.changes[: migration.MAX_CHANGES]),
    )


@blueprint.get("/migration/<partner>/<feed>")
def detail(partner: str, feed: str) -> str | tuple[str, int]:
    """Show the route of one feed: its next step, parity, guardrails and history."""
    read_query()
    names = decode_partner(partner), decode_partner(feed)
    try:
        found = route_state.read_route(*names)
    except ServiceUnreadable as error:
        return message_page(UNREADABLE, [str(error)]), 503
    if found is None:
        return message_page(
            "No such route", [f"No feed {'/'.join(names)} with a route is here."], "milepost route ls"
        ), 404
    return render_template(
        "route.html",
        page=found,
        row=migration.route_row(found.route),
        stages=STAGES,
        meaning=STAGES[found.route.stage],
        chart=charts.differences_of_feed(found),
        changes=migration.change_rows(found.changes),
        forms=route_forms(found.route, len(found.changes), g.get("visitor")),
        back=request.path,
        feed_name="/".join(names),
    )
