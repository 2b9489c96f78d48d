"""The navigation: its pages, the current one, and the link back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import g, request

from dashboard.access.roles import is_for_scopes
from dashboard.filters.parse import KEYS
from dashboard.sharing.targets import SHARED_ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.access.users import Visitor
    from dashboard.scope import Scope

#: Keys that filter groups of runs: failures, and quarantined rows.
GROUP_KEYS = ("side", "partner", "feed", "faults", "range", "from", "to")

#: Endpoints of the navigation with their labels, in order.
NAVIGATION = (
    ("home.page", "Worth it?"),
    ("milestones.page", "Milestones"),
    ("runs.page", "Runs"),
    ("partners.page", "Partners"),
    ("decisions.page", "Decisions"),
    ("method.page", "Method"),
)


#: The first entry where a service runs, and the one after Milestones where a feed has a route.
TODAY, MIGRATION = ("today.page", "Today"), ("migration.page", "Migration")


#: The endpoint that is marked on pages outside the navigation, by blueprint.
AREAS = {"failures": "runs.page", "quarantine": "runs.page", "run_downloads": "runs.page", "report": "home.page"}


#: Headings of such pages, by blueprint.
HEADINGS = {"failures": "Failures", "quarantine": "Quarantine", "report": "Report"}


#: Blueprints whose pages link to one another and need no link back.
WITHOUT_BACK_LINK = frozenset({"failures", "quarantine"})


#: The keys of a filter that stay when one moves on, by the endpoint that they mean something to.
KEPT: Mapping[str, tuple[str, ...]] = {
    "runs.page": KEYS,
    "runs.detail": KEYS,
    "failures.page": GROUP_KEYS,
    "quarantine.page": GROUP_KEYS,
    "partners.page": ("partner",),
}


def keep_filter(keys: Mapping[str, str]) -> None:
    """Let the links of this page to other pages carry the keys of its filter on."""
    g.kept = keys


def kept_keys(endpoint: str) -> dict[str, str]:
    """Return the keys of this page's filter that mean something to another page.

    Its own link has none, so that it shows all; nor has the way back from a partner.
    """
    kept: Mapping[str, str] = g.get("kept", {})
    if endpoint == request.endpoint or endpoint == current_area() == "partners.page":
        return {}
    return {key: kept[key] for key in KEPT.get(endpoint, ()) if key in kept}


def shown_navigation(has_service: bool, has_routes: bool, scope: Scope) -> tuple[tuple[str, str], ...]:
    """Return the endpoints and labels of the navigation for somebody; a scope leaves out pages about all partners.

    Today is there where a service runs, Migration where a feed has a route.
    """
    entries = list(NAVIGATION)
    if has_routes:
        entries.insert(2, MIGRATION)
    if has_service:
        entries.insert(0, TODAY)
    return tuple(entry for entry in entries if scope.is_whole or is_for_scopes(entry[0]))


def share_url() -> str:
    """Return the address of the form that shares this page; "" where it cannot be shared, or not by this person."""
    visitor: Visitor | None = g.get("visitor")
    if request.endpoint not in SHARED_ENDPOINTS or visitor is None or not visitor.form_key or not visitor.may("share"):
        return ""
    return f"/shares?{urlencode({'target': request.full_path.removesuffix('?')})}"


def current_area() -> str:
    """Return the endpoint of the navigation to which this page belongs; "" for none."""
    module = request.blueprint or ""
    area = AREAS.get(module, f"{module}.page")
    return area if area in dict((*NAVIGATION, MIGRATION)) else ""


def current_heading() -> str:
    """Return the heading of this page; "" for none."""
    return HEADINGS.get(request.blueprint or "") or dict((*NAVIGATION, MIGRATION)).get(current_area(), "")


def back_link() -> tuple[str, str] | None:
    """Return endpoint and label of the link back from a page outside the navigation; None on its own pages."""
    area = current_area()
    if not area or request.endpoint == area or request.blueprint in WITHOUT_BACK_LINK:
        return None
    return area, dict((*NAVIGATION, MIGRATION))[area]
