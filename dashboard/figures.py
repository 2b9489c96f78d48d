"""Frames in, plain Plotly figure dicts out. No database, no request, no clock, and no import of plotly.

Colours are those of the light palette. Every coloured part carries its role (`meta` of a trace, `name` of a shape or
an annotation), so that the page can put on the dark palette without asking again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dashboard.palette import FONT, PALETTES, STYLES
from dashboard.points import peak, points, seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    import pandas as pd

Figure = dict[str, Any]

DAY_MS = 86_400_000

#: Up to so many blocks each gets its own tick.
FEW = 14

#: Heights in pixels; the style sheet reserves the same, so that nothing jumps when a chart arrives.
HEIGHTS = {"busy": 340, "failed": 420, "plan": 250}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A day that the reader should see on the time axis."""

    when: date
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One milestone of the plan: first day, due day, and the day it was proven, if it was."""

    code: str
    title: str
    start: date
    due: date
    proven_on: date | None
    built: bool


def busy(frame: pd.DataFrame, marks: Sequence[Mark], window: tuple[date, date] | None, target: str) -> Figure:
    """Busy seconds per 1,000 records by week: monolith dashed, service solid, target dash-dot.

    Args:
        frame: columns block, block_end, milestone, control_s, subject_s, target_s as `frames.weekly` makes them.
        marks: milestone go-lives.
        window: the weeks the verdict counts, shaded.
        target: the target line's label, "30% less".
    """
    lines = [("baseline", "control_s", "monolith"), ("target", "target_s", target), ("service", "subject_s", "service")]
    return _weekly("busy", frame, [("", lines)], ".1f", " s", marks, window)


def failed(frame: pd.DataFrame, marks: Sequence[Mark], window: tuple[date, date] | None) -> Figure:
    """Failed exchanges per 1,000 by week in two panels: at the first attempt, and after retries."""
    panels = [
        (f"{title}", [("baseline", f"control_{name}", "monolith"), ("service", f"subject_{name}", "service")])
        for title, name in (("First attempt", "first"), ("After retries", "after"))
    ]
    return _weekly("failed", frame, panels, ".0f", " of every 1,000", marks, window)


def plan(bars: Sequence[Bar], today: date) -> Figure:
    """The plan as horizontal bars on a time axis, the day of proof as a diamond, today as a line."""
    colors = PALETTES["light"]
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "meta": role,
            "y": [bar.code for bar in group],
            "base": [bar.start.isoformat() for bar in group],
            "x": [((bar.due - bar.start).days + 1) * DAY_MS for bar in group],
            "text": [f"\N{EN SPACE}{bar.title}" for bar in group],
            "textposition": "inside",
            "insidetextanchor": "start",
            "textangle": 0,
            "constraintext": "none",
            "textfont": {"color": colors["ink"]},
            "customdata": [[f"{bar.start:%-d %b}", f"{bar.due:%-d %b %Y}"] for bar in group],
            "hovertemplate": "%{y} %{text}: %{customdata[0]} to %{customdata[1]}<extra></extra>",
            "marker": {"color": colors[role], "line": {"width": 0}},
            "width": 0.56,
        }
        for name, role, built in (("built", "plan", True), ("not built yet", "unbuilt", False))
        if (group := [bar for bar in bars if bar.built is built])
    ]
    proven = [bar for bar in bars if bar.proven_on is not None]
    if proven:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "proven",
                "meta": "service",
                "x": [bar.proven_on.isoformat() for bar in proven if bar.proven_on],
                "y": [bar.code for bar in proven],
                "marker": {"symbol": "diamond", "size": 13, "color": colors["service"]},
                "hovertemplate": "%{y} proven on %{x|%-d %b %Y}<extra></extra>",
            }
        )
    figure = _frame_of("plan", bars[0].start if bars else today, max([today, *(bar.due for bar in bars)]))
    figure["data"] = traces
    layout = figure["layout"]
    layout["hovermode"] = "closest"
    layout["barmode"] = "overlay"
    layout["yaxis"] = {
        "type": "category", "categoryorder": "array", "categoryarray": [bar.code for bar in reversed(bars)],
        "range": [-0.6, len(bars) - 0.4],
        "fixedrange": True, "showgrid": False, "zeroline": False, "ticksuffix": "\N{EN SPACE}",
        "tickfont": {"color": colors["ink"], "size": 14},
    }  # fmt: skip
    layout["margin"] |= {"r": 16, "l": 40}
    _mark(layout, Mark(when=today, text="today"), "ink", dash="solid", left=True)
    return figure


def _weekly(
    name: str,
    frame: pd.DataFrame,
    panels: Sequence[tuple[str, Sequence[tuple[str, str, str]]]],
    digits: str,
    unit: str,
    marks: Sequence[Mark],
    window: tuple[date, date] | None,
) -> Figure:
    figure = _frame_of(name, frame["block"].iloc[0], frame["block"].iloc[-1])
    layout = figure["layout"]
    top = max((peak(frame, lines) for _, lines in panels), default=0.0) * 1.06 or 1.0
    spans = [(0.0, 1.0)] if len(panels) == 1 else [(0.56, 1.0), (0.0, 0.44)]
    plot_px = HEIGHTS[name] - layout["margin"]["t"] - layout["margin"]["b"]
    for number, ((title, lines), (low, high)) in enumerate(zip(panels, spans, strict=True)):
        axis = "y" if number == 0 else f"y{number + 1}"
        layout["yaxis" + axis[1:]] = _y_axis(low, high, top)
        for role, column, label in lines:
            weeks, values = points(frame, column, switches=role != "baseline")
            figure["data"].append(
                {
                    "type": "scatter",
                    **seen(weeks, values, digits),
                    "name": f"{label}, {title.lower()}" if title else label,
                    "meta": role,
                    "x": weeks,
                    "y": values,
                    "yaxis": axis,
                    "connectgaps": False,
                    "cliponaxis": False,
                    "line": {"color": PALETTES["light"][role], **STYLES[role]},
                    "hovertemplate": f"%{{y:,{digits}}}{unit}",
                }
            )
        layout["annotations"] += _labels(frame, lines, axis, top, plot_px * (high - low))
        if title:
            layout["annotations"].append(_text(title, "ink", 0, high, "paper", "paper", yshift=4, bold=True))
    if len(frame) == 1:
        layout["xaxis"]["range"] = [(frame["block"].iloc[0] + timedelta(days=days)).isoformat() for days in (-1, 1)]
    if len(frame) <= FEW:
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
    for mark in marks:
        _mark(layout, mark, "muted", dash="dot", said=len(panels) == 1)
    return figure


def _frame_of(name: str, first: date, last: date) -> Figure:
    colors = PALETTES["light"]
    layout = {
        "height": HEIGHTS[name], "autosize": True, "showlegend": False, "hovermode": "x unified", "dragmode": False,
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 48, "r": 96, "t": 30, "b": 30},
        "font": {"family": FONT, "size": 13, "color": colors["muted"]},
        "hoverlabel": {
            "bgcolor": colors["surface"], "bordercolor": colors["axis"], "font": {"color": colors["ink"], "size": 13},
        },
        "xaxis": {
            "type": "date", "range": [first.isoformat(), last.isoformat()], "fixedrange": True, "showgrid": False,
            "zeroline": False, "showline": True, "linecolor": colors["axis"], "ticks": "outside", "ticklen": 4,
            "tickcolor": colors["axis"], "tickangle": 0, "nticks": 12,
            "tickformatstops": [
                {"dtickrange": ["M1", None], "value": "%b"}, {"dtickrange": [None, "M1"], "value": "%-d %b"},
            ],
            "unifiedhovertitle": {"text": "From %{x|%-d %b %Y}"},
        },
        "shapes": [], "annotations": [],
    }  # fmt: skip
    return {"data": [], "layout": layout}


def _y_axis(low: float, high: float, top: float) -> dict[str, Any]:
    colors = PALETTES["light"]
    return {
        "domain": [low, high], "range": [0, top], "fixedrange": True, "gridcolor": colors["grid"], "gridwidth": 1,
        "zeroline": True, "zerolinecolor": colors["axis"], "zerolinewidth": 1, "nticks": 5, "tickformat": ",",
        "ticksuffix": "\N{EN SPACE}", "separatethousands": True,
    }  # fmt: skip


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
            _text(label, role, when.isoformat(), value, "x", axis, xshift=8, yshift=round(shown_px - at_px), bold=True)
            | {"yanchor": "middle", "name": f"{role} label"}
        )
    return placed


def _mark(layout: dict[str, Any], mark: Mark, role: str, *, dash: str, said: bool = True, left: bool = False) -> None:
    when = mark.when.isoformat()
    color = PALETTES["light"][role]
    layout["shapes"].append(
        {
            "type": "line", "name": role, "xref": "x", "yref": "paper", "x0": when, "x1": when, "y0": 0, "y1": 1,
            "line": {"color": color, "width": 1.25, "dash": dash},
        }
    )  # fmt: skip
    if said:
        text = _text(mark.text, role, when, 1, "x", "paper", yshift=4)
        layout["annotations"].append(text | ({"xanchor": "right"} if left else {}))


def _text(
    text: str, role: str, x: Any, y: Any, xref: str, yref: str, *, xshift: int = 0, yshift: int = 0, bold: bool = False
) -> dict[str, Any]:
    return {
        "text": text, "name": role, "x": x, "y": y, "xref": xref, "yref": yref, "xanchor": "left",
        "yanchor": "bottom", "xshift": xshift, "yshift": yshift, "showarrow": False, "align": "left",
        "font": {"color": PALETTES["light"][role], "size": 13, "weight": 600 if bold else 400},
    }  # fmt: skip
