"""The navigation: its pages, the one that is open, and the way back."""

from __future__ import annotations

from flask import request

#: The pages, as the navigation names them; a new page is one more line.
NAVIGATION = (
    ("home.page", "Worth it?"),
    ("milestones.page", "Milestones"),
    ("runs.page", "Runs"),
    ("partners.page", "Partners"),
    ("decisions.page", "Decisions"),
    ("method.page", "Method"),
)


#: Which of these is marked on the pages of a module that is none of them.
AREAS = {"failures": "runs.page", "quarantine": "runs.page", "run_downloads": "runs.page", "report": "home.page"}


#: What the pages of those modules are called.
HEADINGS = {"failures": "Failures", "quarantine": "Quarantine", "report": "Report"}


#: Modules whose pages have a way of their own among one another.
TOGETHER = frozenset({"failures", "quarantine"})


def current_area() -> str:
    """The page of the navigation to which this one belongs; "" for none."""
    module = request.blueprint or ""
    area = AREAS.get(module, f"{module}.page")
    return area if area in dict(NAVIGATION) else ""


def current_heading() -> str:
    """What this page is called; "" where it is none."""
    return HEADINGS.get(request.blueprint or "") or dict(NAVIGATION).get(current_area(), "")


def way_back() -> tuple[str, str] | None:
    """The way back from a page that the navigation does not name: where to, and what it is called there."""
    area = current_area()
    if not area or request.endpoint == area or request.blueprint in TOGETHER:
        return None
    return area, dict(NAVIGATION)[area]
