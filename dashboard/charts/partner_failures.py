"""One partner's failures over time: both sides block by block, as a chart and as the rows behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Any

from dashboard.charts.chart import Chart, ChartColumn
from dashboard.charts.layout import blank_figure, text_label, time_figure, value_axis, whole_number_ticks
from dashboard.charts.theme import PALETTES, STYLES
from dashboard.filters.partner_slug import display_name
from dashboard.queries.partners import SHOWN_FAULTS
from metrics.question import block_word
from roadmap.wording import gains, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.charts.layout import PlotlyFigure
    from dashboard.queries.partners import PartnerBlock

#: In pixels; static/partners.css reserves the same.
HEIGHT_PX = 260

#: Blocks that are drawn, the newest of them: a year of weeks, four months of days.
MAX_BLOCKS = 120

#: Fewer exchanges than this in most blocks make no rate: a week of three would leap from 0 to 1,000.
MIN_EXCHANGES_PER_BLOCK = 20

#: Few exchanges are counted by month where there are more days than this.
LONG_DAYS = 92

#: Up to so many blocks each gets its own tick.
MAX_TICKS = 7

RATE_COLUMNS = (
    ChartColumn(name="block", label="From", words=True),
    ChartColumn(name="block_end", label="to", words=True),
    ChartColumn(name="side", label="Service", words=True),
    ChartColumn(name="control_first", label="Monolith, of every 1,000", digits=1),
    ChartColumn(name="subject_first", label="Service, of every 1,000", digits=1),
    ChartColumn(name="control_exchanges", label="Monolith, exchanges"),
    ChartColumn(name="subject_exchanges", label="Service, exchanges"),
)

#: The same of few exchanges.
COUNT_COLUMNS = (
    *RATE_COLUMNS[:3],
    ChartColumn(name="control_first", label="Monolith, failed"),
    ChartColumn(name="subject_first", label="Service, failed"),
    *RATE_COLUMNS[5:],
)


def partner_failures_chart(partner: str, blocks: Sequence[PartnerBlock], mode: str) -> Chart:
    """Failed first attempts of every 1,000 exchanges; a block that a side lacks is a gap, not a nought."""
    unit = block_word(mode)
    few = is_few(blocks)
    if is_by_month(blocks):
        unit = "month"
    of = "" if few else "of every 1,000, "
    rows = [_row(block, few=few) for block in drawn_blocks(blocks)]
    faults = gains.under_faults(SHOWN_FAULTS[mode])
    cut = f" The last {MAX_BLOCKS} {unit}s." if len(merge_if_few(blocks)) > MAX_BLOCKS else ""
    return Chart(
        name="partner",
        title=_counts_title(rows, unit) if few else _rates_title(rows, unit),
        what=f"Exchanges of {display_name(partner)} whose first attempt failed, {of}by {unit}, {faults}. "
        f"All its feeds together.{cut}",
        figure=_figure(rows, unit, "failed" if few else "of every 1,000"),
        columns=COUNT_COLUMNS if few else RATE_COLUMNS,
        rows=rows,
        key=(("baseline", "monolith"), ("service", "service")),
    )


def drawn_blocks(blocks: Sequence[PartnerBlock]) -> Sequence[PartnerBlock]:
    """The blocks as the chart has them, one a row of its table."""
    return merge_if_few(blocks)[-MAX_BLOCKS:]


def merge_if_few(blocks: Sequence[PartnerBlock]) -> Sequence[PartnerBlock]:
    """The blocks, or months of them where each alone has few exchanges."""
    return merge_by_month(blocks) if is_by_month(blocks) else blocks


def is_by_month(blocks: Sequence[PartnerBlock]) -> bool:
    """Whether they are too many for the few exchanges that they hold."""
    return is_few(blocks) and (blocks[-1].block_end - blocks[0].block).days > LONG_DAYS


def is_few(blocks: Sequence[PartnerBlock]) -> bool:
    """Whether most blocks have too few exchanges for a rate."""
    many = [side[1] for block in blocks for side in (block.control, block.subject) if side]
    return bool(many) and median(many) < MIN_EXCHANGES_PER_BLOCK


def merge_by_month(blocks: Sequence[PartnerBlock]) -> tuple[PartnerBlock, ...]:
    """Blocks put together by the month that they begin in, and by the level of the service."""
    found = []
    for _, group in groupby(blocks, lambda one: (one.block.year, one.block.month, one.side)):
        part = list(group)
        control, subject = (
            (sum(one[0] for one in known), sum(one[1] for one in known)) if known else None
            for known in ([one.control for one in part if one.control], [one.subject for one in part if one.subject])
        )
        found.append(replace(part[0], block_end=part[-1].block_end, control=control, subject=subject))
    return tuple(found)


def _row(block: PartnerBlock, *, few: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "block": block.block.isoformat(), "block_end": block.block_end.isoformat(), "side": block.side,
    }  # fmt: skip
    for name, counts in (("control", block.control), ("subject", block.subject)):
        row[f"{name}_first"] = None if counts is None else counts[0] / (1 if few else counts[1] / 1000)
        row[f"{name}_exchanges"] = None if counts is None else counts[1]
    return row


def _rates_title(rows: Sequence[dict[str, Any]], unit: str) -> str:
    """The message: how often the service failed less, and how often as much, where both sides are known."""
    both = [row for row in rows if None not in (row["control_first"], row["subject_first"])]
    if not both:
        return f"Failed first attempts: no {unit} has both sides yet"
    fewer = sum(row["subject_first"] < row["control_first"] for row in both)
    more = sum(row["subject_first"] > row["control_first"] for row in both)
    if fewer == more == 0:
        return f"As many failed first attempts in each of {numbers.plural(len(both), unit)}"
    return f"Fewer failed first attempts in {fewer} of {numbers.plural(len(both), unit)}, more in {more or 'none'}"


def _counts_title(rows: Sequence[dict[str, Any]], unit: str) -> str:
    """The message of few exchanges: how many failed of how many, of either side where both are known."""
    both = [row for row in rows if None not in (row["control_first"], row["subject_first"])]
    if not both:
        return _rates_title(rows, unit)
    ours, theirs = (
        f"{sum(row[f'{name}_first'] for row in both):,.0f} of {sum(row[f'{name}_exchanges'] for row in both):,}"
        for name in ("subject", "control")
    )
    return f"Failed first attempts: {ours} with the service, {theirs} with the monolith"


def _figure(rows: Sequence[dict[str, Any]], unit: str, what: str) -> PlotlyFigure:
    known = [row[name] for row in rows for name in ("control_first", "subject_first") if row[name] is not None]
    top = max(known, default=0.0) * 1.06 or 1.0
    figure = blank_figure(HEIGHT_PX)
    if rows:
        first, last = (date.fromisoformat(row["block"]) for row in (rows[0], rows[-1]))
        figure = time_figure(HEIGHT_PX, first, last, f"{unit.capitalize()} of %{{x|%-d %b %Y}}")
    layout = figure["layout"]
    layout["margin"]["t"] = 12
    layout["xaxis"]["anchor"], layout["yaxis"] = "y", value_axis(0, 1, top)
    lines = [
        _line(rows, "baseline", "control_first", "monolith", by_side=False),
        _line(rows, "service", "subject_first", "service", by_side=True),
    ]
    for line in lines:
        line["hovertemplate"] = f"%{{y:,.0f}} {what}"
    layout["xaxis"] |= _ticks(rows)
    layout["yaxis"] |= whole_number_ticks(top)
    layout["annotations"] = _labels(lines, top)
    return figure | {"data": lines}


def _ticks(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Ticks of a few blocks, each by its day; a single one stands in the middle."""
    if not 0 < len(rows) <= MAX_TICKS:
        return {}
    days = [date.fromisoformat(row["block"]) for row in rows]
    room = timedelta(days=1 if len(rows) == 1 else 0)
    return {
        "tickvals": [day.isoformat() for day in days], "tickformat": "%-d %b",
        "range": [(days[0] - room).isoformat(), (days[-1] + room).isoformat()],
    }  # fmt: skip


