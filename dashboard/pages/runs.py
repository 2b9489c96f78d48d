"""`/runs` and `/runs/<number>`: the runs that an address picks, and one of them with all that is known of it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Blueprint, g, render_template

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
    from collections.abc import Callable

    from sqlite_utils import Database
    from werkzeug.wrappers import Response

    from dashboard.cache.view import View
    from dashboard.filters.parse import ParsedFilter
    from dashboard.filters.query_string import Query
    from dashboard.presenters.run_list import Grid, GridRow
    from metrics.queries.run_grid import FilterChoices

pages = Blueprint("runs", __name__)

#: Where in a list a page begins: older than a run, or newer.
PLACES = ("after", "before")


@pages.get("/runs")
def page() -> str | Response:
    """The runs that the address picks, the newest first, under the last runs of each feed."""
    if shorter := shortened(lambda told: here("runs.page", **told)):
        return shorter
    found, seen, asked = picking(KEYS, (*PLACES, "form"))
    known = seen.made(choices)
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
        grid=None if after is not None else _grid(found, seen, known),
        lines=lines,
        columns={"faults": len(met) > 1, "round": seen.mode == "replay"},
        met=met.pop() if len(met) == 1 and len(known.faults) > 1 and not found.run_filter.faults else "",
        ends=labels.OUTCOME_LABELS.values(),
        ways=ways,
        keys=found.keys,
        cap=files.MOST,
        last=run_list.GRID_RUNS,
        run_at=links.run(0).partition("?")[0].removesuffix("0"),
        run_query=_query_of(links.run(0)),
    )


@pages.get("/runs/<int:number>")
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


def _query_of(address: str) -> str:
    return "".join(address.partition("?")[1:])


def default_grid(db: Database, seen: View) -> tuple[GridRow, ...]:
    """The grid of the page that asks for nothing."""
    del db  # what is asked of it is kept apart, by sides and faults
    return seen.made(grid_of(*_shown(seen.made(choices), (), (), seen.mode)))


@lru_cache(maxsize=256)
def grid_of(sides: tuple[str, ...], faults: tuple[str, ...]) -> Callable[[Database, View], tuple[GridRow, ...]]:
    """The question for the last runs of all feeds; the same function for the same sides and faults."""

    def make(db: Database, seen: View) -> tuple[GridRow, ...]:
        return tuple(map(run_list.grid_row, run_grid.latest_runs(db, sides, faults, run_list.GRID_RUNS, seen.as_of)))

    return make


def _grid(found: ParsedFilter, seen: View, known: FilterChoices) -> Grid | None:
    """The grid, where what is asked for is a matter of sides and feeds alone."""
    picked = found.run_filter
    if not set(found.keys) <= {"side", "partner", "feed", "faults"}:
        return None
    sides, faults = _shown(known, picked.sides, picked.faults, seen.mode)
    services = tuple(name for name in known.sides if name.startswith("service"))
    named = ("the service, any level",) if sides == services and len(sides) > 1 else sides
    met = [gains.FAULTS_NAME.get(name, name) for name in faults]
    about = f"{describe.join_with_or(named)}, {describe.join_with_or(met)}"
    return run_list.grid(seen.made(grid_of(sides, faults)), picked, about)


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


#: What is made with a view, before anybody is shown it.
DEAR = (choices, default_grid)
