"""Parts shared by the pages about runs: the runs that a query string filters, and the choices of the form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import abort, g, redirect, request

from dashboard.filters import parse
from dashboard.filters.query_string import COMMON_KEYS
from dashboard.pages.navigation import keep_filter
from dashboard.pages.request import database, get_view, read_query
from dashboard.queries import reading_runs
from metrics.queries import blocks, run_grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlite_utils import Database
    from werkzeug.wrappers import Response

    from dashboard.cache.view import View
    from dashboard.filters.parse import ParsedFilter
    from dashboard.filters.query_string import Query
    from metrics.queries.run_grid import FilterChoices

#: Endpoints and labels of the navigation inside Runs.
RUNS_NAVIGATION = (("runs.page", "Runs"), ("failures.page", "Failures"), ("quarantine.page", "Quarantine"))

#: The hidden field of a form. A URL from a form has keys without values, so it is redirected to a short one.
FORM_MARK = "form"


def select_runs(
    keys: Sequence[str] = parse.KEYS, more: Sequence[str] = (), *, strict: bool = False
) -> tuple[ParsedFilter, View, Query]:
    """Return the run filter of this request, its view, and its query with the other keys of the page.

    What cannot be parsed becomes a notice on the page; with `strict` it is answered with 400.
    """
    query = read_query(dict.fromkeys((*keys, *more)), strict=strict)
    view = get_view(query, strict=strict)
    parsed = parse.parse_filter(
        query, view.cached(filter_choices), view.today, lambda text: reading_runs.find_counted_runs(view, text)
    )
    if strict and parsed.notices:
        abort(400, " ".join(parsed.notices))
    g.notices = (*g.get("notices", ()), *parsed.notices, *(() if strict else parsed.unknown))
    keep_filter(parsed.keys)
    if parsed.run_filter.first or parsed.run_filter.last:
        parsed = replace(parsed, block_range=blocks.block_range(database(), parsed.run_filter))
    return parsed, view, query


def redirect_to_short_url(address: Callable[..., str]) -> Response | None:
    """Redirect a URL that a form made to the same in short; None for any other. A chosen range replaces days."""
    if FORM_MARK not in request.args:
        return None
    valid_keys = (*parse.KEYS, *COMMON_KEYS)
    keys = {key: value for key, value in request.args.items() if value and key in valid_keys}
    if "range" in keys:
        keys = {key: value for key, value in keys.items() if key not in {"from", "to"}}
    return redirect(address(keys), 303)


def filter_choices(db: Database, view: View) -> FilterChoices:
    """Return the choices of the form; as of an earlier day, those of that day."""
    return run_grid.filter_choices(db, view.as_of)
