"""`/partners`: the state of every feed, the worst first; `/partners/<id>`: one partner in detail."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, render_template

from dashboard.filters import partner_slug
from dashboard.filters.parse import split_names
from dashboard.filters.query_string import join_values
from dashboard.pages import charts, links
from dashboard.pages.navigation import keep_filter
from dashboard.pages.request import get_view, message_page, page_url, read_query, settings
from dashboard.pages.spreadsheet import SpreadsheetWriter
from dashboard.pages.today import state_for_page
from dashboard.presenters import feed_rows, problems
from dashboard.presenters.partner_detail import partner_facts, shown_sides
from dashboard.queries import partners

if TYPE_CHECKING:
    from sqlite_utils import Database

    from dashboard.cache.view import View
    from dashboard.filters.query_string import Query
    from dashboard.presenters.feed_rows import FeedRow
    from dashboard.queries.partners import PartnersOverview

blueprint = Blueprint("partners", __name__)

#: Feeds on one page of the table.
PAGE_SIZE = 50

#: Partners that the form offers; the URL takes any other, too.
MAX_OFFERED = 500

KEYS = {"state": ("all", *feed_rows.STATES_BY_NAME), "partner": None, "page": None}

NO_COUNTS_TEXT = (
    "An older release wrote this store and did not count what this page shows. This command adds the counts:"
)

#: Columns of the table as CSV; an empty cell is a missing number.
CSV_COLUMNS = (
    "partner", "feed", "state", "why", "service", "last_good", "failed_first_90_days", "exchanges_90_days", "gain",
    "gain_low", "gain_high", "delay_p50_s", "delay_p95_s", "usual_gap_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FeedTablePage:
    """The rows of one page of the table, and how many rows and pages there are."""

    rows: tuple[FeedRow, ...]
    every: int
    number: int
    last: int


@blueprint.get("/partners")
def page() -> str:
    """Show every feed with its state, the worst first."""
    query = read_query(KEYS)
    view = get_view(query)
    overview = view.cached(partners.partners_overview)
    rows = _feed_rows(view)
    picked = _filter_partners(query, rows, overview)
    if query.value("partner"):
        keep_filter({"partner": query.value("partner")})
    values = {
        "known": overview,
        "listed": _table_page(query, _filter_state(query, picked)),
        "states": _state_links(query, picked),
        "partners": overview.partners[:MAX_OFFERED],
        "more_partners": len(overview.partners) > MAX_OFFERED,
        "partner": query.value("partner"),
        "state": query.value("state"),
        "days": partners.RECENT_DAYS,
        "gained": overview.gains,
    }
    return render_template("partners.html", page=values, links=links, shown=partner_slug.display_name)


@blueprint.get("/partners.csv")
def as_csv() -> Response:
    """Return all pages of the table as CSV for a spreadsheet; an unknown key or value is answered with 400."""
    query = read_query(KEYS, strict=True)
    view = get_view(query, strict=True)
    overview = view.cached(partners.partners_overview)
    states = view.cached(partners.feed_states, partners.state_time(view, _now()))
    out = io.StringIO()
    rows = SpreadsheetWriter(out, CSV_COLUMNS)
    for row in _filter_state(query, _filter_partners(query, _feed_rows(view), overview)):
        state, reading = states.get((row.partner, row.feed)), overview.gains.readings.get((row.partner, row.feed))
        rows.write_row(
            (
                row.partner, row.feed, row.state.name, row.why, row.side,
                _iso_time(state.last_good_at_us) if state else None,
                row.failed, row.exchanges if row.failed is not None else None,
                *((reading.estimate, reading.low, reading.high) if reading else (None, None, None)),
                *((*feed_rows.delivery_waits_s(state), state.usual_gap_s) if state else (None, None, None)),
            )
        )  # fmt: skip
    headers = {"Content-Disposition": 'attachment; filename="milepost-partners.csv"'}
    return Response(out.getvalue(), mimetype="text/csv", headers=headers)


@blueprint.get("/partners/<path:part>")
def detail(part: str) -> str | tuple[str, int]:
    """Show one partner: its feeds, failures over time and by kind, and quarantined rows."""
    view = get_view(read_query())
    overview = view.cached(partners.partners_overview)
    if not overview.has_counts:
        return message_page("Not counted yet", [NO_COUNTS_TEXT], "milepost roadmap status"), 200
    name = partner_slug.find_partner(part, overview.partners)
    if name is None:
        text = f"There is no partner called “{partner_slug.display_name(partner_slug.decode_partner(part), 80)}” here."
        return message_page("No such partner", [text, partner_slug.list_partners(overview.partners)]), 404
    keep_filter({"partner": join_values((name,))})
    feeds = tuple(row for row in _feed_rows(view) if row.partner == name)
    values = {
        "name": partner_slug.display_name(name, partner_slug.MAX_HEADING_CHARS),
        "rows": feeds,
        "states": feed_rows.count_states(feeds),
        "chart": charts.failures_of_partner(view, name),
        "facts": view.cached(partner_facts, name, shown_sides(feeds)),
        "last_in": f"Last in the {'day' if view.mode == 'live' else 'week'} of",
        "days": partners.RECENT_DAYS,
        "gained": overview.gains,
    }
    state = state_for_page()
    rows = (
        problems.problem_rows(problems.problems_of(state, name), state.at, visitor=g.get("visitor")) if state else None
    )
    expected = [files for files in state.expected if files.partner == name] if state else []
    return render_template("partner.html", page=values, links=links, problems=rows, expected=expected)


def _iso_time(at_us: int | None) -> str | None:
    return None if at_us is None else datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds")


def _feed_rows(view: View) -> tuple[FeedRow, ...]:
    """Return the rows of all feeds with what is open now, the worst first."""
    rows = view.cached(_feed_rows_at, partners.state_time(view, _now()))
    state = state_for_page() if view.mode == "live" else None
    return rows if state is None else problems.with_open_problems(rows, state)


def _feed_rows_at(db: Database, view: View, at: datetime) -> tuple[FeedRow, ...]:
    """Return the rows of all feeds at a time; all readers of the view share them."""
    del db
    states = view.cached(partners.feed_states, at)
    return feed_rows.feed_rows(view.cached(partners.partners_overview), states, view.mode)


def _now() -> datetime | None:
    now = settings().now
    return now() if now else None


def _filter_partners(query: Query, rows: tuple[FeedRow, ...], overview: PartnersOverview) -> tuple[FeedRow, ...]:
    """Return the rows of the partners in the query; an unknown name matches nothing and adds a notice."""
    notices: list[str] = []
    names = split_names(query.value("partner"), "partner", notices)
    if not names:
        return rows
    meant = {name: partner_slug.find_partner(name, overview.partners) for name in names}
    lacking = [partner_slug.display_name(name) for name, there in meant.items() if there is None]
    notices += [f"No partner is called “{name}”; nothing is listed for it." for name in lacking]
    g.notices = (*g.get("notices", ()), *notices)
    wanted = set(meant.values())
    return tuple(row for row in rows if row.partner in wanted)


def _filter_state(query: Query, rows: tuple[FeedRow, ...]) -> tuple[FeedRow, ...]:
    state = query.value("state", "all")
    return rows if state == "all" else tuple(row for row in rows if row.state.name == state)


def _state_links(query: Query, rows: tuple[FeedRow, ...]) -> list[tuple[str, int, str, bool]]:
    """Return the states that feeds are in: label, number of feeds, URL, and whether it is chosen."""
    state_shown, partner = query.value("state", "all"), query.value("partner") or None
    counts = feed_rows.count_states(rows)
    offered: list[tuple[str, int, str | None, bool]] = [("All", len(rows), None, state_shown == "all")]
    offered += [(state.label.capitalize(), many, state.name, state_shown == state.name) for state, many in counts]
    return [
        (label, many, page_url("partners.page", state=name, partner=partner), on) for label, many, name, on in offered
    ]


def _table_page(query: Query, rows: tuple[FeedRow, ...]) -> FeedTablePage:
    last = max(1, -(-len(rows) // PAGE_SIZE))
    text = query.value("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 7 and 0 < int(text) <= last else 0
    if not number:
        g.notices = (*g.get("notices", ()), f"“page={text}” is not a page from 1 to {last}; the first page is shown.")
        number = 1
    return FeedTablePage(rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE], len(rows), number, last)


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (partners.partners_overview, partners.feed_histories)
