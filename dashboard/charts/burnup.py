"""Chart: criteria met against criteria in scope, by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.charts.chart import Chart, ChartColumn
from dashboard.charts.layout import HOVER_X, line_trace, text_label, time_figure, value_axis
from roadmap.wording import dates, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from dashboard.charts.layout import PlotlyFigure
    from dashboard.queries.plan_history import CriteriaCount


BURNUP_COLUMNS = (
    ChartColumn(name="as_of", label="Judged", words=True),
    ChartColumn(name="met", label="Criteria met"),
    ChartColumn(name="scope", label="Criteria in scope"),
)


def burnup_chart(counts: Sequence[CriteriaCount]) -> Chart | None:
    """Return criteria met against criteria in scope; None with fewer than two days of judgement."""
    if len(counts) < 2:
        return None
    return Chart(
        name="burnup",
        title=describe_criteria_count(counts[-1]),
        what="Criteria met or held, of all milestones together, each time they were judged; the dashed line is how "
        "many the plan then had. It falls where a later evaluation was worse.",
        figure=draw_burnup([(count.as_of, count.met, count.scope) for count in counts]),
        columns=BURNUP_COLUMNS,
        rows=[{"as_of": count.as_of.isoformat(), "met": count.met, "scope": count.scope} for count in counts],
        key=(("service", "met"), ("baseline", "in scope")),
    )


def describe_criteria_count(last: CriteriaCount) -> str:
    """Return how many criteria were met on a day, of how many."""
    criteria = numbers.plural(last.scope, "criterion", "criteria")
    return f"{last.met} of {criteria} met on {dates.day(last.as_of)}"


BURNUP_HEIGHT_PX = 300


#: Below this top, an axis of counts needs whole-number ticks; above it, plotly chooses whole numbers by itself.
WHOLE_TICKS_BELOW = 6


def draw_burnup(points: Sequence[tuple[date, int, int]]) -> PlotlyFigure:
    """Draw criteria met by day, rising towards the criteria in scope.

    Args:
        points: day judged, criteria met or held, criteria in scope; at least two days.
    """
    days = [day for day, _, _ in points]
    figure = time_figure(BURNUP_HEIGHT_PX, days[0], days[-1], f"Judged on {HOVER_X}")
    top = max(max(scope, met) for _, met, scope in points) * 1.12 or 1.0
    whole = {"tick0": 0, "dtick": 1} if top < WHOLE_TICKS_BELOW else {}  # no half criteria
    figure["layout"]["yaxis"] = value_axis(0, 1, top) | whole
    lines = (("met", "service", [met for _, met, _ in points]), ("in scope", "baseline", [n for _, _, n in points]))
    for label, role, values in lines:
        line = line_trace(label, role, [day.isoformat() for day in days], [*values], shape="hv")
        figure["data"].append(line | {"cliponaxis": False, "hovertemplate": "%{y:,}"})
        note = text_label(label, role, days[-1].isoformat(), values[-1], "x", "y", xshift=8, bold=True)
        is_near = role == "service" and points[-1][2] - points[-1][1] < top / 14
        figure["layout"]["annotations"].append(
            note | {"yanchor": "middle", "name": f"{role} label", "yshift": -17 if is_near else 0}
        )
    return figure
