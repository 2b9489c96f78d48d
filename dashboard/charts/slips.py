"""Chart: when each milestone was expected, by the day of the report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from dashboard.charts.chart import CODE, Chart, ChartColumn, plain_value
from dashboard.charts.layout import (
    HOVER_X,
    HOVER_Y,
    MONTH_FORMAT,
    diamond_traces,
    line_trace,
    text_label,
    time_figure,
    value_axis,
)
from dashboard.charts.theme import PALETTES
from metrics.measures.registry import MEASURES
from roadmap.wording import dates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboard.charts.layout import PlotlyFigure
    from dashboard.queries.plan_history import MilestoneHistory, PlanHistory, RecordedForecast


#: Height in pixels; the style sheet reserves the same, so that the page does not move when a chart arrives.
SLIPS_HEIGHT_PX = 420


#: Forecasts up to this share of the plan's length beyond its end are drawn on their day; later ones at the top.
HEADROOM_SHARE = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSeries:
    """One milestone's forecasts and due dates, by day of report."""

    code: str
    forecasts: tuple[tuple[date, date | None], ...]  #: day of report, day expected (None: not within three years)
    dues: tuple[tuple[date, date], ...]  #: from a day on, the due date
    until: date  #: where the due date's line ends
    proven_on: date | None


def draw_slips(series: Sequence[ForecastSeries], today: date) -> PlotlyFigure:
    """Draw day expected by day of report: a level line keeps its date, a rising line slips, the diagonal is today."""
    days = [day for line in series for day, _ in (*line.forecasts, *line.dues)]
    ends = [
        today,
        *(due for line in series for _, due in line.dues),
        *(line.proven_on for line in series if line.proven_on),
    ]
    first, last = min([today, *days]), max(ends)
    top = last + max(timedelta(days=round((last - first).days * HEADROOM_SHARE)), timedelta(days=14))
    figure = time_figure(SLIPS_HEIGHT_PX, first, last, f"Reported on {HOVER_X}")
    layout = figure["layout"]
    layout["yaxis"] = value_axis(0, 1, 1) | {
        "type": "date", "range": [first.isoformat(), top.isoformat()], "tickformat": MONTH_FORMAT, "zeroline": False,
    }  # fmt: skip
    layout["hovermode"] = "closest"
    layout["margin"] |= {"l": 76, "r": 40}
    figure["data"] = [
        line_trace(
            "report day", "baseline", [first.isoformat(), last.isoformat()], [first.isoformat(), last.isoformat()]
        )
        | {"hoverinfo": "skip"}
    ]
    figure["data"] += [_due_trace(line) for line in series if line.dues]
    for line in series:
        figure["data"] += _forecast_traces(line, top)
        if label := _code_label(line, top):
            layout["annotations"].append(label)
    known = [(line.proven_on, line.proven_on.isoformat()) for line in series if line.proven_on]
    figure["data"] += diamond_traces(known, f"Proven on {HOVER_X}")
    middle = (first + (last - first) * 0.62).isoformat()
    layout["annotations"].append(
        _line_label("day of report", "baseline", middle, middle) | {"yanchor": "top", "xshift": 10}
    )
    if dues := [due for line in series for due in line.dues]:
        day, due = min(dues)
        layout["annotations"].append(_line_label("due", "target", day.isoformat(), due.isoformat()))
    return figure


def _line_label(label: str, role: str, x: str, y: str) -> dict[str, Any]:
    """Return a line's label on the line, for pages that are wide enough."""
    return text_label(label, role, x, y, "x", "y", xshift=4, yshift=2, bold=True) | {"name": f"{role} label"}


def _due_trace(line: ForecastSeries) -> dict[str, Any]:
    x = [day.isoformat() for day, _ in line.dues] + [max(line.until, line.dues[-1][0]).isoformat()]
    y = [due.isoformat() for _, due in line.dues] + [line.dues[-1][1].isoformat()]
    trace = line_trace(f"{line.code} due", "target", [*x], y, shape="hv")
    return trace | {"hovertemplate": f"{line.code} due {HOVER_Y}<extra></extra>"}


def _forecast_traces(line: ForecastSeries, top: date) -> list[dict[str, Any]]:
    """Return the forecasts as a line; those beyond the chart or not within three years as open triangles at its top."""
    inside = [(day, on if on and on <= top else None) for day, on in line.forecasts]
    beyond = [(day, on) for day, on in line.forecasts if on is None or on > top]
    traces = []
    if any(on for _, on in inside):
        traces.append(
            line_trace(
                f"{line.code} expected", "service", [day.isoformat() for day, _ in inside],
                [on.isoformat() if on else None for _, on in inside],
            )
            | {
                "mode": "lines+markers",
                "marker": {"size": 6, "color": PALETTES["light"]["service"]},
                "hovertemplate": f"{line.code}, reported {HOVER_X}: expected {HOVER_Y}<extra></extra>",
            }
        )  # fmt: skip
    if beyond:
        texts = [f"expected {dates.day(on)}" if on else "not within three years" for _, on in beyond]
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": f"{line.code} beyond", "meta": "service",
                "x": [day.isoformat() for day, _ in beyond], "y": [top.isoformat()] * len(beyond),
                "cliponaxis": False, "customdata": texts,
                "marker": {"symbol": "triangle-up-open", "size": 10, "color": PALETTES["light"]["service"]},
                "hovertemplate": f"{line.code}, reported {HOVER_X}: %{{customdata}}<extra></extra>",
            }
        )  # fmt: skip
    return traces


