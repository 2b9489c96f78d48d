"""Figures of the plan: plan against actual, slips, and criteria reached. Values in, plain dicts out.

As in `figures`: no database, no request, no clock, no import of plotly, and each coloured part names its role.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dashboard.drawing import (
    DAY_MS,
    Mark,
    frame_of,
    height_of,
    mark,
    plainly,
    room_for,
    rows_axis,
    rows_of,
    text,
    y_axis,
)
from dashboard.palette import PALETTES, STYLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from dashboard.drawing import Figure

    Stripe = tuple["Bar", date | None, date | None]

#: Heights in pixels; the style sheet reserves the same, so that nothing jumps when a chart arrives.
HEIGHTS = {"slips": 420, "burnup": 300}

#: Counts up to here have a mark for each; beyond, marks fall on whole numbers by themselves.
WHOLE_UP_TO = 6

#: The share of the plan's length that forecasts may lie beyond its end and still be drawn where they are.
BEYOND = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One milestone in time: planned first, planned now, measured, proven. None: not fixed, or not so far."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """One milestone's forecasts: day of report, day expected (None: not within three years); its due dates by then."""

    code: str
    foreseen: tuple[tuple[date, date | None], ...]
    dues: tuple[tuple[date, date], ...]  #: from a day on, the due date
    until: date  #: where the due date's line ends
    proven_on: date | None


def plan(bars: Sequence[Bar], today: date) -> Figure:
    """Plan against actual: the plan of today as a bar, the first plan above it, what was measured below, and proof."""
    first = min([today, *(day for bar in bars for day in (bar.start, bar.first_start) if day)])
    last = max([today, *(day for bar in bars for day in (bar.due, bar.first_due, bar.proven_on) if day)])
    figure = frame_of(height_of(rows_of(2 * len(bars))), first, last + timedelta(days=2))
    now = [("planned", "plan", True), ("planned, not built yet", "unbuilt", False)]
    for name, role, built in now:
        group = [bar for bar in bars if bar.built is built]
        figure["data"] += _bars(name, role, [(bar, bar.start, bar.due) for bar in group], 0.44, -0.22, titled=True)
    then = [(bar, bar.first_start, bar.first_due) for bar in bars if bar.first_start and bar.first_due]
    figure["data"] += _bars("first plan", "baseline", then, 0.07, 0.27)
    done = [(bar, bar.measured_from, bar.measured_to) for bar in bars if bar.measured_from and bar.measured_to]
    figure["data"] += _bars("measured", "service", done, 0.07, -0.34)
    figure["data"] += _diamonds(
        [(bar.proven_on, bar.code) for bar in bars if bar.proven_on], "%{y} proven on %{x|%-d %b %Y}"
    )
    layout = figure["layout"]
    layout |= {"hovermode": "closest", "barmode": "overlay", "yaxis": rows_axis([bar.code for bar in bars])}
    layout["margin"] |= {"r": 16, "l": room_for([bar.code for bar in bars])}
    mark(layout, Mark(when=today, text="today"), "ink", dash="solid", left=True)
    layout["annotations"] += _stripes(then, done, last - (last - first) * 0.2)
    return figure


def _stripes(then: Sequence[Stripe], done: Sequence[Stripe], room: date) -> list[dict[str, Any]]:
    """What the thin lines are, said once, on the first row that has room beside it."""
    notes = []
    for group, label, role, yshift in ((then, "first plan", "baseline", 16), (done, "measured", "service", -17)):
        ends = ((bar, max(end, bar.due, bar.proven_on or end)) for bar, _, end in group if end)
        for bar, end in ends:
            if end < room:
                note = text(label, role, end.isoformat(), bar.code, "x", "y", xshift=6, yshift=yshift, bold=True)
                notes.append(note | {"yanchor": "middle", "name": f"{role} label"})
                break
    return notes


def _bars(
    name: str, role: str, group: Sequence[Stripe], width: float, offset: float, *,
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
        "customdata": [[f"{start:%-d %b}", f"{end:%-d %b %Y}"] for _, start, end in known],
        "hovertemplate": f"%{{y}} {name}: %{{customdata[0]}} to %{{customdata[1]}}<extra></extra>",
        "marker": {"color": PALETTES["light"][role], "line": {"width": 0}},
    }
    if titled:
        trace |= {
            "text": [f"\N{EN SPACE}{plainly(bar.title)}" for bar, _, _ in known],
            "textposition": "inside",
            "insidetextanchor": "start",
            "textangle": 0,
            "constraintext": "none",
            "textfont": {"color": PALETTES["light"]["ink"]},
        }
    return [trace]


def _diamonds(points: Sequence[tuple[date, Any]], hover: str) -> list[dict[str, Any]]:
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


