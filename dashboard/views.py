"""One function a page: frame, figure, template. Each URL says what it shows; keys it does not know are pointed out."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, cast

from flask import Blueprint, Response, abort, current_app, g, render_template, request, url_for

from dashboard import charts, frames, scrape, stones, worth
from dashboard.errors import NothingYet
from metrics.errors import StoreDamaged, StoreMissing
from metrics.store import clock_of, open_reader
from metrics.store import today as replayed_today
from roadmap.evidence import judge_all
from roadmap.plan import load
from roadmap.verdict import block_days

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_utils import Database

    from dashboard.app import Config
    from dashboard.charts import Chart
    from roadmap.judge import Verdict
    from roadmap.plan import Plan

#: The pages there are, as the navigation names them; a new page is one more line.
NAVIGATION = (("pages.worth", "Worth it?"), ("pages.milestones", "Milestones"))

#: Faults that charts can be asked for, the first unless said otherwise.
ASKABLE = {"replay": ("standard", "none"), "live": ("real",)}

FOREVER = "public, max-age=31536000, immutable"

pages = Blueprint("pages", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that a request knows: the open database, the plan, the verdicts, and which day it is."""

    db: Database
    plan: Plan
    verdicts: list[Verdict]
    today: date
    mode: str


def settings() -> Config:
    """The settings of the running app."""
    return cast("Config", current_app.config["MILEPOST"])


def read_state() -> State:
    """Open the store read-only for this request, and judge the plan on it.

    Raises:
        NothingYet: there is no store, or no run in it.
        StoreDamaged: the store is not one, or of the other clock.
        PlanError: the milestone file cannot be used.
    """
    config = settings()
    plan = load(config.milestones, block_days(config.clock))
    how = "milepost metrics measure" if config.clock == "replay" else "milepost run"
    try:
        g.db = db = open_reader(config.store)
    except StoreMissing as error:
        raise NothingYet("Nothing measured yet", "There is no metrics database; this makes one:", how) from error
    if clock_of(db) != config.clock:
        raise StoreDamaged(f"{config.store}: holds {clock_of(db)} runs, not {config.clock} ones")
    last = replayed_today(db)
    if last is None:
        first = min(plan.milestones, key=lambda milestone: milestone.start)
        said = f"No runs yet on {first.code}. The metrics database is empty; this fills it:"
        raise NothingYet("No runs yet", said, how)
    replayed = config.clock == "replay" or config.today is None
    today = date.fromisoformat(last) if replayed or config.today is None else config.today()
    return State(db=db, plan=plan, verdicts=judge_all(db, plan, today, config.built), today=today, mode=config.clock)


def asked(name: str, choices: tuple[str, ...]) -> str:
    """One key of the query, or its first choice; what is not understood is pointed out on the page."""
    notices = [f"“{key}” in the address is not known here and was left out." for key in request.args if key != name]
    value = request.args.get(name, choices[0])
    if name and value not in choices:
        notices.append(f"“{name}={value}” is not one of {', '.join(choices)}; {choices[0]} is shown.")
        value = choices[0]
    g.notices = notices
    return value


@pages.get("/", endpoint="worth")
def worth_page() -> str:
    """The answer in words, three figures, and both sides week by week."""
    state = read_state()
    faults = asked("faults", ASKABLE[state.mode])
    seen = worth.look(state.db, state.plan, state.verdicts, state.today, settings().built, state.mode)
    page = worth.page(state.db, state.plan, seen, state.today, state.mode)
    links = tuple(
        (worth.FAULTS[name], url_for("pages.worth", faults=name if place else None) + "#weeks", name == faults)
        for place, name in enumerate(ASKABLE[state.mode])
    )
    weeks = weekly_charts(state, faults, page.window)
    intro = f"Plain sums over all feeds. The shaded {page.unit}s are those that the answer above counts."
    return render_template(
        "worth.html",
        page=replace(page, charts=tuple(weeks), weeks_intro=intro, switch=links if len(links) > 1 else ()),
    )


