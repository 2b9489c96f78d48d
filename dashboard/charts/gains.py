"""Chart: the time saved by each partner, with its range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.charts.chart import Chart, ChartColumn
from dashboard.charts.layout import (
    blank_figure,
    escape_markup,
    label_margin_px,
    reserved_rows,
    rows_axis,
    rows_height_px,
    text_label,
)
from dashboard.charts.theme import PALETTES
from dashboard.queries.partner_gains import describe_split, split_by_direction
from roadmap.wording import dates, numbers
from roadmap.wording.gains import gained, less_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.charts.layout import PlotlyFigure
    from dashboard.queries.partner_gains import MilestoneGains, PartnerGain


#: Ticks of the axis, as ratios to the baseline's time; only those within the range are shown.
TICKS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GainDot:
    """One gain and its likely range, as shares of the baseline's time."""

    name: str
    estimate: float
    low: float
    high: float


def draw_gains(dots: Sequence[GainDot], target: float | None) -> PlotlyFigure:
    """Draw each gain as a dot with its likely range, the first on top; less time is to the right.

    The axis is logarithmic: half the time is as far from the same time as twice the time is.
    """
    names = [dot.name for dot in dots]
    times = [(1 - dot.high, 1 - dot.estimate, 1 - dot.low) for dot in dots]
    service = PALETTES["light"]["service"]
    figure = blank_figure(rows_height_px(reserved_rows(len(dots))))
    layout = figure["layout"]
    layout |= {"hovermode": "closest", "yaxis": rows_axis(names)}
    layout["margin"] |= {"l": label_margin_px(names), "r": 28}
    limits = [1.0, *(time for ends in times for time in ends), *([] if target is None else [1 - target])]
    least, most = (math.log10(max(limit, 0.001)) for limit in (min(limits), max(limits)))
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
            "y": [escape_markup(name) for name in names],
            "x": [round(middle, 4) for _, middle, _ in times], "cliponaxis": False,
            "marker": {"size": 10, "color": service},
            "error_x": {
                "type": "data", "symmetric": False, "color": service, "thickness": 2, "width": 0,
                "array": [round(high - middle, 4) for _, middle, high in times],
                "arrayminus": [round(middle - low, 4) for low, middle, _ in times],
            },
            "customdata": [
                [gained(dot.estimate, dot.low, dot.high), numbers.span(dot.low, dot.high)] for dot in dots
            ],
            "hovertemplate": "%{y}: %{customdata[0]}, likely %{customdata[1]}<extra></extra>",
        }
    ]  # fmt: skip
    marks = [(1.0, "axis", "solid", "")]
    if target is not None:
        marks.append((1 - target, "target", "dashdot", f"target {less_time(target)}"))
    for at, role, dash, label in marks:
        line = {"color": PALETTES["light"][role], "width": 1.5, "dash": dash}
        layout["shapes"].append(
            {
                "type": "line", "name": role, "xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1,
                "line": line, "layer": "below",
            }
        )  # fmt: skip
        if label:
            note = text_label(label, role, math.log10(max(at, 0.001)), 1, "x", "paper", yshift=4)
            layout["annotations"].append(note | {"xanchor": "center"})
    return figure


def _tick_text(ratio: float) -> str:
    return "same" if ratio == 1 else less_time(1 - ratio).removesuffix(" time")


GAINS_COLUMNS = (
    ChartColumn(name="partner", label="Partner", words=True),
    ChartColumn(name="estimate", label="Time saved, %", ranged=True),
    ChartColumn(name="low", label="Likely from, %", ranged=True),
    ChartColumn(name="high", label="Likely to, %", ranged=True),
    ChartColumn(name="blocks", label="Blocks with both sides"),
    ChartColumn(name="runs", label="Runs counted"),
    ChartColumn(name="said", label="In words", words=True),
)


def gains_chart(milestone: MilestoneGains) -> Chart | None:
    """Return each partner's gain; None where no partner has enough runs for a range."""
    known = [gain for gain in milestone.partners if gain.has_range]
    if not known:
        return None
    dots = [
        GainDot(name=gain.partner, estimate=gain.estimate, low=gain.low, high=gain.high)
        for gain in known
        if gain.estimate is not None and gain.low is not None and gain.high is not None
    ]
    days = dates.days_between(milestone.start, milestone.end)
    return Chart(
        name=f"gains-{milestone.code}",
        title=describe_split(split_by_direction(milestone)),
        what=f"Processing time against the monolith, {days}, by partner: a dot is the estimate, "
        "the line its likely range. Less time is to the right; half the time is as far from the same "
        "time as twice the time.",
        figure=draw_gains(dots, milestone.target),
        columns=GAINS_COLUMNS,
        rows=[_gain_row(gain) for gain in milestone.partners],
        size=f"rows-{reserved_rows(len(dots))}",
    )


def _gain_row(gain: PartnerGain) -> dict[str, Any]:
    shares = {name: getattr(gain, name) if gain.has_range else None for name in ("estimate", "low", "high")}
    text = gained(gain.estimate, gain.low, gain.high) if gain.has_range else "too few runs"
    percents = {name: None if share is None else round(share * 100, 2) for name, share in shares.items()}
    return {"partner": gain.partner} | percents | {"blocks": gain.blocks, "runs": gain.runs, "said": text}