def _code_label(line: ForecastSeries, top: date) -> dict[str, Any] | None:
    """Return the label of a milestone's code where its forecasts begin, else where its due line begins."""
    if line.forecasts:
        day, on = line.forecasts[0]
        at = on if on and on <= top else top
        return text_label(line.code, "service", day.isoformat(), at.isoformat(), "x", "y", yshift=9, bold=True) | {
            "xanchor": "center"
        }
    if line.dues:
        day, due = line.dues[0]
        return text_label(line.code, "target", day.isoformat(), due.isoformat(), "x", "y", yshift=4, bold=True)
    return None


SLIPS_COLUMNS = (
    CODE,
    ChartColumn(name="as_of", label="Reported", words=True),
    ChartColumn(name="due", label="Due, as planned then", words=True),
    ChartColumn(name="expected_on", label="Expected", words=True),
    ChartColumn(name="late_days", label="Days after that due date"),
    ChartColumn(name="said", label="In words", words=True),
)


def slips_chart(history: PlanHistory, today: date) -> Chart | None:
    """Return when each milestone was expected, by the day of report; None without forecasts."""
    if not history.forecasts:
        return None
    by_code = {
        milestone.code: [forecast for forecast in history.forecasts if forecast.code == milestone.code]
        for milestone in history.milestones
    }
    series = [_forecast_series(milestone, by_code[milestone.code], today) for milestone in history.milestones]
    return Chart(
        name="slips",
        title=_newest_forecast_title(history.milestones, by_code),
        what="When each milestone was expected to be proven, by the day of the report, with the last of its targets; "
        "triangles at the top are beyond the chart. Targets that are counted in full have no forecast.",
        figure=draw_slips(series, today),
        columns=SLIPS_COLUMNS,
        rows=[_forecast_row(forecast) for forecast in history.forecasts],
        key=(("service", "expected, then proven"), ("target", "due"), ("baseline", "day of report")),
    )


def _forecast_series(milestone: MilestoneHistory, forecasts: Sequence[RecordedForecast], today: date) -> ForecastSeries:
    dues = [
        (milestone.first_start if number == 0 else revision.as_of, revision.due)
        for number, revision in enumerate(milestone.plans)
    ]
    return ForecastSeries(
        code=milestone.code,
        forecasts=tuple((forecast.as_of, forecast.expected_on) for forecast in forecasts),
        dues=tuple((day, due) for day, due in dues if day),
        until=min(milestone.proven_on or today, today),
        proven_on=milestone.proven_on,
    )


def _newest_forecast_title(
    milestones: Sequence[MilestoneHistory], by_code: Mapping[str, Sequence[RecordedForecast]]
) -> str:
    """Return the newest forecast of a milestone that is not proven; else how the last proof compares with its first."""
    unproven = [
        (milestone, by_code[milestone.code][-1])
        for milestone in milestones
        if by_code[milestone.code] and not milestone.proven_on
    ]
    if unproven:
        milestone, last = unproven[-1]
        start = f"{milestone.code}, due {dates.day(milestone.due)}, is "
        if last.expected_on is None:
            return f"{start}not expected within three years, as things stand{_latest_targets(last)}"
        return f"{start}expected around {dates.day(last.expected_on)}{_latest_targets(last)}"
    proven = [
        (milestone.proven_on, milestone) for milestone in milestones if milestone.proven_on and by_code[milestone.code]
    ]
    if not proven:
        return "When milestones were expected"
    day, milestone = max(proven, key=lambda pair: pair[0])
    first = by_code[milestone.code][0]
    was = dates.day(first.expected_on) if first.expected_on else "not within three years"
    return f"{milestone.code} was proven on {dates.day(day)}; the first forecast was {was}"


def _latest_targets(forecast: RecordedForecast) -> str:
    """Return which targets have the latest day, as a clause: ", with time saved"; "" where all have it."""
    titles = " and ".join(MEASURES[name].title.lower() for name in forecast.latest_targets if name in MEASURES)
    return f", with {titles}" if titles else ""


def _forecast_row(forecast: RecordedForecast) -> dict[str, Any]:
    late = (forecast.expected_on - forecast.due).days if forecast.expected_on else None
    text = (
        dates.late_text(forecast.expected_on, forecast.due)
        if forecast.expected_on
        else "not expected within three years"
    )
    return {
        "code": forecast.code, "as_of": forecast.as_of.isoformat(), "due": forecast.due.isoformat(),
        "expected_on": plain_value(forecast.expected_on), "late_days": late, "said": text,
    }  # fmt: skip
