"""Charts of the home page: busy time and failed exchanges by block."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dashboard.charts import weekly_figures
from dashboard.charts.chart import Chart, ChartColumn
from dashboard.charts.layout import MarkedDay
from dashboard.queries import weekly
from roadmap.report.block_series import peak_s, smallest_difference
from roadmap.wording import numbers
from roadmap.wording.numbers import time_unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pandas as pd

    from roadmap.report.block_series import BlockPoint, MilestoneSpan
    from roadmap.wording.numbers import TimeUnit


DAY_COLUMNS = (
    ChartColumn(name="block", label="From", words=True),
    ChartColumn(name="block_end", label="to", words=True),
)


TIME_COLUMNS = ("control_s", "subject_s", "target_s")


BUSY_COLUMNS = (
    *DAY_COLUMNS,
    ChartColumn(name="control_s", label="Monolith, s"),
    ChartColumn(name="subject_s", label="Service, s"),
    ChartColumn(name="target_s", label="Target, s"),
    ChartColumn(name="control_held", label="Monolith, records held"),
    ChartColumn(name="subject_held", label="Service, records held"),
)


FAILED_COLUMNS = (
    *DAY_COLUMNS,
    ChartColumn(name="control_first", label="Monolith, first attempt", digits=1),
    ChartColumn(name="subject_first", label="Service, first attempt", digits=1),
    ChartColumn(name="control_after", label="Monolith, after retries", digits=1),
    ChartColumn(name="subject_after", label="Service, after retries", digits=1),
    ChartColumn(name="control_exchanges", label="Monolith, exchanges"),
    ChartColumn(name="subject_exchanges", label="Service, exchanges"),
)


def busy_chart(
    frame: pd.DataFrame,
    spans: Sequence[MilestoneSpan],
    window: tuple[date, date] | None,
    faults: tuple[str, str],
    unit: str,
    moves: Sequence[MarkedDay] = (),
) -> Chart:
    """Return the chart of busy time per 1,000 records.

    Args:
        frame: as `weekly_frame` makes it.
        spans: the milestone of each stretch of days.
        window: the days the verdict counts.
        faults: the faults of the runs, as name and as text.
        unit: what a block is called.
        moves: stage changes of routes.
    """
    targets = {span.target for span in spans if span.target is not None}
    target = f"{numbers.percent(targets.pop())} less" if len(targets) == 1 else "target"
    points = weekly.to_block_points(frame)
    time = time_unit(peak_s(points))
    least = smallest_difference(points)
    unit_name = {"s": "seconds", "ms": "milliseconds"}[time.unit]
    return Chart(
        name="busy",
        title=_better_blocks_title(frame, "s", "Less time per record", unit),
        what=f"Busy time per 1,000 records the partner holds, in {unit_name}, by {unit}. {faults[1]}, "
        "all feeds together.",
        figure=weekly_figures.draw_busy(frame, [*_milestone_starts(spans), *moves], window, target, time),
        columns=tuple(_in_unit(column, time) for column in BUSY_COLUMNS),
        rows=weekly.plain_rows(frame, [column.name for column in BUSY_COLUMNS]),
        key=(("baseline", "monolith"), ("service", "service"), ("target", _target_key(target))),
        note=f"{least.text} {least.note}".strip() if least else "",
        note_keys=_block_run_keys(least.week, spans, faults[0]) if least else None,
    )


def _target_key(target: str) -> str:
    return target if target == "target" else f"target: {target}"


def _in_unit(column: ChartColumn, time: TimeUnit) -> ChartColumn:
    """Return a column of seconds in the unit of the table; the data stays in seconds."""
    if column.name not in TIME_COLUMNS:
        return column
    return replace(column, digits=time.digits, times=time.factor, shown=column.label.removesuffix("s") + time.unit)


def _block_run_keys(week: BlockPoint, spans: Sequence[MilestoneSpan], faults: str) -> dict[str, object]:
    """Return the query keys of both sides' runs of one block."""
    milestone = next(span.milestone for span in spans if span.code == week.milestone)
    sides = (milestone.control, milestone.subject)
    return {"side": sides, "faults": faults, "from_": week.block, "to": week.block_end}


def failed_chart(
    frame: pd.DataFrame,
    spans: Sequence[MilestoneSpan],
    window: tuple[date, date] | None,
    faults: tuple[str, str],
    unit: str,
    moves: Sequence[MarkedDay] = (),
) -> Chart:
    """Return the chart of failed exchanges per 1,000, at the first attempt and after retries."""
    return Chart(
        name="failed",
        title=failures_title(frame, unit),
        what=f"Failed exchanges of every 1,000, by {unit}. {faults[1]}, all feeds together.",
        figure=weekly_figures.draw_failed(frame, [*_milestone_starts(spans), *moves], window),
        columns=FAILED_COLUMNS,
        rows=weekly.plain_rows(frame, [column.name for column in FAILED_COLUMNS]),
        key=(("baseline", "monolith"), ("service", "service")),
    )


def _milestone_starts(spans: Sequence[MilestoneSpan]) -> list[MarkedDay]:
    return [MarkedDay(day=span.start, text=f"{span.code} {span.milestone.title}") for span in spans]


def failures_title(frame: pd.DataFrame, unit: str) -> str:
    """Return the title of the chart of failures; where neither side had more in most blocks, that is what it says."""
    both = frame[["control_first", "subject_first"]].dropna()
    alike = int((both["subject_first"] == both["control_first"]).sum())
    if not both.empty and alike * 2 > len(both):
        return f"As many failed first attempts in {alike} of {numbers.plural(len(both), unit)}"
    return _better_blocks_title(frame, "first", "Fewer failed first attempts", unit)


def _better_blocks_title(frame: pd.DataFrame, name: str, claim: str, unit: str) -> str:
    """Return a chart's title: in time many blocks with both sides the service did better."""
    both = frame[[f"control_{name}", f"subject_{name}"]].dropna()
    if both.empty:
        return f"{claim}: no {unit} has both sides yet"
    better = int((both[f"subject_{name}"] < both[f"control_{name}"]).sum())
    return f"{claim} in {better} of {numbers.plural(len(both), unit)}"
