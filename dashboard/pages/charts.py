"""`/charts/...`: the rows of each chart as CSV and JSON, and the charts for the pages."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort

from dashboard.charts import burnup, differences, plan_timeline, slips, stage_marks
from dashboard.charts import gains as charts_gains
from dashboard.charts import partner_failures as partner_figure
from dashboard.charts import weekly as charts_weekly
from dashboard.filters import partner_slug
from dashboard.pages import links, route_state
from dashboard.pages.request import get_view, page_url, read_query, settings
from dashboard.pages.spreadsheet import SpreadsheetWriter
from dashboard.presenters import home
from dashboard.queries import partners
from dashboard.queries import weekly as queries_weekly
from dashboard.queries.chart_drilldown import cell_keys
from dashboard.queries.partner_gains import gains_by_milestone
from dashboard.queries.plan_history import plan_history
from dashboard.queries.stage_changes import stage_moves
from dashboard.queries.verdicts import verdicts_without_decisions
from dashboard.service_state import ServiceUnreadable
from metrics.question import block_word
from roadmap.report import block_series
from roadmap.wording import gains as wording_gains
from roadmap.wording import sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd
    from sqlite_utils import Database

    from dashboard.cache.view import View
    from dashboard.charts.chart import Chart
    from dashboard.filters.query_string import Query
    from dashboard.migration_state import FeedMigration, MigrationState

blueprint = Blueprint("charts", __name__)

#: Faults that charts offer, by clock; the first is the default.
FAULTS_BY_CLOCK = {"replay": ("standard", "none"), "live": ("real",)}


@blueprint.get("/charts/<name>.json")
def as_json(name: str) -> Response:
    """Return the rows of a chart and its figure as JSON."""
    chart = find_chart(name)
    body = {
        "name": chart.name,
        "title": chart.title,
        "what": chart.what,
        "columns": {column.name: column.label for column in chart.columns},
        "rows": chart.rows,
        "figure": chart.figure,
    }
    return Response(json.dumps(body, ensure_ascii=False), mimetype="application/json")


@blueprint.get("/charts/<name>.csv")
def as_csv(name: str) -> Response:
    """Return the rows of a chart as CSV for a spreadsheet; an empty cell is a missing number."""
    chart = find_chart(name)
    out = io.StringIO()
    SpreadsheetWriter(out, [column.name for column in chart.columns]).write_records(chart.rows)
    headers = {"Content-Disposition": f'attachment; filename="milepost-{chart.name}.csv"'}
    return Response(out.getvalue(), mimetype="text/csv", headers=headers)


def find_chart(name: str) -> Chart:
    """Return a chart by its name, with the faults of the query; an unknown key or value is answered with 400.

    A name is that of a chart (`busy`), or of a family and a milestone (`gains-M1`).
    """
    family, dash, code = name.partition("-")
    maker = FAMILIES.get(family) if dash else CHARTS.get(name)
    if maker is None:
        abort(404)
    query = read_query(maker.keys(), strict=True)
    view = get_view(query, strict=True, plan_alone=maker.of_plan)
    return maker.make(view, query, code or name) or abort(404)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartMaker:
    """How to make a chart that a URL names."""

    make: Callable[[View, Query, str], Chart | None]  #: takes the view, the query, and the name or milestone code
    asks_faults: bool = False
    of_plan: bool = False  #: whether it shows the plan and needs no run
    asks: tuple[str, ...] = ()  #: further keys, with any text as value

    def keys(self) -> dict[str, Sequence[str] | None]:
        """Return the keys that the URL may have, with their choices."""
        faults = {"faults": FAULTS_BY_CLOCK[settings().clock]} if self.asks_faults else {}
        return faults | dict.fromkeys(self.asks)


def _weekly_chart(view: View, query: Query, name: str) -> Chart | None:
    drawn = weekly_charts(view, query.value("faults", FAULTS_BY_CLOCK[view.mode][0]))
    return next((chart for chart in drawn if chart.name == name), None)


def weekly_charts(view: View, faults: str) -> Iterable[Chart]:
    """Return both weekly charts with their URLs; none while no week was measured."""
    return [with_urls(chart, faults=faults) for chart in view.cached(weekly_charts_by_faults)[faults]]


def weekly_charts_by_faults(db: Database, view: View) -> dict[str, tuple[Chart, ...]]:
    """Return both weekly charts without URLs, by faults."""
    del db
    window = view.cached(home.home_page).window  # the shaded blocks
    parts = block_series.milestone_spans(view.plan, view.built, view.today)
    unit = block_word(view.mode)
    moves = stage_marks.mark_days(
        (day, f"{partner}/{feed}", stage) for day, partner, feed, stage in view.cached(stage_moves)
    )
    charts: dict[str, tuple[Chart, ...]] = {}
    for faults in FAULTS_BY_CLOCK[view.mode]:
        frame = view.cached(weekly_frame, faults)
        both = () if frame.empty else (charts_weekly.busy_chart, charts_weekly.failed_chart)
        made = (
            make(frame, parts, window, (faults, sentences.capital(wording_gains.under_faults(faults))), unit, moves)
            for make in both
        )
        charts[faults] = tuple(
            replace(one, lists=cell_keys(view, faults, one.rows, list(frame["milestone"])))
            if one.name == "failed"
            else one
            for one in made
        )
    return charts


def weekly_frame(db: Database, view: View, faults: str) -> pd.DataFrame:
    """Return both sides week by week under some faults."""
    spans = block_series.milestone_spans(view.plan, view.built, view.today)
    return queries_weekly.weekly_frame(db, spans, view.mode, faults)


def plan_chart(view: View) -> Chart:
    """Return the chart of plan against actual."""
    return with_urls(
        plan_timeline.plan_timeline_chart(
            view.cached(plan_history).milestones, view.cached(verdicts_without_decisions), view.today
        )
    )


def slips_chart(view: View) -> Chart | None:
    """Return the chart of forecast dates by the day of report; None while nothing was forecast."""
    chart = slips.slips_chart(view.cached(plan_history), view.today)
    return with_urls(chart) if chart else None


def burnup_chart(view: View) -> Chart | None:
    """Return the chart of criteria met against criteria in scope; None while fewer than two days were judged."""
    chart = burnup.burnup_chart(view.cached(plan_history).criteria)
    return with_urls(chart) if chart else None


def gains_chart(view: View, code: str) -> Chart | None:
    """Return the chart of a milestone's gains by partner; None if no partner has enough runs or the code is unknown."""
    gains = view.cached(gains_by_milestone).get(code)
    chart = charts_gains.gains_chart(gains) if gains else None
    return with_urls(chart) if chart else None


