"""Chart: plan against actual, in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from dashboard.charts.chart import CODE, Chart, Column, plain_value
from dashboard.charts.layout import (
    DAY_MS,
    Mark,
    diamonds,
    frame_of,
    height_of,
    mark,
    plainly,
    room_for,
    rows_axis,
    rows_of,
    text,
)
from dashboard.charts.theme import PALETTES
from roadmap.wording import dates, numbers
from roadmap.wording.verdicts import STATUS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.charts.layout import Figure
    from dashboard.queries.plan_history import Track
    from roadmap.model import Verdict


PLAN = (
    CODE,
    Column(name="title", label="Title", words=True),
    Column(name="first_start", label="First plan, start", words=True),
    Column(name="first_due", label="First plan, due", words=True),
    Column(name="start", label="Start", words=True),
    Column(name="due", label="Due", words=True),
    Column(name="measured_from", label="Measured from", words=True),
    Column(name="measured_to", label="Measured to", words=True),
    Column(name="proven_on", label="Proven", words=True),
    Column(name="status", label="Status", words=True),
)


def plan(tracks: Sequence[Track], verdicts: Sequence[Verdict], today: date) -> Chart:
    """Plan against actual, in time; `verdicts` are those of the numbers alone."""
    bars = [
        Bar(
            code=one.code, title=one.title, first_start=one.first_start, first_due=one.first_due, start=one.start,
            due=one.due, measured_from=one.measured_from, measured_to=one.measured_to, proven_on=one.proven_on,
            built=one.built,
        )
        for one in tracks
    ]  # fmt: skip
    status = {verdict.code: STATUS[verdict.status] for verdict in verdicts}
    rows = [
        {column.name: plain_value(getattr(one, column.name)) for column in PLAN if column.name != "status"}
        | {"status": status[one.code]}
        for one in tracks
    ]
    moved = sum(one.first_due is not None and one.first_due != one.due for one in tracks)
    said = f"; {numbers.plural(moved, 'due date')} moved" if moved else ""
    return Chart(
        name="plan",
        title=f"{_proven(tracks)} by {dates.day(today, year=True)}{said}",
        what="Plan against actual. Bars from start to due date as planned now, grey where the service level is not "
        "built; the thin line above, the first plan; the thin line below, the days measured; diamonds, the day of "
        "proof.",
        figure=draw_plan(bars, today),
        columns=PLAN,
        rows=rows,
        size=f"rows-{rows_of(2 * len(bars))}",
    )


def _proven(tracks: Sequence[Track]) -> str:
    proven = sum(one.proven_on is not None for one in tracks)
    if len(tracks) == 1:
        return f"{tracks[0].code} {'proven' if proven else 'not proven'}"
    return f"{proven} of {numbers.plural(len(tracks), 'milestone')} proven"


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


Stripe = tuple[Bar, date | None, date | None]


def draw_plan(bars: Sequence[Bar], today: date) -> Figure:
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
    figure["data"] += diamonds(
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
