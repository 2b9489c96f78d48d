"""`/runs`: the runs that a query string filters; `/runs/<number>`: one run in detail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, g, render_template
from markupsafe import Markup

from dashboard import labels
from dashboard.actions.forms import run_forms
from dashboard.filters import describe
from dashboard.filters.parse import KEYS
from dashboard.pages import links
from dashboard.pages import run_downloads as files
from dashboard.pages.navigation import keep_filter
from dashboard.pages.request import database, get_view, message_page, page_url, read_query, settings
from dashboard.pages.run_selection import RUNS_NAVIGATION, filter_choices, redirect_to_short_url, select_runs
from dashboard.presenters import run_detail, run_list
from dashboard.queries.partners import SHOWN_FAULTS
from metrics.queries import run_grid, runs
from metrics.queries.pagination import Cursor
from roadmap.wording import gains

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlite_utils import Database
    from werkzeug.wrappers import Response

    from dashboard.cache.view import View
    from dashboard.filters.parse import ParsedFilter
    from dashboard.filters.query_string import Query
    from dashboard.presenters.run_list import GridRow
    from metrics.queries.run_grid import FeedRuns, FilterChoices

blueprint = Blueprint("runs", __name__)

RUNS = "/runs"

#: One run in the grid; its title is also its name for screen readers. A page has some 500 of them, so they are short.
MARK = Markup(
    '<li><a class="mark {look}" href="{href}" title="{label}">'
    '<svg class="sign" aria-hidden="true"><use href="#{look}"/></svg></a></li>'
)

#: Keys of the place in the list where the page starts: older than a run, or newer.
CURSOR_KEYS = ("after", "before")


@blueprint.get(RUNS)
def page() -> str | Response:
    """Show the runs that the query filters, the newest first, under the last runs of each feed."""
    if shorter := redirect_to_short_url(lambda keys: page_url("runs.page", **keys)):
        return shorter
    parsed, view, query = select_runs(KEYS, (*CURSOR_KEYS, "form"))
    known = view.cached(filter_choices)
    after, newer = _read_cursor(query)
    db = database()
    many = runs.count_runs(db, parsed.run_filter)
    listed = runs.get_page(db, parsed.run_filter, after, newer=newer)
    notes = settings().exchange_notes()
    lines = [run_list.run_row(run, notes) for run in listed.rows]
    met = {line.faults for line in lines}
    ways = {
        "newest": links.runs(**parsed.keys) if after is not None else "",
        "newer": page_url("runs.page", **parsed.keys, before=listed.newer.text) if listed.newer else "",
        "older": page_url("runs.page", **parsed.keys, after=listed.older.text) if listed.older else "",
    }
    return render_template(
        "runs.html",
        inside=RUNS_NAVIGATION,
        summary=describe.count_sentence(parsed, many),
        many=many,
        picked=bool(parsed.keys),
        fields=describe.form_fields(parsed, known),
        filter_parts=describe.filter_parts(parsed, links.runs),
        hidden_fields={
            key: parsed.keys[key] for key in ("from", "to", "counted", "fingerprint", "aside") if key in parsed.keys
        },
        **({"grid": None} if after is not None else _grid(parsed, view, known)),
        lines=lines,
        columns={"faults": len(met) > 1, "round": view.mode == "replay"},
        met=met.pop() if len(met) == 1 and len(known.faults) > 1 and not parsed.run_filter.faults else "",
        ends=labels.OUTCOME_LABELS.values(),
        ways=ways,
        keys=parsed.keys,
        cap=files.MAX_RUNS,
        last=run_list.GRID_RUNS,
    )


@blueprint.get(f"{RUNS}/<int:number>")
def detail(number: int) -> str | tuple[str, int]:
    """Show one run in detail."""
    query = read_query(dict.fromkeys(KEYS))
    view = get_view(query)
    keep_filter({key: query.value(key) for key in KEYS if query.value(key)})
    db = database()
    run = runs.get_run(db, number)
    if run is None:
        return message_page("No such run", [f"There is no run {number}. The page Runs lists all runs."]), 404
    if view.as_of is not None and not run.is_known(view.as_of):
        return message_page("Not known then", [run_detail.describe_unknown_run(run, view.as_of)]), 404
    shown = run_detail.run_page(db, run, view.as_of, settings().exchange_notes())
    ended_here = view.mode == "live" and view.as_of is None and run.side.startswith("service") and run.rows is not None
    forms = run_forms(run.exchange_id, shown.note, g.get("visitor")) if ended_here else ()
    return render_template("run.html", inside=RUNS_NAVIGATION, links=links, run=run, page=shown, forms=forms)


def default_grid(db: Database, view: View) -> Mapping[tuple[str, str], Markup]:
    """Return the marks of the grid without filters, to preload them."""
    del db
    return view.cached(grid_marks, *_grid_choices(view.cached(filter_choices), (), (), view.mode))


def grid_rows(db: Database, view: View, sides: tuple[str, ...], faults: tuple[str, ...]) -> tuple[GridRow, ...]:
    """Return the last runs of all feeds, of some sides and faults."""
    del db
    return tuple(map(run_list.grid_row, view.cached(latest_runs, sides, faults)))


def latest_runs(db: Database, view: View, sides: tuple[str, ...], faults: tuple[str, ...]) -> tuple[FeedRuns, ...]:
    """Return the same runs as they are in the store."""
    return run_grid.latest_runs(db, sides, faults, run_list.GRID_RUNS, view.as_of)


def grid_marks(
    db: Database, view: View, sides: tuple[str, ...], faults: tuple[str, ...]
) -> Mapping[tuple[str, str], Markup]:
    """Return the same runs as list items, by partner and feed.

    They are most of the page, so they are made once for each view and not for each request.
    """
    del db
    return _marks_of(view.cached(grid_rows, sides, faults), f"?as_of={view.as_of}" if view.as_of else "")


def _marks_of(rows: Iterable[GridRow], query: str) -> Mapping[tuple[str, str], Markup]:
    return {
        (row.partner, row.feed): Markup("").join(
            MARK.format(look=mark.css_class, href=f"{RUNS}/{mark.id}{query}", label=mark.label) for mark in row.marks
        )
        for row in rows
    }


def _grid(parsed: ParsedFilter, view: View, known: FilterChoices) -> dict[str, Any]:
    """Return the grid and its marks; no grid where the address filters by more than sides, faults and feeds."""
    run_filter = parsed.run_filter
    if not set(parsed.keys) <= {"side", "partner", "feed", "faults"}:
        return {"grid": None}
    sides, faults = _grid_choices(known, run_filter.sides, run_filter.faults, view.mode)
    services = tuple(name for name in known.sides if name.startswith("service"))
    named = ("the service, any level",) if sides == services and len(sides) > 1 else sides
    met = [gains.FAULTS_NAME.get(name, name) for name in faults]
    about = f"{describe.join_with_or(named)}, {describe.join_with_or(met)}"
    grid = run_list.grid(view.cached(grid_rows, sides, faults), run_filter, about)
    return {"grid": grid, "marks": view.cached(grid_marks, sides, faults)}


def _grid_choices(
    known: FilterChoices, sides: tuple[str, ...], faults: tuple[str, ...], mode: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return sides and faults of the grid: those of the filter that have runs, or else the usual service."""
    usual = tuple(name for name in (SHOWN_FAULTS[mode],) if name in known.faults) or known.faults
    services = tuple(name for name in known.sides if name.startswith("service"))
    mine = tuple(name for name in known.sides if name in sides or (name in services and "service" in sides))
    return (
        mine or (("",) if sides else services or known.sides),
        tuple(name for name in known.faults if name in faults) or (("",) if faults else usual),
    )


def _read_cursor(query: Query) -> tuple[Cursor | None, bool]:
    """Return the place where the page starts, and whether it lists newer runs from there."""
    for key in CURSOR_KEYS:
        if text := query.value(key):
            try:
                return Cursor.parse(text), key == "before"
            except ValueError:
                g.notices = (*g.notices, f"“{key}={text}” is not a place in a list; the newest runs are shown.")
    return None, False


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (filter_choices, default_grid)
