"""The dashboard as a Flask application: `create_app` takes the settings; nothing is built at import.

It reads the metrics database and the milestone file, and opens the database read-only. What people change, where they
sign in, is changed by functions that the settings hand in.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Flask, g
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboard import error_pages
from dashboard.access.guard import check_request
from dashboard.cache.readers import Readers
from dashboard.cache.service_reader import ServiceReader
from dashboard.cache.sources import ScopedSources
from dashboard.cache.views import Views
from dashboard.charts.theme import PALETTES
from dashboard.pages import (
    access,
    acts,
    audit,
    charts,
    decisions,
    failures,
    health,
    home,
    intake,
    method,
    migration,
    milestones,
    partners,
    quarantine,
    repairs,
    report,
    route_state,
    run_downloads,
    runs,
    search,
    shares,
    static_files,
    today,
)
from dashboard.pages.markup import format_commands, moment
from dashboard.pages.navigation import back_link, current_area, current_heading, kept_keys, share_url, shown_navigation
from dashboard.pages.request import (
    common_keys,
    current_scope,
    current_zone,
    give_back_reader,
    page_url,
    url_or,
    url_without,
)
from dashboard.pages.static_files import PlotlyScript
from dashboard.queries.freshness import Lateness, freshness
from dashboard.security import add_headers, hide_secrets, reject_foreign_and_writing
from metrics.terminal import escape_for_page
from roadmap.wording import dates, gains, numbers, sentences

if TYPE_CHECKING:
    from dashboard.config import Config


#: The modules of the pages; a module's `PRELOAD` names functions whose values are computed with each new view.
PAGES = (
    home,
    milestones,
    migration,
    runs,
    run_downloads,
    failures,
    search,
    shares,
    quarantine,
    repairs,
    partners,
    decisions,
    method,
    report,
    charts,
    static_files,
    health,
    today,
    access,
    acts,
    audit,
    intake,
)


def create_app(config: Config) -> Flask:
    """Create the dashboard of one workspace and one clock."""
    app = Flask(__name__)
    app.config["MILEPOST"] = config
    app.logger.addFilter(hide_secrets)
    app.extensions["plotly"] = PlotlyScript.find()
    app.jinja_env.finalize = escape_for_page
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    filters = (sentences.sentence, sentences.capital, gains.gained, numbers.span, dates.day, format_commands, moment)
    app.jinja_env.filters |= {function.__name__: function for function in filters}
    for module in PAGES:
        app.register_blueprint(module.blueprint)
    app.extensions["readers"] = Readers(config.store)
    app.extensions["lateness"] = Lateness(config)
    app.extensions["service"] = ServiceReader(config.service)
    app.extensions["migration"] = ServiceReader(config.migration)
    preload = (freshness, *(function for module in PAGES for function in getattr(module, "PRELOAD", ())))
    app.extensions["scoped_sources"] = ScopedSources(
        config, lambda: app.extensions["service"], lambda: app.extensions["migration"]
    )
    app.extensions["views"] = Views(config, preload if config.keep_s is not None else ())

    @app.context_processor
    def template_variables() -> dict[str, object]:
        return {
            "navigation": shown_navigation(config.service is not None, route_state.has_routes(), current_scope()),
            "area": current_area(),
            "back_link": back_link(),
            "page_url": page_url,
            "as_of": g.get("as_of"),
            "url_without": url_without,
            "zone": current_zone(),
            "common_keys": common_keys(),
            "kept": kept_keys,
            "method_url": url_or("method.page", page_url("home.page") + "#how"),
            "fresh": g.get("fresh"),
            "workspace_name": config.workspace_name,
            "clock": config.clock,
            "palettes": PALETTES,
            "plotly_version": app.extensions["plotly"].version,
            "plotly_marks": app.extensions["plotly"].style_ids,
            "notices": g.get("notices", ()),
            "done": g.get("done", ""),
            "visitor": g.get("visitor"),
            "has_accounts": config.access is not None,
            "has_menus": config.access is None or (g.get("visitor") is not None and not g.get("shared")),
            "shared": g.get("shared"),
            "share_url": share_url(),
            "heading": current_heading(),
            "scope": current_scope(),
        }

    app.before_request(reject_foreign_and_writing if config.access is None else partial(check_request, config.access))
    app.before_request(acts.take_notice)
    app.after_request(add_headers)
    app.after_request(acts.forget_notice)
    app.teardown_appcontext(give_back_reader)
    error_pages.register(app)
    if config.access is not None and config.access.proxies:
        hops = config.access.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    return app


def close_app(app: Flask) -> None:
    """Close the connections that the dashboard keeps to the store."""
    app.extensions["views"].close()
    app.extensions["readers"].close()
    app.extensions["scoped_sources"].close()