def partner_chart(view: View, name: str) -> Chart | None:
    """Return the failure chart of a partner by its URL part; None if it is unknown."""
    partner = partner_slug.find_partner(name, view.cached(partners.partners_overview).partners)
    return None if partner is None else failures_of_partner(view, partner)


def failures_of_partner(view: View, name: str) -> Chart:
    """Return the chart of one partner's failures over time."""
    return with_urls(view.cached(_failures_of_partner, name), partner=partner_slug.encode_partner(name))


def _failures_of_partner(db: Database, view: View, name: str) -> Chart:
    """Draw the chart once for each view."""
    del db
    blocks = view.cached(partners.partners_overview).blocks.get(name, ())
    moves = stage_marks.mark_days(
        (day, feed, stage) for day, partner, feed, stage in view.cached(stage_moves) if partner == name
    )
    chart = partner_figure.partner_failures_chart(name, blocks, view.mode, moves)
    codes = [block.milestone for block in partner_figure.drawn_blocks(blocks)]
    return replace(chart, lists=cell_keys(view, partners.SHOWN_FAULTS[view.mode], chart.rows, codes, name))


def differences_of_all(state: MigrationState) -> Chart | None:
    """Return the differences between both sides of all feeds with a route; None before files were compared."""
    marks = stage_marks.marks_of(state.changes, named=True)
    chart = differences.differences_chart(state.differences, state.compared, marks)
    return with_urls(chart) if chart else None


def differences_of_feed(found: FeedMigration) -> Chart | None:
    """Return the differences of one feed; None before files of it were compared."""
    marks = stage_marks.marks_of(found.changes, named=False)
    chart = differences.differences_chart(found.differences, found.compared, marks)
    name = "/".join(map(partner_slug.encode_partner, (found.route.partner, found.route.feed)))
    return with_urls(chart, feed=name) if chart else None


def _differences(query: Query) -> Chart | None:
    try:
        if partner_and_feed := query.value("feed"):
            partner, _, feed = partner_and_feed.partition("/")
            found = route_state.read_route(*map(partner_slug.decode_partner, (partner, feed)))
            return differences_of_feed(found) if found else None
        state = route_state.read_routes()
    except ServiceUnreadable as error:
        abort(503, str(error))
    return differences_of_all(state) if state else None


def with_urls(chart: Chart, **keys: str) -> Chart:
    """Add the URLs of a chart's numbers and downloads."""
    names = [column.name for column in chart.columns]
    hrefs = {(place, names.index(name)): links.runs(**keys) for (place, name), keys in chart.lists.items()}
    return replace(
        chart,
        hrefs=hrefs,
        csv=page_url("charts.as_csv", name=chart.name, **keys),
        json=page_url("charts.as_json", name=chart.name, **keys),
        note_href=links.runs(**chart.note_keys) if chart.note_keys else "",
    )


#: The charts by name, and the families of charts that each milestone has.
CHARTS = {
    "busy": ChartMaker(make=_weekly_chart, asks_faults=True),
    "failed": ChartMaker(make=_weekly_chart, asks_faults=True),
    "partner": ChartMaker(make=lambda view, query, _: partner_chart(view, query.value("partner")), asks=("partner",)),
    "plan": ChartMaker(make=lambda view, _, __: plan_chart(view), of_plan=True),
    "differences": ChartMaker(make=lambda _, query, __: _differences(query), of_plan=True, asks=("feed",)),
    "slips": ChartMaker(make=lambda view, _, __: slips_chart(view), of_plan=True),
    "burnup": ChartMaker(make=lambda view, _, __: burnup_chart(view), of_plan=True),
}
FAMILIES = {"gains": ChartMaker(make=lambda view, _, code: gains_chart(view, code))}

#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (weekly_charts_by_faults, plan_history, gains_by_milestone)
