"""`/runs` and `/runs/<number>`: the runs that an address picks, and one of them with all that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, g, render_template
from markupsafe import Markup

from dashboard import labels
from dashboard.filters import describe
from dashboard.filters.parse import KEYS
from dashboard.pages import links
from dashboard.pages import run_downloads as files
from dashboard.pages.request import database, here, plain, query, view
from dashboard.pages.run_selection import INSIDE, choices, picking, shortened
from dashboard.presenters import run_detail, run_list
from dashboard.queries.partners import SHOWN_FAULTS
from metrics.queries import run_grid, runs
from metrics.queries.pagination import Cursor
from roadmap.wording import gains

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_utils import Database
    from werkzeug.wrappers import Response

    from dashboard.cache.view import View
    from dashboard.filters.parse import ParsedFilter
    from dashboard.filters.query_string import Query
    from dashboard.presenters.run_list import GridRow
    from metrics.queries.run_grid import FilterChoices

pages = Blueprint("runs", __name__)

RUNS = "/runs"

#: One run in the grid.
MARK = Markup(
    '<li><a class="mark {look}" href="{href}" title="{label}" aria-label="{label}">'
    '<svg class="sign" width="14" height="14" aria-hidden="true"><use href="#{look}"/></svg></a></li>'
)

#: Where in a list a page begins: older than a run, or newer.
PLACES = ("after", "before")


@pages.get(RUNS)
def page() -> str | Response:
    """The runs that the address picks, the newest first, under the last runs of each feed."""
    if shorter := shortened(lambda told: here("runs.page", **told)):
        return shorter
    found, seen, asked = picking(KEYS, (*PLACES, "form"))
    known = seen.cached(choices)
    after, newer = _place(asked)
    db = database()
    many = runs.count_runs(db, found.run_filter)
    listed = runs.get_page(db, found.run_filter, after, newer=newer)
    lines = [run_list.run_row(run) for run in listed.rows]
    met = {line.faults for line in lines}
    ways = {
        "newest": links.runs(**found.keys) if after is not None else "",
        "newer": here("runs.page", **found.keys, before=listed.newer.text) if listed.newer else "",
        "older": here("runs.page", **found.keys, after=listed.older.text) if listed.older else "",
    }
    return render_template(
        "runs.html",
        inside=INSIDE,
        said=describe.count_sentence(found, many),
        many=many,
        picked=bool(found.keys),
        fields=describe.form_fields(found, known),
        held=describe.fixed_parts(found, links.runs),
        kept={key: found.keys[key] for key in ("from", "to", "counted", "fingerprint", "aside") if key in found.keys},
        **({"grid": None} if after is not None else _grid(found, seen, known)),
        lines=lines,
        columns={"faults": len(met) > 1, "round": seen.mode == "replay"},
        met=met.pop() if len(met) == 1 and len(known.faults) > 1 and not found.run_filter.faults else "",
        ends=labels.OUTCOME_LABELS.values(),
        ways=ways,
        keys=found.keys,
        cap=files.MOST,
        last=run_list.GRID_RUNS,
    )


@pages.get(f"{RUNS}/<int:number>")
def one(number: int) -> str | tuple[str, int]:
    """One run, with all that is known of it."""
    seen = view(query())
    db = database()
    run = runs.get_run(db, number)
    if run is None:
        return plain("No such run", [f"There is no run {number} here. Those that there are stand under Runs."]), 404
    if seen.as_of is not None and not run.is_known(seen.as_of):
        return plain("Not known then", [run_detail.describe_unknown_run(run, seen.as_of)]), 404
    return render_template(
        "run.html", inside=INSIDE, links=links, run=run, page=run_detail.run_page(db, run, seen.as_of)
    )


def default_grid(db: Database, view: View) -> Mapping[tuple[str, str], Markup]:
    """Return the marks of the grid without filters, to preload them."""
    del db
    return view.cached(grid_marks, *_shown(view.cached(choices), (), (), view.mode))


def grid_rows(db: Database, view: View, sides: tuple[str, ...], faults: tuple[str, ...]) -> tuple[GridRow, ...]:
    """Return the last runs of all feeds, of some sides and faults."""
    return tuple(map(run_list.grid_row, run_grid.latest_runs(db, sides, faults, run_list.GRID_RUNS, view.as_of)))


def grid_marks(
    db: Database, view: View, sides: tuple[str, ...], faults: tuple[str, ...]
) -> Mapping[tuple[str, str], Markup]:
    """Return the same runs as list items, by partner and feed.

    They are most of the page, so they are made once for each view and not for each request.
    """
    del db
    query = f"?as_of={view.as_of}" if view.as_of else ""
    return {
        (row.partner, row.feed): Markup("").join(
            MARK.format(look=mark.css_class, href=f"{RUNS}/{mark.id}{query}", label=mark.label) for mark in row.marks
        )
        for row in view.cached(grid_rows, sides, faults)
    }


def _grid(found: ParsedFilter, seen: View, known: FilterChoices) -> dict[str, Any]:
    """Return the grid and its marks; no grid where the address filters by more than sides, faults and feeds."""
    picked = found.run_filter
    if not set(found.keys) <= {"side", "partner", "feed", "faults"}:
        return {"grid": None}
    sides, faults = _shown(known, picked.sides, picked.faults, seen.mode)
    services = tuple(name for name in known.sides if name.startswith("service"))
    named = ("the service, any level",) if sides == services and len(sides) > 1 else sides
    met = [gains.FAULTS_NAME.get(name, name) for name in faults]
    about = f"{describe.join_with_or(named)}, {describe.join_with_or(met)}"
    grid = run_list.grid(seen.cached(grid_rows, sides, faults), picked, about)
    return {"grid": grid, "marks": seen.cached(grid_marks, sides, faults)}


def _shown(
    known: FilterChoices, sides: tuple[str, ...], faults: tuple[str, ...], mode: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sides and faults of the grid: those asked for, as far as there are any; else the service as it usually runs."""
    usual = tuple(name for name in (SHOWN_FAULTS[mode],) if name in known.faults) or known.faults
    services = tuple(name for name in known.sides if name.startswith("service"))
    mine = tuple(name for name in known.sides if name in sides or (name in services and "service" in sides))
    return (
        mine or (("",) if sides else services or known.sides),
        tuple(name for name in known.faults if name in faults) or (("",) if faults else usual),
    )


def _place(asked: Query) -> tuple[Cursor | None, bool]:
    """Where the page begins, and whether it goes on to newer runs from there."""
    for key in PLACES:
        if text := asked.value(key):
            try:
                return Cursor.parse(text), key == "before"
            except ValueError:
                g.notices = (*g.notices, f"“{key}={text}” is no place in a list; the newest are shown.")
    return None, False


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (choices, default_grid)
