"""Chart: when each milestone was expected, by the day of the report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from dashboard.charts.chart import CODE, Chart, ChartColumn, plain_value
from dashboard.charts.layout import diamond_traces, line_trace, text_label, time_figure, value_axis
from dashboard.charts.theme import PALETTES
from metrics.measures.registry import MEASURES
from roadmap.wording import dates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboard.charts.layout import PlotlyFigure
    from dashboard.queries.plan_history import MilestoneHistory, PlanHistory, RecordedForecast


#: Height in pixels; the style sheet reserves the same, so that nothing jumps when a chart arrives.
SLIPS_HEIGHT_PX = 420


#: The share of the plan's length that forecasts may lie beyond its end and still be drawn where they are.
HEADROOM_SHARE = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSeries:
    """One milestone's forecasts: day of report, day expected (None: not within three years); its due dates by then."""

    code: str
    foreseen: tuple[tuple[date, date | None], ...]
    dues: tuple[tuple[date, date], ...]  #: from a day on, the due date
    until: date  #: where the due date's line ends
    proven_on: date | None


def draw_slips(series: Sequence[ForecastSeries], today: date) -> PlotlyFigure:
    """Day of report against day expected: a level line keeps its date, a rising one slips, and the diagonal is now."""
    days = [day for one in series for day, _ in (*one.foreseen, *one.dues)]
    ends = [today, *(due for one in series for _, due in one.dues), *(one.proven_on for one in series if one.proven_on)]
    first, last = min([today, *days]), max(ends)
    top = last + max(timedelta(days=round((last - first).days * HEADROOM_SHARE)), timedelta(days=14))
    figure = time_figure(SLIPS_HEIGHT_PX, first, last, "Reported on %{x|%-d %b %Y}")
    layout = figure["layout"]
    layout["yaxis"] = value_axis(0, 1, 1) | {
        "type": "date", "range": [first.isoformat(), top.isoformat()], "tickformat": "%b %Y", "zeroline": False,
    }  # fmt: skip
    layout["hovermode"] = "closest"
    layout["margin"] |= {"l": 76, "r": 40}
    figure["data"] = [
        line_trace(
            "report day", "baseline", [first.isoformat(), last.isoformat()], [first.isoformat(), last.isoformat()]
        )
        | {"hoverinfo": "skip"}
    ]
    figure["data"] += [_due_trace(one) for one in series if one.dues]
    for one in series:
        figure["data"] += _forecast_traces(one, top)
        if label := _code_label(one, top):
            layout["annotations"].append(label)
    known = [(one.proven_on, one.proven_on.isoformat()) for one in series if one.proven_on]
    figure["data"] += diamond_traces(known, "Proven on %{x|%-d %b %Y}")
    middle = (first + (last - first) * 0.62).isoformat()
    layout["annotations"].append(
        _line_label("day of report", "baseline", middle, middle) | {"yanchor": "top", "xshift": 10}
    )
    if dues := [due for one in series for due in one.dues]:
        day, due = min(dues)
        layout["annotations"].append(_line_label("due", "target", day.isoformat(), due.isoformat()))
    return figure


def _line_label(label: str, role: str, x: str, y: str) -> dict[str, Any]:
    """A line's name on the line, for pages that are wide enough."""
    return text_label(label, role, x, y, "x", "y", xshift=4, yshift=2, bold=True) | {"name": f"{role} label"}


def _due_trace(one: ForecastSeries) -> dict[str, Any]:
    x = [day.isoformat() for day, _ in one.dues] + [max(one.until, one.dues[-1][0]).isoformat()]
    y = [due.isoformat() for _, due in one.dues] + [one.dues[-1][1].isoformat()]
    trace = line_trace(f"{one.code} due", "target", [*x], y, shape="hv")
    return trace | {"hovertemplate": f"{one.code} due %{{y|%-d %b %Y}}<extra></extra>"}


def _forecast_traces(one: ForecastSeries, top: date) -> list[dict[str, Any]]:
    """The forecasts as a line; those beyond the chart, or not within three years, as open triangles at its top."""
    inside = [(day, on if on and on <= top else None) for day, on in one.foreseen]
    beyond = [(day, on) for day, on in one.foreseen if on is None or on > top]
    traces = []
    if any(on for _, on in inside):
        traces.append(
            line_trace(
                f"{one.code} expected", "service", [day.isoformat() for day, _ in inside],
                [on.isoformat() if on else None for _, on in inside],
            )
            | {
                "mode": "lines+markers",
                "marker": {"size": 6, "color": PALETTES["light"]["service"]},
                "hovertemplate": f"{one.code}, reported %{{x|%-d %b %Y}}: expected %{{y|%-d %b %Y}}<extra></extra>",
            }
        )  # fmt: skip
    if beyond:
        said = [f"expected {on:%-d %b %Y}" if on else "not within three years" for _, on in beyond]
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": f"{one.code} beyond", "meta": "service",
                "x": [day.isoformat() for day, _ in beyond], "y": [top.isoformat()] * len(beyond),
                "cliponaxis": False, "customdata": said,
                "marker": {"symbol": "triangle-up-open", "size": 10, "color": PALETTES["light"]["service"]},
                "hovertemplate": f"{one.code}, reported %{{x|%-d %b %Y}}: %{{customdata}}<extra></extra>",
            }
        )  # fmt: skip
    return traces


