"""Figures of the plan: valid for plotly, both plans visible, slips honest about what lies beyond, gains as ratios."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import plotly.graph_objects as go
import pytest

import dashboard
from dashboard.charts import burnup, layout, plan_timeline, slips
from dashboard.charts.gains import GainDot, draw_gains
from dashboard.charts.plan_timeline import MilestoneBar
from dashboard.charts.slips import ForecastSeries
from dashboard.charts.theme import PALETTES

CSS = Path(dashboard.__file__).with_name("static") / "milestones.css"
TODAY = date(2013, 5, 1)
PROVEN = MilestoneBar(
    code="M1", title="Receive", first_start=date(2013, 1, 1), first_due=date(2013, 3, 31), start=date(2013, 1, 1),
    due=date(2013, 4, 14), measured_from=date(2013, 1, 7), measured_to=date(2013, 4, 7), proven_on=date(2013, 3, 24),
    built=True,
)  # fmt: skip
AHEAD = MilestoneBar(
    code="M2", title="More", first_start=None, first_due=None, start=date(2013, 6, 1), due=date(2013, 6, 30),
    measured_from=None, measured_to=None, proven_on=None, built=False,
)  # fmt: skip
SLIPPING = ForecastSeries(
    code="M1",
    forecasts=(
        (date(2013, 2, 10), date(2013, 6, 16)), (date(2013, 2, 17), date(2013, 4, 21)), (date(2013, 2, 24), None),
    ),
    dues=((date(2013, 1, 1), date(2013, 3, 31)), (date(2013, 2, 17), date(2013, 4, 14))),
    until=TODAY,
    proven_on=None,
)  # fmt: skip
DOTS = [GainDot(name="UA", estimate=0.5, low=0.4, high=0.6), GainDot(name="HA", estimate=-1.0, low=-3.0, high=-0.2)]


def every() -> list[layout.PlotlyFigure]:
    """One figure of each kind."""
    return [
        plan_timeline.draw_plan_timeline([PROVEN, AHEAD], TODAY),
        slips.draw_slips([SLIPPING], TODAY),
        burnup.draw_burnup([(date(2013, 1, 6), 0, 4), (date(2013, 1, 13), 2, 5)]),
        draw_gains(DOTS, 0.3),
    ]


def test_plotly_takes_every_figure() -> None:
    """Each figure has only properties that plotly knows."""
    for figure in every():
        assert len(go.Figure(figure).data) == len(figure["data"]) > 0


def test_every_coloured_part_names_its_role() -> None:
    """Traces, shapes and annotations carry the token that the page dresses them by."""
    for figure in every():
        roles = {trace["meta"] for trace in figure["data"]} | {shape["name"] for shape in figure["layout"]["shapes"]}
        roles |= {note["name"].split()[0] for note in figure["layout"]["annotations"]}
        assert roles <= set(PALETTES["light"])


def test_no_chart_has_more_than_three_colours_of_lines() -> None:
    """What a reader must tell apart stays few."""
    for figure in every():
        lines = {trace["meta"] for trace in figure["data"] if "line" in trace.get("mode", "")}
        assert len(lines) <= 3


def test_the_first_plan_stays_beside_the_present_one() -> None:
    """A moved due date shows as two bars of different length, in their own rows' places."""
    traces = {trace["name"]: trace for trace in plan_timeline.draw_plan_timeline([PROVEN, AHEAD], TODAY)["data"]}
    day = 86_400_000
    assert traces["planned"]["x"] == [(31 + 28 + 31 + 14) * day]
    assert traces["first plan"]["x"] == [(31 + 28 + 31) * day]
    assert traces["first plan"]["y"] == ["M1"]
    assert traces["measured"]["base"] == ["2013-01-07"]
    assert traces["proven"]["x"] == ["2013-03-24"]
    assert traces["planned, not built yet"]["y"] == ["M2"]


def test_a_forecast_beyond_the_chart_is_marked_at_its_top_and_said() -> None:
    """What is not expected within three years, or far beyond the plan, is an open triangle with its words, no point."""
    figure = slips.draw_slips([SLIPPING], TODAY)
    traces = {trace["name"]: trace for trace in figure["data"]}
    assert traces["M1 expected"]["y"] == [None, "2013-04-21", None]
    assert traces["M1 beyond"]["customdata"] == ["expected 16 Jun 2013", "not within three years"]
    assert set(traces["M1 beyond"]["y"]) == {figure["layout"]["yaxis"]["range"][1]}


