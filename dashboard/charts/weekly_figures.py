"""Plotly figures of a frame by block, as plain dicts. No database, no request, no clock, and no import of plotly.

Colours are those of the light palette. Every coloured part carries its role (`meta` of a trace, `name` of a shape or
an annotation), so that the page can change to the dark palette without a request.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from dashboard.charts.layout import (
    HOVER_X,
    SHORT_DAY_FORMAT,
    add_day_line,
    blank_figure,
    line_trace,
    text_label,
    time_figure,
    value_axis,
    whole_number_ticks,
)
from dashboard.charts.line_points import end_labels, highest_value, line_points, marker_style
from dashboard.charts.stage_marks import join_near_marks
from dashboard.charts.theme import PALETTES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from typing import Any

    import pandas as pd

    from dashboard.charts.layout import MarkedDay, PlotlyFigure
    from dashboard.charts.line_points import Line
    from roadmap.wording.numbers import TimeUnit

    Panel = tuple[str, Sequence[Line]]  # title and lines

#: Up to this many blocks, each has its own tick.
MAX_TICKS = 14

#: Heights in pixels; the style sheets reserve the same, so that the page does not move when a chart arrives.
HEIGHTS_PX = {"busy": 340, "failed": 420, "aside": 300, "partner": 260}

#: The unit of a rate; its points carry their counts, "3 of 20".
PER_THOUSAND = " of every 1,000"


def draw_busy(
    frame: pd.DataFrame, marks: Sequence[MarkedDay], window: tuple[date, date] | None, target: str, unit: TimeUnit
) -> PlotlyFigure:
    """Draw busy time per 1,000 records by block: monolith dashed, service solid, target dash-dot.

    Args:
        frame: columns block, block_end, milestone, control_s, subject_s, target_s as `weekly_frame` makes them.
        marks: milestone go-lives, and stage changes of routes.
        window: the days the verdict counts, shaded.
        target: the target line's label, "30% less".
        unit: the unit of all numbers in the figure.
    """
    lines = [("baseline", "control_s", "monolith"), ("target", "target_s", target), ("service", "subject_s", "service")]
    scaled = frame.assign(**{column: frame[column] * unit.factor for _, column, _ in lines})
    return _draw_blocks("busy", scaled, [("", lines)], f".{unit.digits}f", f" {unit.unit}", marks=marks, window=window)


def draw_failed(
    frame: pd.DataFrame, marks: Sequence[MarkedDay], window: tuple[date, date] | None
) -> PlotlyFigure:  # fmt: skip
    """Draw failed exchanges per 1,000 by block in two panels: at the first attempt, and after retries."""
    panels = [
        (title, [("baseline", f"control_{name}", "monolith"), ("service", f"subject_{name}", "service")])
        for title, name in (("First attempt", "first"), ("After retries", "after"))
    ]
    return _draw_blocks("failed", frame, panels, ".0f", PER_THOUSAND, marks=marks, window=window)


def draw_quarantined(frame: pd.DataFrame, lines: Sequence[Line]) -> PlotlyFigure:
    """Draw quarantined rows by block, one line per reason. Labels must be escaped."""
    figure = _draw_blocks("aside", frame, [("", lines)], ".0f", " rows")
    figure["layout"]["margin"]["r"] = 150
    figure["layout"]["yaxis"] |= whole_number_ticks(figure["layout"]["yaxis"]["range"][1])
    return figure


def draw_differences(frame: pd.DataFrame, lines: Sequence[Line], marks: Sequence[MarkedDay]) -> PlotlyFigure:
    """Draw differences between both sides by day, one line per cause, with marked days. Labels must be escaped."""
    figure = _draw_blocks("aside", frame, [("", lines)], ".0f", " differences", marks=marks, hover_title=HOVER_X)
    figure["layout"]["margin"]["r"] = 150
    figure["layout"]["yaxis"] |= whole_number_ticks(figure["layout"]["yaxis"]["range"][1])
    return figure


def draw_partner_failures(
    frame: pd.DataFrame, block_name: str, unit: str, marks: Sequence[MarkedDay] = ()
) -> PlotlyFigure:  # fmt: skip
    """Draw a partner's failed first attempts by block: a rate (`PER_THOUSAND`), or counts (" failed").

    Args:
        frame: columns block, block_end, milestone, control_first, subject_first, control_exchanges, subject_exchanges.
        block_name: what a block is called: "day", "week" or "month".
        unit: the unit of the numbers.
        marks: stage changes of the partner's feeds.
    """
    if frame.empty:
        return blank_figure(HEIGHTS_PX["partner"])
    lines = [("baseline", "control_first", "monolith"), ("service", "subject_first", "service")]
    hover_title = f"{block_name.capitalize()} of {HOVER_X}"
    figure = _draw_blocks(
        "partner", frame, [("", lines)], ".0f", unit, hover_title=hover_title, max_ticks=7, margin_top_px=12,
        marks=marks,
    )  # fmt: skip
    figure["layout"]["yaxis"] |= whole_number_ticks(figure["layout"]["yaxis"]["range"][1])
    return figure


def _draw_blocks(
    name: str,
    frame: pd.DataFrame,
    panels: Sequence[Panel],
    digits: str,
    unit: str,
    *,
    marks: Sequence[MarkedDay] = (),
    window: tuple[date, date] | None = None,
    hover_title: str = f"From {HOVER_X}",
    max_ticks: int = MAX_TICKS,
    margin_top_px: int = 30,
) -> PlotlyFigure:
    figure = time_figure(HEIGHTS_PX[name], frame["block"].iloc[0], frame["block"].iloc[-1], hover_title)
    layout = figure["layout"]
    layout["margin"]["t"] = margin_top_px
    top = max((highest_value(frame, lines) for _, lines in panels), default=0.0) * 1.06 or 1.0
    domains = [(0.0, 1.0)] if len(panels) == 1 else [(0.56, 1.0), (0.0, 0.44)]
    plot_px = HEIGHTS_PX[name] - margin_top_px - layout["margin"]["b"]
    for number, ((title, lines), (low, high)) in enumerate(zip(panels, domains, strict=True)):
        axis = "y" if number == 0 else f"y{number + 1}"
        layout["yaxis" + axis[1:]] = value_axis(low, high, top)
        figure["data"] += [_block_trace(frame, line, title, axis, digits, unit) for line in lines]
        layout["annotations"] += end_labels(frame, lines, axis, top, plot_px * (high - low))
        if title:
            layout["annotations"].append(text_label(title, "ink", 0, high, "paper", "paper", yshift=4, bold=True))
    if len(frame) == 1:
        layout["xaxis"]["range"] = [(frame["block"].iloc[0] + timedelta(days=days)).isoformat() for days in (-1, 1)]
    if len(frame) <= max_ticks:
        layout["xaxis"] |= {"tickvals": [block.isoformat() for block in frame["block"]], "tickformat": SHORT_DAY_FORMAT}
    layout["xaxis"]["anchor"] = "y" if len(panels) == 1 else f"y{len(panels)}"
    if window is not None:
        layout["shapes"].append(
            {
                "type": "rect", "name": "band", "layer": "below", "xref": "x", "yref": "paper", "y0": 0, "y1": 1,
                "x0": window[0].isoformat(), "x1": window[1].isoformat(),
                "fillcolor": PALETTES["light"]["band"], "line": {"width": 0},
            }
        )  # fmt: skip
    first, last = frame["block"].iloc[0], frame["block_end"].iloc[-1]
    for mark in marks:
        if not mark.is_upright:
            add_day_line(layout, mark, "muted", dash="dot", labelled=len(panels) == 1)
    changes = [mark for mark in marks if mark.is_upright and first <= mark.day <= last]
    for mark in join_near_marks(changes, first, last):
        add_day_line(layout, mark, "target", dash="dot", labelled=len(panels) == 1 and bool(mark.text))
    return figure


def _block_trace(frame: pd.DataFrame, line: Line, title: str, axis: str, digits: str, unit: str) -> dict[str, Any]:
    """Return the trace of one line; one of the monolith goes on where the milestone changes."""
    role, column, label = line
    days, values = line_points(frame, column, breaks_at_milestones=role != "baseline")
    counts = _counts_of_rates(frame, column, role, values) if unit == PER_THOUSAND else []
    trace = line_trace(f"{label}, {title.lower()}" if title else label, role, [*days], values)
    return {
        **trace,
        **marker_style(days, values, digits, counts),
        "yaxis": axis,
        "cliponaxis": False,
        "hovertemplate": f"%{{y:,{digits}}}{unit}" + (" (%{customdata})" if counts else ""),
        **({"customdata": counts} if counts else {}),
    }


def _counts_of_rates(frame: pd.DataFrame, column: str, role: str, rates: Sequence[float | None]) -> list[str]:
    """Return the counts behind each rate, "3 of 20"; "" without a rate."""
    side = column.partition("_")[0]
    _, exchanges = line_points(frame, f"{side}_exchanges", breaks_at_milestones=role != "baseline")
    return [
        "" if rate is None or not total else f"{rate * total / 1000:,.0f} of {total:,.0f}"
        for rate, total in zip(rates, exchanges, strict=True)
    ]