def _code_label(one: ForecastSeries, top: date) -> dict[str, Any] | None:
    """The milestone's code where its forecasts begin, else where its due date's line does."""
    if one.foreseen:
        day, on = one.foreseen[0]
        at = on if on and on <= top else top
        return text_label(one.code, "service", day.isoformat(), at.isoformat(), "x", "y", yshift=9, bold=True) | {
            "xanchor": "center"
        }
    if one.dues:
        day, due = one.dues[0]
        return text_label(one.code, "target", day.isoformat(), due.isoformat(), "x", "y", yshift=4, bold=True)
    return None


SLIPS_COLUMNS = (
    CODE,
    ChartColumn(name="as_of", label="Reported", words=True),
    ChartColumn(name="due", label="Due, as planned then", words=True),
    ChartColumn(name="expected_on", label="Expected", words=True),
    ChartColumn(name="late_days", label="Days after that due date"),
    ChartColumn(name="said", label="In words", words=True),
)


def slips_chart(planned: PlanHistory, today: date) -> Chart | None:
    """When each milestone was expected, by the day of report; None while nothing was foreseen."""
    if not planned.forecasts:
        return None
    by_code = {track.code: [one for one in planned.forecasts if one.code == track.code] for track in planned.milestones}
    series = [_forecast_series(track, by_code[track.code], today) for track in planned.milestones]
    return Chart(
        name="slips",
        title=_newest_forecast_title(planned.milestones, by_code),
        what="When each milestone was expected to be proven, by the day of the report, with the last of its targets; "
        "triangles at the top lie beyond the chart. Targets that are counted in full have no forecast.",
        figure=draw_slips(series, today),
        columns=SLIPS_COLUMNS,
        rows=[_forecast_row(one) for one in planned.forecasts],
        key=(("service", "expected, then proven"), ("target", "due"), ("baseline", "day of report")),
    )


def _forecast_series(track: MilestoneHistory, found: Sequence[RecordedForecast], today: date) -> ForecastSeries:
    dues = [(track.first_start if place == 0 else one.as_of, one.due) for place, one in enumerate(track.plans)]
    return ForecastSeries(
        code=track.code,
        foreseen=tuple((one.as_of, one.expected_on) for one in found),
        dues=tuple((day, due) for day, due in dues if day),
        until=min(track.proven_on or today, today),
        proven_on=track.proven_on,
    )


def _newest_forecast_title(
    tracks: Sequence[MilestoneHistory], by_code: Mapping[str, Sequence[RecordedForecast]]
) -> str:
    """The message: what the newest forecast of a milestone that is not proven says, or how the last proof came out."""
    open_ones = [(track, by_code[track.code][-1]) for track in tracks if by_code[track.code] and not track.proven_on]
    if open_ones:
        track, last = open_ones[-1]
        said = f"{track.code}, due {dates.day(track.due)}, is "
        if last.expected_on is None:
            return f"{said}not expected within three years, as things stand{_latest_targets(last)}"
        return f"{said}expected around {dates.day(last.expected_on)}{_latest_targets(last)}"
    ended = [(track.proven_on, track) for track in tracks if track.proven_on and by_code[track.code]]
    if not ended:
        return "When milestones were expected"
    day, track = max(ended, key=lambda pair: pair[0])
    first = by_code[track.code][0]
    was = dates.day(first.expected_on) if first.expected_on else "not to be expected within three years"
    return f"{track.code} was proven on {dates.day(day)}; the first forecast had said {was}"


def _latest_targets(one: RecordedForecast) -> str:
    """Which of several targets it is that comes so late."""
    titles = " and ".join(MEASURES[name].title.lower() for name in one.latest_targets if name in MEASURES)
    return f", with {titles}" if titles else ""


def _forecast_row(one: RecordedForecast) -> dict[str, Any]:
    late = (one.expected_on - one.due).days if one.expected_on else None
    said = dates.late_text(one.expected_on, one.due) if one.expected_on else "not expected within three years"
    return {
        "code": one.code, "as_of": one.as_of.isoformat(), "due": one.due.isoformat(),
        "expected_on": plain_value(one.expected_on), "late_days": late, "said": said,
    }  # fmt: skip