def test_a_moved_due_date_is_a_step() -> None:
    """The due date's line stays at the first plan until the day of the revision."""
    figure = slips.draw_slips([SLIPPING], TODAY)
    due = next(trace for trace in figure["data"] if trace["name"] == "M1 due")
    assert due["x"] == ["2013-01-01", "2013-02-17", "2013-05-01"]
    assert due["y"] == ["2013-03-31", "2013-04-14", "2013-04-14"]
    assert due["line"]["shape"] == "hv"


@pytest.mark.parametrize("slip", [replace(SLIPPING, forecasts=()), replace(SLIPPING, dues=())])
def test_a_milestone_without_forecasts_or_plans_is_drawn_as_far_as_it_is_known(slip: ForecastSeries) -> None:
    """Neither a milestone that was never foreseen nor one whose plan nobody recorded breaks the chart."""
    assert go.Figure(slips.draw_slips([slip], TODAY)).data


def test_criteria_rise_in_steps_from_zero_below_the_scope() -> None:
    """Met is solid, scope dashed; both step; the axis starts at 0, and has no marks between whole criteria."""
    figure = burnup.draw_burnup([(date(2013, 1, 6), 0, 4), (date(2013, 1, 13), 2, 5)])
    met, scope = figure["data"]
    assert (met["y"], scope["y"]) == ([0, 2], [4, 5])
    assert (met["line"]["dash"], scope["line"]["dash"]) == ("solid", "dash")
    assert figure["layout"]["yaxis"]["range"][0] == 0
    assert figure["layout"]["yaxis"]["dtick"] == 1
    assert "dtick" not in burnup.draw_burnup([(date(2013, 1, 6), 0, 14), (date(2013, 1, 13), 2, 14)])["layout"]["yaxis"]


def test_gains_are_ratios_with_less_time_to_the_right() -> None:
    """Half and twice the time are equally far from the same; ranges are those given; the target is marked."""
    figure = draw_gains(DOTS, 0.3)
    dots = figure["data"][0]
    assert dots["x"] == [0.5, 2.0]
    assert dots["error_x"]["array"] == [0.1, 2.0]
    assert dots["error_x"]["arrayminus"] == [0.1, 0.8]
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert figure["layout"]["xaxis"]["range"][0] > figure["layout"]["xaxis"]["range"][1]
    assert "50% less" in figure["layout"]["xaxis"]["ticktext"]
    assert [shape["x0"] for shape in figure["layout"]["shapes"] if shape["name"] == "target"] == [0.7]


def test_a_partners_name_is_text_and_stays_a_row_of_its_own() -> None:
    """Markup in a name is escaped for plotly, and two long names that begin alike are two rows."""
    long = "A" * 40
    names = ["<b>AA</b>", f"{long}1", f"{long}2"]
    axis = draw_gains([replace(DOTS[0], name=name) for name in names], None)["layout"]["yaxis"]
    assert axis["categoryarray"][::-1] == ["&lt;b>AA&lt;/b>", f"{long}1", f"{long}2"]
    assert len(set(axis["tickvals"])) == 3
    assert all(len(said) <= layout.MAX_NAME_CHARS + 8 for said in axis["ticktext"])


def test_the_page_reserves_each_charts_height() -> None:
    """Every height a chart of rows can have is in the style sheet, so that nothing jumps."""
    css = CSS.read_text()
    for name, height in {"slips": slips.SLIPS_HEIGHT_PX, "burnup": burnup.BURNUP_HEIGHT_PX}.items():
        assert f".chart.{name} {{ min-height: {height}px; }}" in css
    for rows in {layout.reserved_rows(count) for count in range(200)}:
        assert f".chart.rows-{rows} {{ min-height: {layout.rows_height_px(rows)}px; }}" in css


def test_a_plan_that_runs_for_days_is_drawn_too() -> None:
    """A plan of one day, all of it today, has an axis of its own."""
    bar = replace(AHEAD, start=TODAY, due=TODAY, built=True)
    figure = plan_timeline.draw_plan_timeline([bar], TODAY)
    assert figure["layout"]["xaxis"]["range"] == [TODAY.isoformat(), (TODAY + timedelta(days=2)).isoformat()]
