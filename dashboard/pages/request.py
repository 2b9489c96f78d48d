"""What every page uses: the running app's settings, the view it is asked for, the database of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from flask import abort, current_app, g, render_template, request, url_for

from dashboard.errors import NoSuchDay, NothingYet
from dashboard.filters import query_string
from dashboard.queries.freshness import FreshnessLine, freshness
from metrics.store.database import open_snapshot
from roadmap.wording import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from dashboard.cache.views import Views
    from dashboard.config import Config
    from dashboard.filters.query_string import Query
    from dashboard.queries.freshness import Lateness


def settings() -> Config:
    """The settings of the running app."""
    return cast("Config", current_app.config["MILEPOST"])


def views() -> Views:
    """The views of the running app."""
    return cast("Views", current_app.extensions["views"])


def query(known: Mapping[str, Sequence[str] | None] | None = None, *, strict: bool = False) -> Query:
    """The keys of this request's address; what is not understood is pointed out on the page.

    With `strict`, as for data that nobody reads with their eyes, it is refused with 400 instead.
    """
    found = query_string.parse_query(request.args.items(multi=True), known or {})
    if strict and found.notices:
        abort(400, " ".join(found.notices))
    g.notices = found.notices
    return found


def view(found: Query, *, strict: bool = False, plan_alone: bool = False) -> View:
    """The view that the address asks for: the newest, or that of an earlier day (`as_of=2013-06-30`).

    With `plan_alone`, a page that can do without any run gets the plan before there is one, and says so.
    """
    try:
        seen = g.view = _view(found, strict=strict)
    except NothingYet as nothing:
        if not plan_alone:
            raise
        seen = g.view = views().plan_alone()
        commands = " ".join(f"`{command}`" for command in nothing.command.splitlines())
        other = f" “as_of={found.as_of}” was left out." if found.as_of else ""
        g.notices = (*g.get("notices", ()), f"{nothing.title}. {nothing} {commands}{other}")
    g.fresh = line(seen)
    return seen


def line(seen: View) -> FreshnessLine:
    """What stands on each page of a view about how far the data goes, by now."""
    fresh, now = seen.cached(freshness), settings().now
    lateness = cast("Lateness", current_app.extensions["lateness"])
    return FreshnessLine(
        data_until=fresh.data_until(now() if now else None),
        runs=numbers.plural(fresh.runs, "run"),
        source=fresh.source,
        has_list=fresh.has_list,
        late=lateness.text(),
    )


def _view(found: Query, *, strict: bool) -> View:
    if found.as_of is None:
        return views().newest()
    try:
        seen = views().earlier(found.as_of)
    except NoSuchDay as error:
        if strict:
            abort(400, str(error))
        g.notices = (*g.get("notices", ()), f"“{error}”; the newest is shown.")
        return views().newest()
    g.as_of = found.as_of
    return seen


def database() -> Database:
    """The store, opened read-only for this request, and closed at its end."""
    if "db" not in g:
        g.db = open_snapshot(settings().store)
    return cast("Database", g.db)


def here(endpoint: str, **values: object) -> str:
    """An address of ours that keeps to the day that this page is as of."""
    as_of = g.get("as_of")
    return url_for(endpoint, **({"as_of": as_of.isoformat()} if as_of else {}), **values)  # type: ignore[arg-type]


def newest_address() -> str:
    """The address of this page as of today, all else as it is asked for."""
    asked_for = urlencode([(key, value) for key, value in request.args.items(multi=True) if key != "as_of"])
    path = url_for(request.endpoint or "home.page", **(request.view_args or {}))
    return f"{path}?{asked_for}" if asked_for else path


def address_or(endpoint: str, otherwise: str) -> str:
    """The address of a page that may not be there, and another where it is not."""
    return here(endpoint) if endpoint in current_app.view_functions else otherwise


def plain(title: str, lines: list[str], command: str = "") -> str:
    """A page of words only, in the house look."""
    return render_template("plain.html", title=title, lines=lines, command=command)