def _line(rows: Sequence[dict[str, Any]], role: str, column: str, label: str, *, by_side: bool) -> dict[str, Any]:
    """One side's points; the service's line is broken where another level takes over."""
    days: list[str] = []
    values: list[float | None] = []
    before = None
    for row in rows:
        if before is not None and (_apart(before, row) or (by_side and before["side"] != row["side"])):
            days.append(before["block_end"])
            values.append(None)
        days.append(row["block"])
        values.append(None if row[column] is None else round(row[column], 1))
        before = row
    alone = sum(value is not None for value in values) == 1
    return {
        "type": "scatter", "mode": "markers" if alone else "lines", "name": label, "meta": role, "x": days, "y": values,
        "connectgaps": False, "cliponaxis": False, "line": {"color": PALETTES["light"][role], **STYLES[role]},
    }  # fmt: skip


def _apart(before: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether blocks are missing between two."""
    return (date.fromisoformat(row["block"]) - date.fromisoformat(before["block_end"])).days > 1


def _labels(lines: Sequence[dict[str, Any]], top: float) -> list[dict[str, Any]]:
    """Each line's name at its last point, pushed apart where two would touch."""
    ends = []
    for line in lines:
        known = [(day, value) for day, value in zip(line["x"], line["y"], strict=True) if value is not None]
        if known:
            ends.append((known[-1][1], known[-1][0], line["meta"], line["name"]))
    placed, floor_px = [], 0.0
    for value, day, role, label in sorted(ends):
        at_px = value / top * (HEIGHT_PX - 42)
        shown_px = max(at_px, floor_px)
        floor_px = shown_px + 17
        label_of = text_label(label, role, day, value, "x", "y", xshift=8, yshift=round(shown_px - at_px), bold=True)
        placed.append(label_of | {"name": f"{role} label", "yanchor": "middle"})
    return placed
