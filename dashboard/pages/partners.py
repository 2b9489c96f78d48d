"""`/partners` and `/partners/<id>`: how feeds stand, the worst first, and what is known of one partner."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, render_template

from dashboard.filters import partner_slug
from dashboard.filters.parse import split_names
from dashboard.pages import charts, links
from dashboard.pages.request import database, here, plain, query, settings, view
from dashboard.presenters import feed_rows
from dashboard.presenters.partner_detail import partner_facts
from dashboard.queries import partners

if TYPE_CHECKING:
    from dashboard.cache.view import View
    from dashboard.filters.query_string import Query
    from dashboard.presenters.feed_rows import FeedRow
    from dashboard.queries.partners import PartnersOverview

pages = Blueprint("partners", __name__)

#: Feeds on one page of the table.
SIZE = 50

#: Choices of the filter by partner; where there are more, the address takes any.
OFFERED = 500

KNOWN = {"state": ("all", *feed_rows.STATES_BY_NAME), "partner": None, "page": None}

OLDER = "These runs were kept by an older release, which did not count what this page shows. This counts them:"

#: Columns of the table as CSV; an empty cell is a missing number.
CSV = (
    "partner", "feed", "state", "why", "service", "last_good", "failed_first_90_days", "exchanges_90_days", "gain",
    "gain_low", "gain_high", "delay_p50_s", "delay_p95_s", "usual_gap_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listed:
    """The rows that an address asks for: those of this page, how many in all, and the way to the others."""

    rows: tuple[FeedRow, ...]
    every: int
    number: int
    last: int


@pages.get("/partners")
def page() -> str:
    """Every feed with its state, the worst first."""
    found = query(KNOWN)
    seen = view(found)
    known = seen.cached(partners.partners_overview)
    every = _rows(seen, known)
    picked = _picked(found, every, known)
    told = {
        "known": known,
        "listed": _page(found, _in_state(found, picked)),
        "states": _switch(found, picked),
        "partners": known.partners[:OFFERED],
        "more_partners": len(known.partners) > OFFERED,
        "partner": found.value("partner"),
        "state": found.value("state"),
        "days": partners.RECENT_DAYS,
        "gained": known.gains,
    }
    return render_template("partners.html", page=told, links=links, shown=partner_slug.display_name)


@pages.get("/partners.csv")
def as_csv() -> Response:
    """The same table as data, all pages of it; what is not understood is refused."""
    found = query(KNOWN, strict=True)
    seen = view(found, strict=True)
    known = seen.cached(partners.partners_overview)
    stands = partners.feed_states(seen, _now())
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(CSV)
    for row in _in_state(found, _picked(found, _rows(seen, known), known)):
        state, reading = stands.get((row.partner, row.feed)), known.gains.readings.get((row.partner, row.feed))
        rows.writerow(
            (
                row.partner, row.feed, row.state.name, row.why, row.side,
                _stamp(state.last_good_at_us) if state else None,
                row.failed, row.exchanges if row.failed is not None else None,
                *((reading.estimate, reading.low, reading.high) if reading else (None, None, None)),
                *((*feed_rows.delivery_waits_s(state), state.usual_gap_s) if state else (None, None, None)),
            )
        )  # fmt: skip
    headers = {"Content-Disposition": 'attachment; filename="milepost-partners.csv"'}
    return Response(out.getvalue(), mimetype="text/csv", headers=headers)


@pages.get("/partners/<path:part>")
def one(part: str) -> str | tuple[str, int]:
    """One partner: its feeds, failures over time, what they have in common, and what was set aside."""
    seen = view(query())
    known = seen.cached(partners.partners_overview)
    if not known.has_counts:
        return plain("Not counted yet", [OLDER], "milepost roadmap status"), 200
    name = partner_slug.find_partner(part, known.partners)
    if name is None:
        said = f"There is no partner called “{partner_slug.display_name(partner_slug.decode_partner(part), 80)}” here."
        return plain("No such partner", [said, partner_slug.list_partners(known.partners)]), 404
    feeds = tuple(row for row in _rows(seen, known) if row.partner == name)
    told = {
        "name": partner_slug.display_name(name, partner_slug.MAX_HEADING_CHARS),
        "rows": feeds,
        "states": feed_rows.count_states(feeds),
        "chart": charts.of_partner(seen, name),
        "facts": partner_facts(database(), seen, name, feeds),
        "last_in": f"Last in the {'day' if seen.mode == 'live' else 'week'} of",
        "days": partners.RECENT_DAYS,
        "gained": known.gains,
    }
    return render_template("partner.html", page=told, links=links)


def _stamp(at_us: int | None) -> str | None:
    return None if at_us is None else datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds")


def _rows(seen: View, known: PartnersOverview) -> tuple[FeedRow, ...]:
    return feed_rows.feed_rows(known, partners.feed_states(seen, _now()), seen.mode)


def _now() -> datetime | None:
    now = settings().now
    return now() if now else None


def _picked(found: Query, every: tuple[FeedRow, ...], known: PartnersOverview) -> tuple[FeedRow, ...]:
    """The rows of the partners asked for; a name that nobody has picks nothing, and that is said."""
    notices: list[str] = []
    names = split_names(found.value("partner"), "partner", notices)
    if not names:
        return every
    meant = {name: partner_slug.find_partner(name, known.partners) for name in names}
    lacking = [partner_slug.display_name(name) for name, there in meant.items() if there is None]
    notices += [f"No partner here is called “{name}”; nothing is listed for it." for name in lacking]
    g.notices = (*g.get("notices", ()), *notices)
    wanted = set(meant.values())
    return tuple(row for row in every if row.partner in wanted)


def _in_state(found: Query, rows: tuple[FeedRow, ...]) -> tuple[FeedRow, ...]:
    state = found.value("state", "all")
    return rows if state == "all" else tuple(row for row in rows if row.state.name == state)


def _switch(found: Query, rows: tuple[FeedRow, ...]) -> list[tuple[str, int, str, bool]]:
    """The states that some feed is in, each with how many there are and its address."""
    asked, partner = found.value("state", "all"), found.value("partner") or None
    counts = feed_rows.count_states(rows)
    offered: list[tuple[str, int, str | None, bool]] = [("All", len(rows), None, asked == "all")]
    offered += [(state.label.capitalize(), many, state.name, asked == state.name) for state, many in counts]
    return [(said, many, here("partners.page", state=name, partner=partner), on) for said, many, name, on in offered]


def _page(found: Query, rows: tuple[FeedRow, ...]) -> Listed:
    last = max(1, -(-len(rows) // SIZE))
    text = found.value("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 7 and 0 < int(text) <= last else 0
    if not number:
        g.notices = (*g.get("notices", ()), f"“page={text}” is not a page from 1 to {last}; the first is shown.")
        number = 1
    return Listed(rows[(number - 1) * SIZE : number * SIZE], len(rows), number, last)


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (partners.partners_overview, partners.feed_histories)
