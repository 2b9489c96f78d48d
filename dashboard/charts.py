"""What a page shows around a figure: titles, key, table, and where the same numbers are as CSV and JSON."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dashboard import figures, frames, words
from dashboard.drawing import Mark
from roadmap.report.block_series import peak_s, smallest_difference
from roadmap.wording import numbers
from roadmap.wording.numbers import time_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import pandas as pd

    from dashboard.drawing import Figure
    from roadmap.report.block_series import BlockPoint, MilestoneSpan
    from roadmap.wording.numbers import TimeUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a chart's table: its name in CSV and JSON, its heading, and whether it holds words.

    The table may show another unit than the data, whose units never change: `times` as much, under the heading `shown`.
    """

    name: str
    label: str
    words: bool = False
    digits: int = 0
    ranged: bool = False  #: a percentage with as many digits as the range in its row supports, from `low` to `high`
    shown: str = ""
    times: float = 1.0

    @property
    def heading(self) -> str:
        """What stands over the column in the table."""
        return self.shown or self.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart with all that stands around it. `rows` are plain values, `cells` the same as people read them."""

    name: str
    title: str
    what: str
    figure: Figure
    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]
    key: tuple[tuple[str, str], ...] = ()
    csv: str = ""
    json: str = ""
    size: str = ""  #: the class that reserves its height; "": its name
    lists: Mapping[tuple[int, str], Mapping[str, str]] = field(
        default_factory=dict
    )  #: what cells count, by row, column
    hrefs: Mapping[tuple[int, int], str] = field(default_factory=dict)  #: and where it is, by the places of both
    note: str = ""  #: what to see in it, below the drawing
    noted: Mapping[str, object] | None = None  #: the list of the runs that the note is about, as `links.runs` takes it
    note_runs: str = ""  #: the address of that list

    @property
    def cells(self) -> list[list[str]]:
        """The table's cells in words; a missing number is a dash with its reason in the caption."""
        return [[_cell(row, column) for column in self.columns] for row in self.rows]


DAYS = (Column(name="block", label="From", words=True), Column(name="block_end", label="to", words=True))
TIMES = ("control_s", "subject_s", "target_s")
BUSY = (
    *DAYS,
    Column(name="control_s", label="Monolith, s"),
    Column(name="subject_s", label="Service, s"),
    Column(name="target_s", label="Target, s"),
    Column(name="control_held", label="Monolith, records held"),
    Column(name="subject_held", label="Service, records held"),
)
FAILED = (
    *DAYS,
    Column(name="control_first", label="Monolith, first attempt", digits=1),
    Column(name="subject_first", label="Service, first attempt", digits=1),
    Column(name="control_after", label="Monolith, after retries", digits=1),
    Column(name="subject_after", label="Service, after retries", digits=1),
    Column(name="control_exchanges", label="Monolith, exchanges"),
    Column(name="subject_exchanges", label="Service, exchanges"),
)


def busy(
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
    weeks = frames.as_weeks(frame)
    how = time_unit(peak_s(weeks))
    least = smallest_difference(weeks)
    long = {"s": "seconds", "ms": "milliseconds"}[how.unit]
    about = f"Busy time per 1,000 records the partner holds, in {long}, by {unit}. {faults[1]}, all feeds together."
    return Chart(
        name="busy",
        title=_less_often(frame, "s", "Less time per record", unit),
        what=about,
        figure=figures.busy(frame, _marks(parts), window, target, how),
        columns=tuple(_in_unit(column, how) for column in BUSY),
        rows=frames.records(frame, [column.name for column in BUSY]),
        key=(("baseline", "monolith"), ("service", "service"), ("target", _named(target))),
        note=f"{least.said} {least.more}".strip() if least else "",
        noted=_runs_of(least.week, parts, faults[0]) if least else None,
    )


def _named(target: str) -> str:
    return target if target == "target" else f"target: {target}"


def _in_unit(column: Column, how: TimeUnit) -> Column:
    """A column of seconds as the table shows it; the data stays in seconds."""
    if column.name not in TIMES:
        return column
    return replace(column, digits=how.digits, times=how.times, shown=column.label.removesuffix("s") + how.unit)


def _runs_of(week: BlockPoint, parts: Sequence[MilestoneSpan], faults: str) -> dict[str, object]:
    """The list of both sides' runs of one block."""
    stood = next(part.milestone for part in parts if part.code == week.milestone)
    sides = (stood.control, stood.subject)
    return {"side": sides, "faults": faults, "from_": week.block, "to": week.block_end}


def failed(
    frame: pd.DataFrame,
    parts: Sequence[MilestoneSpan],
    window: tuple[date, date] | None,
    faults: tuple[str, str],
    unit: str,
) -> Chart:
    """The chart of failed exchanges per 1,000, at the first attempt and after retries."""
    return Chart(
        name="failed",
        title=_less_often(frame, "first", "Fewer failed first attempts", unit),
        what=f"Failed exchanges of every 1,000, by {unit}. {faults[1]}, all feeds together.",
        figure=figures.failed(frame, _marks(parts), window),
        columns=FAILED,
        rows=frames.records(frame, [column.name for column in FAILED]),
        key=(("baseline", "monolith"), ("service", "service")),
    )


def _marks(parts: Sequence[MilestoneSpan]) -> list[Mark]:
    return [Mark(when=part.start, text=f"{part.code} {part.milestone.title}") for part in parts]


def _less_often(frame: pd.DataFrame, name: str, said: str, unit: str) -> str:
    """A chart's message: in how many weeks the service did better, of those that both sides have."""
    both = frame[[f"control_{name}", f"subject_{name}"]].dropna()
    if both.empty:
        return f"{said}: no {unit} has both sides yet"
    better = int((both[f"subject_{name}"] < both[f"control_{name}"]).sum())
    return f"{said} in {better} of {numbers.plural(len(both), unit)}"


def _cell(row: Mapping[str, Any], column: Column) -> str:
    value, digits = row[column.name], column.digits
    if value is None:
        return words.DASH
    if column.ranged:
        digits = numbers.digits_for(row["low"] / 100, row["high"] / 100)
    return f"{value * column.times:,.{digits}f}" if isinstance(value, int | float) else str(value)
