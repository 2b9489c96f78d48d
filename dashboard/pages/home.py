"""`/`: whether the service is worth it, as an answer in words, three figures and two charts."""

from __future__ import annotations

from flask import Blueprint, render_template

from dashboard.pages import charts, links
from dashboard.pages.milestones import all_milestone_rows
from dashboard.pages.request import get_view, message_page, page_url, read_query, settings, url_or
from dashboard.pages.today import measured_partners, state_for_page
from dashboard.presenters import home, problems
from roadmap.wording import gains, sentences

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def page() -> str:
    """Show the answer in words, three figures, and both sides week by week."""
    choices = charts.FAULTS_BY_CLOCK[settings().clock]
    query = read_query({"faults": choices})
    view = get_view(query)
    if not view.plan.milestones:
        return message_page("Worth it?", ["No milestone of the plan is about these partners."])
    faults = query.value("faults", choices[0])
    home_page = view.cached(home.home_page)
    links_by_faults = tuple(
        (
            sentences.capital(gains.under_faults(name)),
            page_url("home.page", faults=name if place else None) + "#weeks",
            name == faults,
        )
        for place, name in enumerate(choices)
    )
    shaded = f" The shaded {home_page.unit}s are the ones that the answer above counts." if home_page.window else ""
    intro = f"Plain sums over all feeds.{shaded}"
    drawn = charts.weekly_charts(view, faults)
    switch = links_by_faults if len(links_by_faults) > 1 else ()
    report = url_or("report.page", "")
    now = state_for_page()
    return render_template(
        "home.html",
        page=home_page,
        milestones=view.cached(all_milestone_rows),
        charts=tuple(drawn),
        weeks_intro=intro,
        switch=switch,
        runs=links.runs,
        report_url=report,
        problems=problems.problem_rows(now.problems[: problems.MAX_SHORT], now.at, measured_partners())
        if now
        else None,
        counted=problems.count_sentence(now.problems) if now else "",
        more=max(len(now.problems) - problems.MAX_SHORT, 0) if now else 0,
    )


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (home.home_page,)
