"""`/search`: partners, feeds, files, exchanges and milestones by name; a single exact match is shown at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, g, redirect, render_template

from dashboard.filters.partner_slug import display_name, encode_partner
from dashboard.pages import links
from dashboard.pages.request import database, get_view, page_url, read_query, settings
from dashboard.presenters import run_list
from dashboard.queries import search

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from dashboard.queries.search import Matches

blueprint = Blueprint("search", __name__)

#: The most characters that are searched for.
MAX_CHARS = 200


@blueprint.get("/search")
def page() -> str | Response:
    """Show what matches the text of the query, or go to the page of the only exact match."""
    query = read_query({"q": None})
    text = query.value("q").strip()
    if len(text) > MAX_CHARS:
        g.notices = (*g.notices, f"The first {MAX_CHARS} characters are searched for.")
        text = text[:MAX_CHARS].strip()
    view = get_view(query, plan_alone=True)
    matches = None
    if text:
        pairs = view.cached(search.feed_pairs)
        matches = search.find_matches(database() if pairs else None, view, pairs, text)
        if matches.exact == 1 and (only := _exact_url(matches, text.casefold())):
            return redirect(only, 303)
    found = matches.runs if matches else ()
    notes = settings().exchange_notes() if found else {}
    lines = [run_list.run_row(run, notes) for run in found]
    return render_template(
        "search.html",
        text=text,
        matches=matches,
        lines=lines,
        columns={"faults": len({line.faults for line in lines}) > 1, "round": view.mode == "replay"},
        links=links,
        shown=display_name,
        encode=encode_partner,
    )


def _exact_url(matches: Matches, wanted: str) -> str:
    """Return the address of the only exact match; "" where there is none."""
    for partner in matches.partners:
        if partner.casefold() == wanted:
            return page_url("partners.detail", part=encode_partner(partner))
    for partner, feed in matches.feeds:
        if f"{partner}/{feed}".casefold() == wanted:
            return links.runs(partner=partner, feed=feed)
    for feed in matches.feed_names:
        return links.runs(feed=feed)
    for milestone in matches.milestones:
        if milestone.code.casefold() == wanted:
            return page_url("milestones.detail", code=milestone.code)
    for run in matches.runs:
        if search.is_exact(run, wanted):
            return links.run(run.id)
    return ""


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (search.feed_pairs,)