def slips(series: Sequence[Slip], today: date) -> Figure:
    """Day of report against day expected: a level line keeps its date, a rising one slips, and the diagonal is now."""
    days = [day for one in series for day, _ in (*one.foreseen, *one.dues)]
    ends = [today, *(due for one in series for _, due in one.dues), *(one.proven_on for one in series if one.proven_on)]
    first, last = min([today, *days]), max(ends)
    top = last + max(timedelta(days=round((last - first).days * BEYOND)), timedelta(days=14))
    figure = frame_of(HEIGHTS["slips"], first, last, "Reported on %{x|%-d %b %Y}")
    layout = figure["layout"]
    layout["yaxis"] = y_axis(0, 1, 1) | {
        "type": "date", "range": [first.isoformat(), top.isoformat()], "tickformat": "%b %Y", "zeroline": False,
    }  # fmt: skip
    layout["hovermode"] = "closest"
    layout["margin"] |= {"l": 76, "r": 40}
    figure["data"] = [
        _line("report day", "baseline", [first.isoformat(), last.isoformat()], [first.isoformat(), last.isoformat()])
        | {"hoverinfo": "skip"}
    ]
    figure["data"] += [_dues(one) for one in series if one.dues]
    for one in series:
        figure["data"] += _foreseen(one, top)
        if label := _label(one, top):
            layout["annotations"].append(label)
    known = [(one.proven_on, one.proven_on.isoformat()) for one in series if one.proven_on]
    figure["data"] += _diamonds(known, "Proven on %{x|%-d %b %Y}")
    middle = (first + (last - first) * 0.62).isoformat()
    layout["annotations"].append(_named("day of report", "baseline", middle, middle) | {"yanchor": "top", "xshift": 10})
    if dues := [due for one in series for due in one.dues]:
        day, due = min(dues)
        layout["annotations"].append(_named("due", "target", day.isoformat(), due.isoformat()))
    return figure


def _named(label: str, role: str, x: str, y: str) -> dict[str, Any]:
    """A line's name on the line, for pages that are wide enough."""
    return text(label, role, x, y, "x", "y", xshift=4, yshift=2, bold=True) | {"name": f"{role} label"}


def _line(name: str, role: str, x: list[str | None], y: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "name": name, "meta": role, "x": x, "y": y, "connectgaps": False,
        "line": {"color": PALETTES["light"][role], **STYLES[role], **more},
    }  # fmt: skip


def _dues(one: Slip) -> dict[str, Any]:
    x = [day.isoformat() for day, _ in one.dues] + [max(one.until, one.dues[-1][0]).isoformat()]
    y = [due.isoformat() for _, due in one.dues] + [one.dues[-1][1].isoformat()]
    trace = _line(f"{one.code} due", "target", [*x], y, shape="hv")
    return trace | {"hovertemplate": f"{one.code} due %{{y|%-d %b %Y}}<extra></extra>"}


def _foreseen(one: Slip, top: date) -> list[dict[str, Any]]:
    """The forecasts as a line; those beyond the chart, or not within three years, as open triangles at its top."""
    inside = [(day, on if on and on <= top else None) for day, on in one.foreseen]
    beyond = [(day, on) for day, on in one.foreseen if on is None or on > top]
    traces = []
    if any(on for _, on in inside):
        traces.append(
            _line(
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


def _label(one: Slip, top: date) -> dict[str, Any] | None:
    """The milestone's code where its forecasts begin, else where its due date's line does."""
    if one.foreseen:
        day, on = one.foreseen[0]
        at = on if on and on <= top else top
        return text(one.code, "service", day.isoformat(), at.isoformat(), "x", "y", yshift=9, bold=True) | {
            "xanchor": "center"
        }
    if one.dues:
        day, due = one.dues[0]
        return text(one.code, "target", day.isoformat(), due.isoformat(), "x", "y", yshift=4, bold=True)
    return None


def burnup(points: Sequence[tuple[date, int, int]]) -> Figure:
    """Criteria met by day, rising towards the criteria in scope.

    Args:
        points: day judged, criteria met or held, criteria in scope; at least two days.
    """
    days = [day for day, _, _ in points]
    figure = frame_of(HEIGHTS["burnup"], days[0], days[-1], "Judged on %{x|%-d %b %Y}")
    top = max(max(scope, met) for _, met, scope in points) * 1.12 or 1.0
    whole = {"tick0": 0, "dtick": 1} if top < WHOLE_UP_TO else {}  # there is no half of a criterion
    figure["layout"]["yaxis"] = y_axis(0, 1, top) | whole
    shown = (("met", "service", [met for _, met, _ in points]), ("in scope", "baseline", [n for _, _, n in points]))
    for label, role, values in shown:
        line = _line(label, role, [day.isoformat() for day in days], [*values], shape="hv")
        figure["data"].append(line | {"cliponaxis": False, "hovertemplate": "%{y:,}"})
        note = text(label, role, days[-1].isoformat(), values[-1], "x", "y", xshift=8, bold=True)
        near = role == "service" and points[-1][2] - points[-1][1] < top / 14
        figure["layout"]["annotations"].append(
            note | {"yanchor": "middle", "name": f"{role} label", "yshift": -17 if near else 0}
        )
    return figure
