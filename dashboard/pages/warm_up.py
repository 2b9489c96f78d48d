"""What is done when the server starts, so that the first reader does not wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from flask import Flask

    from dashboard.cache.views import Views


def warm_up(app: Flask) -> None:
    """Make the first view, compress plotly.js, compile the templates, and request every page once."""
    plotly = app.extensions["plotly"]
    _ = plotly.style_ids, plotly.compressed
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    if cast("Views", app.extensions["views"]).refresh():
        client = app.test_client()
        for address in page_addresses(app):
            client.get(address, base_url="http://localhost")


def page_addresses(app: Flask) -> list[str]:
    """Return the addresses of all pages that have no variable part; files and data for programs are left out."""
    rules = [rule for rule in app.url_map.iter_rules() if not rule.arguments and "." not in rule.rule]
    return sorted(rule.rule for rule in rules if not rule.endpoint.startswith(("static", "static_files.")))
