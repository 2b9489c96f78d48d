"""The addresses of the dashboard, from the application's own map and the docstrings of its views."""

from __future__ import annotations

from pathlib import Path

from dashboard.app import create_app
from dashboard.config import Config
from docs.generator.markdown import code, first_sentence, table

#: Files that pages load, not pages.
ASSETS = ("/static/", "/assets/")


def endpoints() -> str:
    """Return the table of addresses, in the order of the application."""
    nowhere = Path("unused")
    app = create_app(Config(store=nowhere, milestones=nowhere, built=1, workspace_name=""))
    rows = [
        (code(rule.rule.replace("<path:part>", "<partner>").replace("int:", "")), first_sentence(view.__doc__))
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith(ASSETS)
        for view in [app.view_functions[rule.endpoint]]
    ]
    return table(("Address", "What it does"), rows)
