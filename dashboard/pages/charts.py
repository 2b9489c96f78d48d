"""`/charts/...`: the numbers behind each chart as CSV and JSON, and the charts for the pages that show them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort

from dashboard.charts import burnup, plan_timeline, slips
from dashboard.charts import gains as charts_gains
from dashboard.charts import partner_failures as partner_figure
from dashboard.charts import weekly as charts_weekly
from dashboard.filters import partner_slug
from dashboard.pages import links
from dashboard.pages.request import here, query, settings, view
from dashboard.presenters import home
from dashboard.queries import partners
from dashboard.queries import weekly as queries_weekly
from dashboard.queries.chart_drilldown import cell_keys
from dashboard.queries.partner_gains import gains_by_milestone
from dashboard.queries.plan_history import plan_history
from dashboard.queries.verdicts import verdicts_without_decisions
from metrics.question import block_word
from roadmap.report import block_series
from roadmap.wording import gains as wording_gains
from roadmap.wording import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd
    from sqlite_utils import Database

    from dashboard.cache.view import View
    from dashboard.charts.chart import Chart
    from dashboard.filters.query_string import Query

pages = Blueprint("charts", __name__)

#: Faults that charts can be asked for, the first unless said otherwise.
ASKABLE = {"replay": ("standard", "none"), "live": ("real",)}


@pages.get("/charts/<name>.json")
def as_json(name: str) -> Response:
    """The numbers behind a chart, and its figure."""
    chart = called(name)
    body = {
        "name": chart.name,
        "title": chart.title,
        "what": chart.what,
        "columns": {column.name: column.label for column in chart.columns},
        "rows": chart.rows,
        "figure": chart.figure,
    }
    return Response(json.dumps(body, ensure_ascii=False), mimetype="application/json")


@pages.get("/charts/<name>.csv")
def as_csv(name: str) -> Response:
    """The numbers behind a chart as CSV; an empty cell is a missing number."""
    chart = called(name)
    out = io.StringIO()
    rows = csv.DictWriter(out, [column.name for column in chart.columns], lineterminator="\n")
    rows.writeheader()
    rows.writerows(chart.rows)
    headers = {"Content-Disposition": f'attachment; filename="milepost-{chart.name}.csv"'}
    return Response(out.getvalue(), mimetype="text/csv", headers=headers)


def called(name: str) -> Chart:
    """One chart by its name, with the faults that the query asks for; what is not known is refused, not note_keys.

    A name is that of a chart, or a family's and a milestone's: `gains-M1`.
    """
    family, dash, code = name.partition("-")
    maker = FAMILIES.get(family) if dash else MAKERS.get(name)
    if maker is None:
        abort(404)
    found = query(maker.known(), strict=True)
    seen = view(found, strict=True, plan_alone=maker.of_plan)
    return maker.make(seen, found, code or name) or abort(404)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """How a chart is made that an address asks for by name."""

    make: Callable[[View, Query, str], Chart | None]  #: of the view, the query, and what the name says
    asks_faults: bool = False
    of_plan: bool = False  #: whether it is of the plan, and needs no run
    asks: tuple[str, ...] = ()  #: further keys, of any text

    def known(self) -> dict[str, Sequence[str] | None]:
        """The keys that its address may have."""
        faults = {"faults": ASKABLE[settings().clock]} if self.asks_faults else {}
        return faults | dict.fromkeys(self.asks)


def _of_weeks(seen: View, found: Query, name: str) -> Chart | None:
    drawn = weekly_charts(seen, found.value("faults", ASKABLE[seen.mode][0]))
    return next((chart for chart in drawn if chart.name == name), None)


def weekly_charts(seen: View, faults: str) -> Iterable[Chart]:
    """Both charts over one time axis; none while no week was measured."""
    return [linked(chart, faults=faults) for chart in seen.cached(drawn)[faults]]


def drawn(db: Database, seen: View) -> dict[str, tuple[Chart, ...]]:
    """Both charts by the faults that can be asked for, without the addresses of their numbers."""
    del db  # what is asked of it is kept apart, by faults
    window = seen.cached(home.home_page).window  # shaded
    parts = block_series.milestone_spans(seen.plan, seen.built, seen.today)
    unit = block_word(seen.mode)
    found: dict[str, tuple[Chart, ...]] = {}
    for faults in ASKABLE[seen.mode]:
        frame = seen.cached(weekly, faults)
        both = () if frame.empty else (charts_weekly.busy_chart, charts_weekly.failed_chart)
        made = (
            make(frame, parts, window, (faults, text.capital(wording_gains.under_faults(faults))), unit)
            for make in both
        )
        found[faults] = tuple(
            replace(one, lists=cell_keys(seen, faults, one.rows, list(frame["milestone"])))
            if one.name == "failed"
            else one
            for one in made
        )
    return found


def weekly(db: Database, view: View, faults: str) -> pd.DataFrame:
    """Return both sides week by week under some faults."""
    spans = block_series.milestone_spans(view.plan, view.built, view.today)
    return queries_weekly.weekly_frame(db, spans, view.mode, faults)


def plan_chart(seen: View) -> Chart:
    """Plan against actual."""
    return linked(
        plan_timeline.plan_timeline_chart(
            seen.cached(plan_history).milestones, seen.cached(verdicts_without_decisions), seen.today
        )
    )


def slips_chart(seen: View) -> Chart | None:
    """When milestones were expected, by the day of report; None while nothing was foreseen."""
    chart = slips.slips_chart(seen.cached(plan_history), seen.today)
    return linked(chart) if chart else None


def burnup_chart(seen: View) -> Chart | None:
    """Criteria met against criteria in scope; None while they were judged on fewer than two days."""
    chart = burnup.burnup_chart(seen.cached(plan_history).criteria)
    return linked(chart) if chart else None


def gains_chart(seen: View, code: str) -> Chart | None:
    """A milestone's gains by partner; None where no partner has runs enough, and for a code that is none."""
    found = seen.cached(gains_by_milestone).get(code)
    chart = charts_gains.gains_chart(found) if found else None
    return linked(chart) if chart else None


