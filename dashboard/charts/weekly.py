"""The two charts of the home page: busy time and failed exchanges by block."""

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
    parts: Sequence[MilestoneSpan],
    window: tuple[date, date] | None,
    faults: tuple[str, str],
    unit: str,
) -> Chart:
    """The chart of busy time per 1,000 records.

    Args:
        frame: as `frames.weekly` makes it.
        parts: the milestones that stood.
        window: the days the verdict counts.
        faults: what runs met, by its name and in words.
        unit: what a block is called.
    """
    targets = {part.target for part in parts if part.target is not None}
    target = f"{numbers.percent(targets.pop())} less" if len(targets) == 1 else "target"
    weeks = weekly.to_block_points(frame)
    how = time_unit(peak_s(weeks))
    least = smallest_difference(weeks)
    long = {"s": "seconds", "ms": "milliseconds"}[how.unit]
    about = f"Busy time per 1,000 records the partner holds, in {long}, by {unit}. {faults[1]}, all feeds together."
    return Chart(
        name="busy",
        title=_better_blocks_title(frame, "s", "Less time per record", unit),
        what=about,
        figure=weekly_figures.draw_busy(frame, _milestone_starts(parts), window, target, how),
        columns=tuple(_in_unit(column, how) for column in BUSY_COLUMNS),
        rows=weekly.plain_rows(frame, [column.name for column in BUSY_COLUMNS]),
        key=(("baseline", "monolith"), ("service", "service"), ("target", _target_key(target))),
        note=f"{least.said} {least.more}".strip() if least else "",
        noted=_block_run_keys(least.week, parts, faults[0]) if least else None,
    )


def _target_key(target: str) -> str:
    return target if target == "target" else f"target: {target}"


def _in_unit(column: ChartColumn, how: TimeUnit) -> ChartColumn:
    """A column of seconds as the table shows it; the data stays in seconds."""
    if column.name not in TIME_COLUMNS:
        return column
    return replace(column, digits=how.digits, times=how.times, shown=column.label.removesuffix("s") + how.unit)


def _block_run_keys(week: BlockPoint, parts: Sequence[MilestoneSpan], faults: str) -> dict[str, object]:
    """The list of both sides' runs of one block."""
    stood = next(part.milestone for part in parts if part.code == week.milestone)
    sides = (stood.control, stood.subject)
    return {"side": sides, "faults": faults, "from_": week.block, "to": week.block_end}


def failed_chart(
    frame: pd.DataFrame,
    parts: Sequence[MilestoneSpan],
    window: tuple[date, date] | None,
    faults: tuple[str, str],
    unit: str,
) -> Chart:
    """The chart of failed exchanges per 1,000, at the first attempt and after retries."""
    return Chart(
        name="failed",
        title=_better_blocks_title(frame, "first", "Fewer failed first attempts", unit),
        what=f"Failed exchanges of every 1,000, by {unit}. {faults[1]}, all feeds together.",
        figure=weekly_figures.draw_failed(frame, _milestone_starts(parts), window),
        columns=FAILED_COLUMNS,
        rows=weekly.plain_rows(frame, [column.name for column in FAILED_COLUMNS]),
        key=(("baseline", "monolith"), ("service", "service")),
    )


def _milestone_starts(parts: Sequence[MilestoneSpan]) -> list[MarkedDay]:
    return [MarkedDay(when=part.start, text=f"{part.code} {part.milestone.title}") for part in parts]


def _better_blocks_title(frame: pd.DataFrame, name: str, said: str, unit: str) -> str:
    """A chart's message: in how many weeks the service did better, of those that both sides have."""
    both = frame[[f"control_{name}", f"subject_{name}"]].dropna()
    if both.empty:
        return f"{said}: no {unit} has both sides yet"
    better = int((both[f"subject_{name}"] < both[f"control_{name}"]).sum())
    return f"{said} in {better} of {numbers.plural(len(both), unit)}"
