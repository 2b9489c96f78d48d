"""Frames in, plain Plotly figure dicts out. No database, no request, no clock, and no import of plotly.

Colours are those of the light palette. Every coloured part carries its role (`meta` of a trace, `name` of a shape or
an annotation), so that the page can put on the dark palette without asking again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dashboard.charts.layout import add_day_line, text_label, time_figure, value_axis, whole_number_ticks
from dashboard.charts.line_points import highest_value, line_points, marker_style
from dashboard.charts.theme import PALETTES, STYLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    import pandas as pd

    from dashboard.charts.layout import MarkedDay, PlotlyFigure
    from roadmap.wording.numbers import TimeUnit

#: Up to so many blocks each gets its own tick.
MAX_TICKS = 14

#: Heights in pixels; the style sheet reserves the same, so that nothing jumps when a chart arrives.
HEIGHTS_PX = {"busy": 340, "failed": 420, "aside": 300}


def draw_busy(
    frame: pd.DataFrame, marks: Sequence[MarkedDay], window: tuple[date, date] | None, target: str, how: TimeUnit
) -> PlotlyFigure:
    """Busy time per 1,000 records by week: monolith dashed, service solid, target dash-dot.

    Args:
        frame: columns block, block_end, milestone, control_s, subject_s, target_s as `frames.weekly` makes them.
        marks: milestone go-lives.
        window: the weeks the verdict counts, shaded.
        target: the target line's label, "30% less".
        how: the unit that all of it is drawn in.
    """
    lines = [("baseline", "control_s", "monolith"), ("target", "target_s", target), ("service", "subject_s", "service")]
    shown = frame.assign(**{column: frame[column] * how.times for _, column, _ in lines})
    return _draw_blocks("busy", shown, [("", lines)], f".{how.digits}f", f" {how.unit}", marks, window)


def draw_failed(frame: pd.DataFrame, marks: Sequence[MarkedDay], window: tuple[date, date] | None) -> PlotlyFigure:
    """Failed exchanges per 1,000 by week in two panels: at the first attempt, and after retries."""
    panels = [
        (f"{title}", [("baseline", f"control_{name}", "monolith"), ("service", f"subject_{name}", "service")])
        for title, name in (("First attempt", "first"), ("After retries", "after"))
    ]
    return _draw_blocks("failed", frame, panels, ".0f", " of every 1,000", marks, window)


def draw_quarantined(frame: pd.DataFrame, lines: Sequence[tuple[str, str, str]]) -> PlotlyFigure:
    """Rows set aside by block, a line a reason: role, column and label of each. Labels are marked up already."""
    figure = _draw_blocks("aside", frame, [("", lines)], ".0f", " rows", (), None)
    figure["layout"]["margin"]["r"] = 150
    figure["layout"]["yaxis"] |= whole_number_ticks(figure["layout"]["yaxis"]["range"][1])
    return figure


def _draw_blocks(
    name: str,
    frame: pd.DataFrame,
    panels: Sequence[tuple[str, Sequence[tuple[str, str, str]]]],
    digits: str,
    unit: str,
    marks: Sequence[MarkedDay],
    window: tuple[date, date] | None,
) -> PlotlyFigure:
    figure = time_figure(HEIGHTS_PX[name], frame["block"].iloc[0], frame["block"].iloc[-1])
    layout = figure["layout"]
    top = max((highest_value(frame, lines) for _, lines in panels), default=0.0) * 1.06 or 1.0
    spans = [(0.0, 1.0)] if len(panels) == 1 else [(0.56, 1.0), (0.0, 0.44)]
    plot_px = HEIGHTS_PX[name] - layout["margin"]["t"] - layout["margin"]["b"]
    for number, ((title, lines), (low, high)) in enumerate(zip(panels, spans, strict=True)):
        axis = "y" if number == 0 else f"y{number + 1}"
        layout["yaxis" + axis[1:]] = value_axis(low, high, top)
        for role, column, label in lines:
            weeks, values = line_points(frame, column, switches=role != "baseline")
            of = _counts_of_rates(frame, column, role, values)
            figure["data"].append(
                {
                    "type": "scatter",
                    **marker_style(weeks, values, digits, of),
                    "name": f"{label}, {title.lower()}" if title else label,
                    "meta": role,
                    "x": weeks,
                    "y": values,
                    "yaxis": axis,
                    "connectgaps": False,
                    "cliponaxis": False,
                    "line": {"color": PALETTES["light"][role], **STYLES[role]},
                    "hovertemplate": f"%{{y:,{digits}}}{unit}" + (" (%{customdata})" if of else ""),
                    **({"customdata": of} if of else {}),
                }
            )
        layout["annotations"] += _labels(frame, lines, axis, top, plot_px * (high - low))
        if title:
            layout["annotations"].append(text_label(title, "ink", 0, high, "paper", "paper", yshift=4, bold=True))
    if len(frame) == 1:
        layout["xaxis"]["range"] = [(frame["block"].iloc[0] + timedelta(days=days)).isoformat() for days in (-1, 1)]
    if len(frame) <= MAX_TICKS:
        layout["xaxis"] |= {"tickvals": [block.isoformat() for block in frame["block"]], "tickformat": "%-d %b"}
    layout["xaxis"]["anchor"] = "y" if len(panels) == 1 else f"y{len(panels)}"
    if window is not None:
        layout["shapes"].append(
            {
                "type": "rect", "name": "band", "layer": "below", "xref": "x", "yref": "paper", "y0": 0, "y1": 1,
                "x0": window[0].isoformat(), "x1": window[1].isoformat(),
                "fillcolor": PALETTES["light"]["band"], "line": {"width": 0},
            }
        )  # fmt: skip
    for one in marks:
        add_day_line(layout, one, "muted", dash="dot", said=len(panels) == 1)
    return figure


def _counts_of_rates(frame: pd.DataFrame, column: str, role: str, values: Sequence[float | None]) -> list[str]:
    """How many exchanges of how many each point of a rate is; empty for what is no rate."""
    side, _, kind = column.partition("_")
    if kind not in {"first", "after"}:
        return []
    _, all_of = line_points(frame, f"{side}_exchanges", switches=role != "baseline")
    return [
        "" if value is None or not many else f"{value * many / 1000:,.0f} of {many:,.0f}"
        for value, many in zip(values, all_of, strict=True)
    ]


def _labels(
    frame: pd.DataFrame, lines: Iterable[tuple[str, str, str]], axis: str, top: float, height_px: float
) -> list[dict[str, Any]]:
    """Each line's name at its last point, pushed apart where two would touch."""
    ends = []
    for role, column, label in lines:
        known = frame[["block", column]].dropna()
        if len(known):
            ends.append((float(known[column].iloc[-1]), known["block"].iloc[-1], role, label))
    ends.sort()
    placed: list[dict[str, Any]] = []
    floor = 0.0
    for value, when, role, label in ends:
        at_px = value / top * height_px
        shown_px = max(at_px, floor)
        floor = shown_px + 17
        placed.append(
            text_label(
                label, role, when.isoformat(), value, "x", axis, xshift=8, yshift=round(shown_px - at_px), bold=True
            )
            | {"yanchor": "middle", "name": f"{role} label"}
        )
    return placed
