"""Addresses of lists of runs, built in one place: a number on a page leads to exactly the runs that it counts."""

from __future__ import annotations

from flask import current_app

from dashboard.pages.shared import here


def runs(**keys: object) -> str:
    """The address of a list of runs by the keys of its page; "" while there is no such page."""
    return here("runs.page", **keys) if "runs.page" in current_app.view_functions else ""