def partner_chart(seen: View, name: str) -> Chart | None:
    """The failures of a partner; None for a name that is none's."""
    found = partner_slug.find_partner(name, seen.cached(partners.partners_overview).partners)
    return None if found is None else of_partner(seen, found)


def of_partner(seen: View, name: str) -> Chart:
    """The failures of one partner over time."""
    blocks = seen.cached(partners.partners_overview).blocks.get(name, ())
    chart = partner_figure.partner_failures_chart(name, blocks, seen.mode)
    codes = [block.milestone for block in partner_figure.drawn_blocks(blocks)]
    chart = replace(chart, lists=cell_keys(seen, partners.SHOWN_FAULTS[seen.mode], chart.rows, codes, name))
    return linked(chart, partner=partner_slug.encode_partner(name))


def linked(chart: Chart, **asked: str) -> Chart:
    """A chart with the addresses of its numbers."""
    names = [column.name for column in chart.columns]
    hrefs = {(place, names.index(name)): links.runs(**keys) for (place, name), keys in chart.lists.items()}
    return replace(
        chart,
        hrefs=hrefs,
        csv=here("charts.as_csv", name=chart.name, **asked),
        json=here("charts.as_json", name=chart.name, **asked),
        note_href=links.runs(**chart.note_keys) if chart.note_keys else "",
    )


#: The charts that can be asked for by name, and the families of those that each milestone has.
MAKERS = {
    "busy": Maker(make=_of_weeks, asks_faults=True),
    "failed": Maker(make=_of_weeks, asks_faults=True),
    "partner": Maker(make=lambda seen, found, _: partner_chart(seen, found.value("partner")), asks=("partner",)),
    "plan": Maker(make=lambda seen, _, __: plan_chart(seen), of_plan=True),
    "slips": Maker(make=lambda seen, _, __: slips_chart(seen), of_plan=True),
    "burnup": Maker(make=lambda seen, _, __: burnup_chart(seen), of_plan=True),
}
FAMILIES = {"gains": Maker(make=lambda seen, _, code: gains_chart(seen, code))}

#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (drawn, plan_history, gains_by_milestone)
