"""What the pages about runs have in common: which runs their address picks, and what a form may pick from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import abort, g, redirect, request

from dashboard.filters import parse
from dashboard.pages.request import database, query, view
from dashboard.queries import counted_runs
from metrics.queries import blocks, run_grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlite_utils import Database
    from werkzeug.wrappers import Response

    from dashboard.cache.view import View
    from dashboard.filters.parse import ParsedFilter
    from dashboard.filters.query_string import Query
    from metrics.queries.run_grid import FilterChoices

#: The pages inside Runs, as their own navigation names them.
INSIDE = (("runs.page", "Runs"), ("failures.page", "Failures"), ("quarantine.page", "Quarantine"))

#: Words of a form's hidden field: an address that a form made has keys without values, and is made short.
FORM_MARK = "form"


def picking(
    keys: Sequence[str] = parse.KEYS, more: Sequence[str] = (), *, strict: bool = False
) -> tuple[ParsedFilter, View, Query]:
    """The list that this request's address picks, its view, and the other keys that the page knows.

    What was not understood is pointed out on the page; with `strict` it is refused with 400.
    """
    asked = query(dict.fromkeys((*keys, *more)), strict=strict)
    seen = view(asked, strict=strict)
    found = parse.parse_filter(
        asked, seen.cached(choices), seen.today, lambda text: counted_runs.find_counted_runs(seen, text)
    )
    if strict and found.notices:
        abort(400, " ".join(found.notices))
    g.notices = (*g.get("notices", ()), *found.notices, *(() if strict else found.unknown))
    if found.run_filter.first or found.run_filter.last:
        found = replace(found, block_range=blocks.block_range(database(), found.run_filter))
    return found, seen, asked


def shortened(address: Callable[..., str]) -> Response | None:
    """Where to go instead, if a form made this address: the same in short. A range chosen there replaces days."""
    if FORM_MARK not in request.args:
        return None
    known = (*parse.KEYS, "as_of")
    told = {key: value for key, value in request.args.items() if value and key in known}
    if "range" in told:
        told = {key: value for key, value in told.items() if key not in {"from", "to"}}
    return redirect(address(told), 303)


def choices(db: Database, seen: View) -> FilterChoices:
    """What there is to pick from; looking back, what there was."""
    return run_grid.filter_choices(db, seen.as_of)
