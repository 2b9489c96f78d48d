"""`/charts/...`: the numbers behind each chart as CSV and JSON, and the charts for the pages that show them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort

from dashboard import charts, frames, partner_names, partners, worth
from dashboard import partner_chart as partner_figure
from dashboard.pages.shared import here, query, settings, view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd
    from sqlite_utils import Database

    from dashboard.charts import Chart
    from dashboard.snapshot import View

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
    """One chart by its name, with the faults that the query asks for; what is not known is refused, not noted."""
    if name == "plan":
        return plan_chart(view(query(strict=True), strict=True))
    if name == "partner":
        return partner_chart()
    if name not in {"busy", "failed"}:
        abort(404)
    found = query({"faults": ASKABLE[settings().clock]}, strict=True)
    seen = view(found, strict=True)
    drawn = weekly_charts(seen, found.one("faults", ASKABLE[seen.mode][0]))
    return next((chart for chart in drawn if chart.name == name), None) or abort(404)


def weekly_charts(seen: View, faults: str) -> Iterable[Chart]:
    """Both charts over one time axis; none while no week was measured."""
    return [linked(chart, faults=faults) for chart in seen.made(drawn)[faults]]


def drawn(db: Database, seen: View) -> dict[str, tuple[Chart, ...]]:
    """Both charts by the faults that can be asked for, without the addresses of their numbers."""
    del db  # what is asked of it is kept apart, by faults
    window = seen.made(worth.answer).window  # shaded
    parts = frames.stretches(seen.plan, seen.built, seen.today)
    unit = "day" if seen.mode == "live" else "week"
    found: dict[str, tuple[Chart, ...]] = {}
    for faults in ASKABLE[seen.mode]:
        frame = seen.made(weekly(faults))
        both = () if frame.empty else (charts.busy, charts.failed)
        found[faults] = tuple(make(frame, parts, window, worth.FAULTS[faults], unit) for make in both)
    return found


@lru_cache(maxsize=3)
def weekly(faults: str) -> Callable[[Database, View], pd.DataFrame]:
    """The question for both sides week by week under some faults; the same function for the same faults."""

    def make(db: Database, seen: View) -> pd.DataFrame:
        return frames.weekly(db, frames.stretches(seen.plan, seen.built, seen.today), seen.mode, faults)

    return make


def plan_chart(seen: View) -> Chart:
    """The timeline of the plan."""
    built = {milestone.code for milestone in seen.plan.milestones if milestone.level <= seen.built}
    return linked(charts.plan(seen.verdicts, seen.today, built))


def partner_chart() -> Chart:
    """The failures of the partner that the query names."""
    found = query({"partner": None}, strict=True)
    seen = view(found, strict=True)
    known = seen.made(partners.overview)
    name = partner_names.found(found.one("partner"), known.partners)
    if name is None:
        abort(404)
    return of_partner(seen, name)


def of_partner(seen: View, name: str) -> Chart:
    """The failures of one partner over time."""
    drawn = partner_figure.chart(name, seen.made(partners.overview).blocks.get(name, ()), seen.mode)
    return linked(drawn, partner=partner_names.addressed(name))


def linked(chart: Chart, **asked: str) -> Chart:
    """A chart with the addresses of its numbers."""
    return replace(
        chart,
        csv=here("charts.as_csv", name=chart.name, **asked),
        json=here("charts.as_json", name=chart.name, **asked),
    )
