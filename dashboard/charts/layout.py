"""Figures, axes, labels and traces that the charts share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from dashboard.charts.theme import FONT, PALETTES, STYLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date


PlotlyFigure = dict[str, Any]


#: A day in the hover text of a chart, as Plotly formats it: "12 Jan 2013".
DAY_FORMAT = "%-d %b %Y"

#: The same on an axis: a day without its year, and a month.
SHORT_DAY_FORMAT, MONTH_FORMAT = "%-d %b", "%b %Y"

HOVER_X, HOVER_Y = f"%{{x|{DAY_FORMAT}}}", f"%{{y|{DAY_FORMAT}}}"

DAY_MS = 86_400_000


#: Characters of a row's name on the axis.
MAX_NAME_CHARS = 16


#: Height of a chart of rows: header, and each row; space is reserved in steps of `ROW_STEP` rows, up to `MAX_ROWS`.
HEADER_PX, ROW_PX, ROW_STEP, MAX_ROWS = 76, 30, 4, 80


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedDay:
    """A day to mark on the time axis."""

    day: date
    text: str  #: escaped where it holds names
    is_upright: bool = False  #: along the line instead of above it
    count: int = 1  #: how many changes there were on the day, of a mark of changes


def time_figure(height_px: int, first: date, last: date, hover_title: str = f"From {HOVER_X}") -> PlotlyFigure:
    """Return an empty figure with a time axis; `hover_title` is the title of the hover text of a day."""
    figure = blank_figure(height_px)
    figure["layout"]["xaxis"] |= {
        "type": "date", "range": [first.isoformat(), last.isoformat()],
        "tickformatstops": [
            {"dtickrange": ["M1", None], "value": "%b"}, {"dtickrange": [None, "M1"], "value": SHORT_DAY_FORMAT},
        ],
        "unifiedhovertitle": {"text": hover_title},
    }  # fmt: skip
    return figure


def blank_figure(height_px: int) -> PlotlyFigure:
    """Return an empty figure whose horizontal axis has no type yet."""
    colors = PALETTES["light"]
    layout = {
        "height": height_px, "autosize": True, "showlegend": False, "hovermode": "x unified", "dragmode": False,
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 48, "r": 96, "t": 30, "b": 30},
        "font": {"family": FONT, "size": 13, "color": colors["muted"]},
        "hoverlabel": {
            "bgcolor": colors["surface"], "bordercolor": colors["axis"], "font": {"color": colors["ink"], "size": 13},
        },
        "xaxis": {
            "fixedrange": True, "showgrid": False, "zeroline": False, "showline": True, "linecolor": colors["axis"],
            "ticks": "outside", "ticklen": 4, "tickcolor": colors["axis"], "tickangle": 0, "nticks": 12,
        },
        "shapes": [], "annotations": [],
    }  # fmt: skip
    return {"data": [], "layout": layout}


def value_axis(low: float, high: float, top: float) -> dict[str, Any]:
    """Return a vertical axis from 0 to `top`, in the part of the figure from `low` to `high`."""
    colors = PALETTES["light"]
    return {
        "domain": [low, high], "range": [0, top], "fixedrange": True, "gridcolor": colors["grid"], "gridwidth": 1,
        "zeroline": True, "zerolinecolor": colors["axis"], "zerolinewidth": 1, "nticks": 5, "tickformat": ",",
        "ticksuffix": "\N{EN SPACE}", "separatethousands": True,
    }  # fmt: skip


def whole_number_ticks(top: float) -> dict[str, Any]:
    """Return whole-number ticks for an axis of counts that ends so low that it would have halves."""
    return {"dtick": 1} if top < 5 else {}


def label_margin_px(names: list[str]) -> int:
    """How wide a margin is that the names of rows fit into, in pixels."""
    return 16 + 9 * max([3, *(min(len(name), MAX_NAME_CHARS) for name in names)])


def rows_axis(names: list[str]) -> dict[str, Any]:
    """Return a vertical axis with a row for each name, the first on top; long names are cut, and stay apart as rows."""
    rows = [escape_markup(name) for name in names]
    return {
        "type": "category", "categoryorder": "array", "categoryarray": rows[::-1], "range": [-0.6, len(names) - 0.4],
        "fixedrange": True, "showgrid": False, "zeroline": False, "ticksuffix": "\N{EN SPACE}",
        "tickfont": {"color": PALETTES["light"]["ink"], "size": 14}, "tickmode": "array", "tickvals": rows,
        "ticktext": [escape_markup(_shorten(name)) + "\N{EN SPACE}" for name in names],
    }  # fmt: skip


def _shorten(name: str) -> str:
    return name if len(name) <= MAX_NAME_CHARS else f"{name[: MAX_NAME_CHARS - 1]}…"


def add_day_line(
    layout: dict[str, Any], marked: MarkedDay, role: str, *, dash: str, labelled: bool = True, left: bool = False
) -> None:  # fmt: skip
    """Draw a vertical line at a day, with its text above it if `labelled`, to the left of the line if `left`."""
    day = marked.day.isoformat()
    color = PALETTES["light"][role]
    layout["shapes"].append(
        {
            "type": "line", "name": role, "xref": "x", "yref": "paper", "x0": day, "x1": day, "y0": 0, "y1": 1,
            "line": {"color": color, "width": 1.25, "dash": dash},
        }
    )  # fmt: skip
    if labelled:
        annotation = text_label(marked.text, role, day, 1, "x", "paper", yshift=0 if marked.is_upright else 4)
        upright = {"textangle": -90, "xanchor": "right", "yanchor": "top"} if marked.is_upright else {}
        layout["annotations"].append(annotation | ({"xanchor": "right"} if left else {}) | upright)


def text_label(
    text: str, role: str, x: Any, y: Any, xref: str, yref: str, *, xshift: int = 0, yshift: int = 0, bold: bool = False
) -> dict[str, Any]:
    """Return a label at `x` and `y` of the axes `xref` and `yref`."""
    return {
        "text": text, "name": role, "x": x, "y": y, "xref": xref, "yref": yref, "xanchor": "left",
        "yanchor": "bottom", "xshift": xshift, "yshift": yshift, "showarrow": False, "align": "left",
        "font": {"color": PALETTES["light"][role], "size": 13, "weight": 600 if bold else 400},
    }  # fmt: skip


def reserved_rows(count: int) -> int:
    """Return the number of rows that a chart of `count` rows reserves space for."""
    return min(-(-max(count, 1) // ROW_STEP) * ROW_STEP, MAX_ROWS)


def rows_height_px(rows: int) -> int:
    """Return the height in pixels of a chart with space for `rows` rows."""
    return HEADER_PX + ROW_PX * rows


def escape_markup(name: str) -> str:
    """Escape a name from outside for a figure, as plotly would read `<b>` in it as markup."""
    return name.replace("&", "&amp;").replace("<", "&lt;")


def diamond_traces(points: Sequence[tuple[date, Any]], hover: str) -> list[dict[str, Any]]:
    """Return a trace of diamonds at days and rows; none without points."""
    if not points:
        return []
    return [
        {
            "type": "scatter", "mode": "markers", "name": "proven", "meta": "service",
            "x": [day.isoformat() for day, _ in points], "y": [at for _, at in points], "cliponaxis": False,
            "marker": {"symbol": "diamond", "size": 13, "color": PALETTES["light"]["service"]},
            "hovertemplate": f"{hover}<extra></extra>",
        }
    ]  # fmt: skip


def line_trace(name: str, role: str, x: list[str | None], y: list[Any], **more: Any) -> dict[str, Any]:
    """Return a line trace in the colour and dash of a role."""
    return {
        "type": "scatter", "mode": "lines", "name": name, "meta": role, "x": x, "y": y, "connectgaps": False,
        "line": {"color": PALETTES["light"][role], **STYLES[role], **more},
    }  # fmt: skip
