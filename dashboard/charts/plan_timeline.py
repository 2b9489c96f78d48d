"""Chart: each milestone's plan against what was measured, in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from dashboard.charts.chart import CODE, Chart, ChartColumn, plain_value
from dashboard.charts.layout import (
    DAY_MS,
    HOVER_X,
    MarkedDay,
    add_day_line,
    diamond_traces,
    escape_markup,
    label_margin_px,
    reserved_rows,
    rows_axis,
    rows_height_px,
    text_label,
    time_figure,
)
from dashboard.charts.theme import PALETTES
from roadmap.wording import dates, numbers
from roadmap.wording.verdicts import STATUS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.charts.layout import PlotlyFigure
    from dashboard.queries.plan_history import MilestoneHistory
    from roadmap.model import Verdict


PLAN_COLUMNS = (
    CODE,
    ChartColumn(name="title", label="Title", words=True),
    ChartColumn(name="first_start", label="First plan, start", words=True),
    ChartColumn(name="first_due", label="First plan, due", words=True),
    ChartColumn(name="start", label="Start", words=True),
    ChartColumn(name="due", label="Due", words=True),
    ChartColumn(name="measured_from", label="Measured from", words=True),
    ChartColumn(name="measured_to", label="Measured to", words=True),
    ChartColumn(name="proven_on", label="Proven", words=True),
    ChartColumn(name="status", label="Status", words=True),
)


def plan_timeline_chart(histories: Sequence[MilestoneHistory], verdicts: Sequence[Verdict], today: date) -> Chart:
    """Return plan against actual, in time; `verdicts` are those without recorded decisions."""
    bars = [
        MilestoneBar(
            code=history.code, title=history.title, first_start=history.first_start, first_due=history.first_due,
            start=history.start, due=history.due, measured_from=history.measured_from, measured_to=history.measured_to,
            proven_on=history.proven_on, built=history.built,
        )
        for history in histories
    ]  # fmt: skip
    status = {verdict.code: STATUS[verdict.status] for verdict in verdicts}
    rows = [
        {column.name: plain_value(getattr(history, column.name)) for column in PLAN_COLUMNS if column.name != "status"}
        | {"status": status[history.code]}
        for history in histories
    ]
    moved = sum(history.first_due is not None and history.first_due != history.due for history in histories)
    moves = f"; {numbers.plural(moved, 'due date')} moved" if moved else ""
    return Chart(
        name="plan",
        title=f"{_proven_title(histories)} by {dates.day(today)}{moves}",
        what="Plan against actual. Bars from start to due date as planned now, grey where the service level is not "
        "built; the thin line above, the first plan; the thin line below, the days measured; diamonds, the day of "
        "proof.",
        figure=draw_plan_timeline(bars, today),
        columns=PLAN_COLUMNS,
        rows=rows,
        size=f"rows-{reserved_rows(2 * len(bars))}",
    )


def _proven_title(histories: Sequence[MilestoneHistory]) -> str:
    proven = sum(history.proven_on is not None for history in histories)
    if len(histories) == 1:
        return f"{histories[0].code} {'proven' if proven else 'not proven'}"
    return f"{proven} of {numbers.plural(len(histories), 'milestone')} proven"


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneBar:
    """One milestone in time: planned first, planned now, measured, proven. None: not recorded, or not yet."""

    code: str
    title: str
    first_start: date | None
    first_due: date | None
    start: date
    due: date
    measured_from: date | None
    measured_to: date | None
    proven_on: date | None
    built: bool


BarSpan = tuple[MilestoneBar, date | None, date | None]


def draw_plan_timeline(bars: Sequence[MilestoneBar], today: date) -> PlotlyFigure:
    """Draw today's plan as a bar, the first plan above it, the days measured below it, and the day of proof."""
    first = min([today, *(day for bar in bars for day in (bar.start, bar.first_start) if day)])
    last = max([today, *(day for bar in bars for day in (bar.due, bar.first_due, bar.proven_on) if day)])
    figure = time_figure(rows_height_px(reserved_rows(2 * len(bars))), first, last + timedelta(days=2))
    now = [("planned", "plan", True), ("planned, not built yet", "unbuilt", False)]
    for name, role, built in now:
        group = [bar for bar in bars if bar.built is built]
        figure["data"] += _bar_traces(
            name, role, [(bar, bar.start, bar.due) for bar in group], 0.44, -0.22, titled=True
        )
    then = [(bar, bar.first_start, bar.first_due) for bar in bars if bar.first_start and bar.first_due]
    figure["data"] += _bar_traces("first plan", "baseline", then, 0.07, 0.27)
    done = [(bar, bar.measured_from, bar.measured_to) for bar in bars if bar.measured_from and bar.measured_to]
    figure["data"] += _bar_traces("measured", "service", done, 0.07, -0.34)
    figure["data"] += diamond_traces(
        [(bar.proven_on, bar.code) for bar in bars if bar.proven_on], f"%{{y}} proven on {HOVER_X}"
    )
    layout = figure["layout"]
    layout |= {"hovermode": "closest", "barmode": "overlay", "yaxis": rows_axis([bar.code for bar in bars])}
    layout["margin"] |= {"r": 16, "l": label_margin_px([bar.code for bar in bars])}
    add_day_line(layout, MarkedDay(day=today, text="today"), "ink", dash="solid", left=True)
    layout["annotations"] += _line_labels(then, done, last - (last - first) * 0.2)
    return figure


def _line_labels(then: Sequence[BarSpan], done: Sequence[BarSpan], room: date) -> list[dict[str, Any]]:
    """Return history label for each kind of thin line, on the first row with space beside it."""
    notes = []
    for group, label, role, yshift in ((then, "first plan", "baseline", 16), (done, "measured", "service", -17)):
        ends = ((bar, max(end, bar.due, bar.proven_on or end)) for bar, _, end in group if end)
        for bar, end in ends:
            if end < room:
                note = text_label(label, role, end.isoformat(), bar.code, "x", "y", xshift=6, yshift=yshift, bold=True)
                notes.append(note | {"yanchor": "middle", "name": f"{role} label"})
                break
    return notes


def _bar_traces(
    name: str, role: str, group: Sequence[BarSpan], width: float, offset: float, *,
    titled: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    known = [(bar, start, end) for bar, start, end in group if start and end]
    if not known:
        return []
    trace: dict[str, Any] = {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "meta": role,
        "y": [bar.code for bar, _, _ in known],
        "base": [start.isoformat() for _, start, _ in known],
        "x": [((end - start).days + 1) * DAY_MS for _, start, end in known],
        "width": width,
        "offset": offset,
        "customdata": [[dates.day(start, year=False), dates.day(end)] for _, start, end in known],
        "hovertemplate": f"%{{y}} {name}: %{{customdata[0]}} to %{{customdata[1]}}<extra></extra>",
        "marker": {"color": PALETTES["light"][role], "line": {"width": 0}},
    }
    if titled:
        trace |= {
            "text": [f"\N{EN SPACE}{escape_markup(bar.title)}" for bar, _, _ in known],
            "textposition": "inside",
            "insidetextanchor": "start",
            "textangle": 0,
            "constraintext": "none",
            "textfont": {"color": PALETTES["light"]["ink"]},
        }
    return [trace]
