"""`/`: whether it is worth it, in words, three figures and two charts."""

from __future__ import annotations

from flask import Blueprint, render_template

from dashboard.pages import charts, links
from dashboard.pages.request import address_or, here, query, settings, view
from dashboard.presenters import home
from roadmap.wording import gains, text

pages = Blueprint("home", __name__)


@pages.get("/")
def page() -> str:
    """The answer in words, three figures, and both sides week by week."""
    choices = charts.ASKABLE[settings().clock]
    found = query({"faults": choices})
    seen = view(found)
    faults = found.value("faults", choices[0])
    told = seen.cached(home.home_page)
    kinds = tuple(
        (
            text.capital(gains.under_faults(name)),
            here("home.page", faults=name if place else None) + "#weeks",
            name == faults,
        )
        for place, name in enumerate(choices)
    )
    shaded = f" The shaded {told.unit}s are those that the answer above counts." if told.window else ""
    intro = f"Plain sums over all feeds.{shaded}"
    drawn = charts.weekly_charts(seen, faults)
    switch = kinds if len(kinds) > 1 else ()
    report = address_or("report.page", "")
    return render_template(
        "home.html",
        page=told,
        charts=tuple(drawn),
        weeks_intro=intro,
        switch=switch,
        runs=links.runs,
        report_address=report,
    )


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (home.home_page,)
