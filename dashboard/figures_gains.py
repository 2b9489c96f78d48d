"""The figure of gains: dots with their likely ranges. Values in, a plain dict out, as in `figures`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.drawing import blank, height_of, plainly, room_for, rows_axis, rows_of, text
from dashboard.palette import PALETTES
from roadmap.wording import gains as wording_gains
from roadmap.wording import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.drawing import Figure

#: Shares of the baseline's time that the axis may name, where the range reaches them.
TICKS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One gain and its likely range, as shares of the baseline's time."""

    name: str
    estimate: float
    low: float
    high: float


def gains(dots: Sequence[Dot], target: float | None) -> Figure:
    """Each gain as a dot with its likely range, the first on top; less time lies to the right.

    The axis is one of ratios: half the time is as far from the same time as twice the time is.
    """
    names = [dot.name for dot in dots]
    times = [(1 - dot.high, 1 - dot.estimate, 1 - dot.low) for dot in dots]
    service = PALETTES["light"]["service"]
    figure = blank(height_of(rows_of(len(dots))))
    layout = figure["layout"]
    layout |= {"hovermode": "closest", "yaxis": rows_axis(names)}
    layout["margin"] |= {"l": room_for(names), "r": 28}
    ends = [1.0, *(time for one in times for time in one), *([] if target is None else [1 - target])]
    least, most = (math.log10(max(end, 0.001)) for end in (min(ends), max(ends)))
    room = (most - least) * 0.05 or 0.1
    ticks = [tick for tick in TICKS if least - room <= math.log10(tick) <= most + room]
    layout["xaxis"] |= {
        "type": "log", "range": [most + room, least - room], "tickvals": ticks,
        "ticktext": [_tick_text(tick) for tick in ticks],
        "showgrid": True, "gridcolor": PALETTES["light"]["grid"],
    }  # fmt: skip
    figure["data"] = [
        {
            "type": "scatter", "mode": "markers", "name": "time", "meta": "service",
            "y": [plainly(name) for name in names],
            "x": [round(middle, 4) for _, middle, _ in times], "cliponaxis": False,
            "marker": {"size": 10, "color": service},
            "error_x": {
                "type": "data", "symmetric": False, "color": service, "thickness": 2, "width": 0,
                "array": [round(high - middle, 4) for _, middle, high in times],
                "arrayminus": [round(middle - low, 4) for low, middle, _ in times],
            },
            "customdata": [
                [wording_gains.gained(dot.estimate, dot.low, dot.high), numbers.span(dot.low, dot.high)] for dot in dots
            ],
            "hovertemplate": "%{y}: %{customdata[0]}, likely %{customdata[1]}<extra></extra>",
        }
    ]  # fmt: skip
    marks = [(1.0, "axis", "solid", "")]
    if target is not None:
        marks.append((1 - target, "target", "dashdot", f"target {wording_gains.less_time(target)}"))
    for at, role, dash, label in marks:
        line = {"color": PALETTES["light"][role], "width": 1.5, "dash": dash}
        layout["shapes"].append(
            {
                "type": "line", "name": role, "xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1,
                "line": line, "layer": "below",
            }
        )  # fmt: skip
        if label:
            note = text(label, role, math.log10(max(at, 0.001)), 1, "x", "paper", yshift=4)
            layout["annotations"].append(note | {"xanchor": "center"})
    return figure


def _tick_text(ratio: float) -> str:
    return "same" if ratio == 1 else wording_gains.less_time(1 - ratio).removesuffix(" time")