@pages.get("/milestones")
def milestones() -> str:
    """Every milestone with its computed status, criteria and reasons."""
    state = read_state()
    asked("", ("",))
    page = {
        "fresh": worth.freshness(state.db, state.today, state.mode),
        "stones": stones.stones(
            state.plan.milestones, state.verdicts, frames.spent(state.db, state.today), state.today
        ),
        "chart": linked(plan_chart(state), ""),
    }
    return render_template("milestones.html", page=page)


@pages.get("/charts/<name>.json")
def chart_json(name: str) -> Response:
    """The numbers behind a chart, and its figure."""
    chart = chart_called(name)
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
def chart_csv(name: str) -> Response:
    """The numbers behind a chart as CSV; an empty cell is a missing number."""
    chart = chart_called(name)
    out = io.StringIO()
    rows = csv.DictWriter(out, [column.name for column in chart.columns], lineterminator="\n")
    rows.writeheader()
    rows.writerows(chart.rows)
    headers = {"Content-Disposition": f'attachment; filename="milepost-{chart.name}.csv"'}
    return Response(out.getvalue(), mimetype="text/csv", headers=headers)


@pages.get("/metrics")
def metrics() -> Response:
    """What was measured, for whoever scrapes it; the form is the one that the request accepts."""
    body, content_type = scrape.exposition(settings(), request.headers.get("Accept", ""))
    return Response(body, content_type=content_type, headers={"Vary": "Accept"})


@pages.get("/assets/plotly-<version>.min.js")
def plotly_js(version: str) -> Response:
    """plotly.js out of the installed wheel, for ever the same under its version."""
    script = current_app.extensions["plotly"]
    if version != script.version:
        abort(404)
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    if request.accept_encodings["gzip"]:
        return Response(script.compressed, mimetype="text/javascript", headers=headers | {"Content-Encoding": "gzip"})
    return Response(script.path.read_bytes(), mimetype="text/javascript", headers=headers)


def chart_called(name: str) -> Chart:
    """One chart by its name, with the faults that the query asks for; what is not known is refused, not noted.

    Raises:
        NotFound: there is no such chart.
        BadRequest: the query has a key or value that is not known.
    """
    if name not in {"busy", "failed", "plan"}:
        abort(404)
    state = read_state()
    choices = ASKABLE[state.mode] if name != "plan" else ("",)
    faults = asked("faults" if name != "plan" else "", choices)
    if g.notices:
        abort(400, " ".join(g.notices))
    if name == "plan":
        return plan_chart(state)
    seen = worth.look(state.db, state.plan, state.verdicts, state.today, settings().built, state.mode)
    window = worth.page(state.db, state.plan, seen, state.today, state.mode).window
    return next((chart for chart in weekly_charts(state, faults, window) if chart.name == name), None) or abort(404)


def weekly_charts(state: State, faults: str, window: tuple[date, date] | None) -> Iterable[Chart]:
    """Both charts over one time axis; none while no week was measured."""
    parts = frames.stretches(state.plan, settings().built, state.today)
    frame = frames.weekly(state.db, parts, state.mode, faults)
    if frame.empty:
        return []
    unit = "day" if state.mode == "live" else "week"
    said = worth.FAULTS[faults]
    both = (make(frame, parts, window, said, unit) for make in (charts.busy, charts.failed))
    return [linked(chart, faults) for chart in both]


def plan_chart(state: State) -> Chart:
    """The timeline of the plan."""
    built = {milestone.code for milestone in state.plan.milestones if milestone.level <= settings().built}
    return charts.plan(state.verdicts, state.today, built)


def linked(chart: Chart, faults: str) -> Chart:
    """A chart with the addresses of its numbers."""
    asked_for = faults or None
    return replace(
        chart,
        csv=url_for("pages.chart_csv", name=chart.name, faults=asked_for),
        json=url_for("pages.chart_json", name=chart.name, faults=asked_for),
    )


def plain(title: str, lines: list[str], command: str = "") -> str:
    """A page of words only, in the house look."""
    return render_template("plain.html", title=title, lines=lines, command=command)
