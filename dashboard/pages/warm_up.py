"""What is done when the server starts, so that the first reader does not wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from dashboard.access.guard import WARM_UP, WARM_UP_MARK

if TYPE_CHECKING:
    from flask import Flask

    from dashboard.cache.views import Views

#: Endpoints that are no pages of measurements, or are only there with a service or with accounts.
OTHERS = ("static", "static_files.", "health.", "today.", "access.", "audit.", "repairs.", "shares.")


def warm_up(app: Flask) -> None:
    """Make the first view, compress plotly.js, compile the templates, and request every page once."""
    plotly = app.extensions["plotly"]
    _ = plotly.style_ids, plotly.compressed
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    if cast("Views", app.extensions["views"]).refresh():
        client = app.test_client()
        for address in page_addresses(app):
            client.get(address, base_url="http://localhost", environ_overrides={WARM_UP_MARK: WARM_UP})


def page_addresses(app: Flask) -> list[str]:
    """Return the addresses of all pages that have no variable part, and need neither a service nor accounts.

    Files, data for programs and what only changes something are left out.
    """
    rules = [rule for rule in app.url_map.iter_rules() if not rule.arguments and "." not in rule.rule]
    pages = [rule for rule in rules if "GET" in (rule.methods or ()) and not rule.endpoint.startswith(OTHERS)]
    return sorted(rule.rule for rule in pages)
