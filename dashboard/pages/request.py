"""Request helpers of every page: the settings of the app, the view and the database of the request, URLs, messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from flask import abort, current_app, g, render_template, request, url_for

from dashboard.cache.sources import Source
from dashboard.errors import NoSuchDay, NothingYet
from dashboard.filters import query_string
from dashboard.filters.time_zone import UTC_ZONE, find_zone
from dashboard.queries.freshness import FreshnessLine, freshness
from dashboard.scope import NOTHING, WHOLE, Scope
from roadmap.wording import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlite_utils import Database

    from dashboard.cache.readers import Reader, Readers
    from dashboard.cache.service_reader import ServiceReader
    from dashboard.cache.sources import ScopedSources
    from dashboard.cache.view import View
    from dashboard.cache.views import Views
    from dashboard.config import Config
    from dashboard.filters.query_string import Query
    from dashboard.migration_state import MigrationState
    from dashboard.queries.freshness import Lateness
    from dashboard.service_state import ServiceState


def current_scope() -> Scope:
    """Return the partners that this request may see: all where nobody signs in, none before somebody has."""
    if current_app.config["MILEPOST"].access is None:
        return WHOLE
    visitor = g.get("visitor")
    return visitor.scope if visitor else NOTHING


def source() -> Source:
    """Return what this request may read."""
    scope = current_scope()
    if not scope.is_whole:
        return cast("ScopedSources", current_app.extensions["scoped_sources"]).of(scope)
    return whole_source()


def whole_source() -> Source:
    """Return everything there is to read, for what shows none of it: the checks of a load balancer."""
    parts = current_app.extensions
    config = cast("Config", current_app.config["MILEPOST"])
    return Source(
        config=config,
        views=parts["views"],
        readers=parts["readers"],
        service=parts["service"],
        migration=parts["migration"],
    )


def settings() -> Config:
    """Return the settings of the running app, as this request may use them."""
    return source().config


def views() -> Views:
    """Return the views that this request may see."""
    return source().views


def service_reader() -> ServiceReader[ServiceState]:
    """Return the reader of what this request may see of the service's state."""
    return source().service


def migration_reader() -> ServiceReader[MigrationState]:
    """Return the reader of what this request may see of the routes."""
    return source().migration


def read_query(known: Mapping[str, Sequence[str] | None] | None = None, *, strict: bool = False) -> Query:
    """Return the query string of this request; what cannot be parsed becomes a notice on the page.

    With `strict`, as for CSV and JSON, it is answered with 400 instead.
    """
    query = query_string.parse_query(request.args.items(multi=True), known or {})
    if strict and query.notices:
        abort(400, " ".join(query.notices))
    g.notices = query.notices
    return query


def get_view(query: Query, *, strict: bool = False, plan_alone: bool = False) -> View:
    """Return the view of a query: the newest, or that of an earlier day (`as_of=2013-06-30`).

    With `plan_alone`, a page that needs no run gets the plan before there is one, with a notice.
    """
    try:
        view = _view(query, strict=strict)
    except NothingYet as nothing:
        if not plan_alone:
            raise
        view = views().plan_alone()
        commands = " ".join(f"`{command}`" for command in nothing.command.splitlines())
        other = f" “as_of={query.as_of}” was left out." if query.as_of else ""
        g.notices = (*g.get("notices", ()), f"{nothing.title}. {nothing} {commands}{other}")
    g.fresh = freshness_line(view)
    return view


def freshness_line(view: View) -> FreshnessLine:
    """Return the line of each page that says how far the data goes."""
    fresh, now = view.cached(freshness), settings().now
    lateness = cast("Lateness", current_app.extensions["lateness"])
    return FreshnessLine(
        data_until=fresh.data_until(now() if now else None, current_zone()),
        runs=numbers.plural(fresh.runs, "run"),
        source=fresh.source,
        has_list=fresh.has_list,
        late=lateness.text() if view.scope.is_whole else "",  # what waits may be of any partner
        input_note=fresh.input_note,
    )


def _view(query: Query, *, strict: bool) -> View:
    if query.as_of is None:
        return views().newest()
    try:
        view = views().earlier(query.as_of)
    except NoSuchDay as error:
        if strict:
            abort(400, str(error))
        g.notices = (*g.get("notices", ()), f"“{error}”; the newest day is shown.")
        return views().newest()
    g.as_of = query.as_of
    return view


def database() -> Database:
    """Return the metrics database, read-only and as of one moment for the whole request."""
    if "reader" not in g:
        g.readers = source().readers
        g.reader = g.readers.take()
    return cast("Reader", g.reader).db


def give_back_reader(error: BaseException | None) -> None:
    """Give back the reader of the store at the end of a request, if it has taken one."""
    reader: Reader | None = g.pop("reader", None)
    if reader is not None:
        cast("Readers", g.pop("readers")).give_back(reader, intact=error is None)


def current_zone() -> str:
    """Return the time zone in which this page shows moments; UTC where the address names none."""
    if "zone" not in g:
        g.zone = find_zone(request.args.get("zone", UTC_ZONE)) or UTC_ZONE
    return cast("str", g.zone)


def common_keys() -> dict[str, str]:
    """Return the keys that the links of this page carry on: the day that it looks back to, and its time zone."""
    as_of, zone = g.get("as_of"), current_zone()
    keys = {"as_of": as_of.isoformat()} if as_of else {}
    return keys if zone == UTC_ZONE else {**keys, "zone": zone}


def page_url(endpoint: str, **values: object) -> str:
    """Return the URL of a page, as of the same day and in the same time zone as this page."""
    keys: dict[str, Any] = {**common_keys(), **values}
    path = _path(endpoint)
    if path is None:
        return url_for(endpoint, **keys)
    query = query_string.encode_query(keys)
    return f"{path}?{query}" if query else path


def _path(endpoint: str) -> str | None:
    """Return the path of an endpoint, built once for each request; None where it has variable parts."""
    paths: dict[str, str | None] = g.setdefault("paths", {})
    if endpoint not in paths:
        has_parts = any(rule.arguments for rule in current_app.url_map.iter_rules(endpoint))
        paths[endpoint] = None if has_parts else url_for(endpoint)
    return paths[endpoint]


def url_without(left_out: str) -> str:
    """Return the URL of this page without a key, with all others: `as_of` for today's page, `zone` for UTC."""
    query = urlencode([(key, value) for key, value in request.args.items(multi=True) if key != left_out])
    path = url_for(request.endpoint or "home.page", **(request.view_args or {}))
    return f"{path}?{query}" if query else path


def url_or(endpoint: str, otherwise: str) -> str:
    """Return the URL of a page, or another URL if the app has no such page."""
    return page_url(endpoint) if endpoint in current_app.view_functions else otherwise


def message_page(title: str, lines: list[str], command: str = "") -> str:
    """Return a page with a title, paragraphs and, if given, a command."""
    return render_template("plain.html", title=title, lines=lines, command=command)
