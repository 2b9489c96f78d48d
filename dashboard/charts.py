"""What a page shows around a figure: titles, key, table, and where the same numbers are as CSV and JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dashboard import figures, frames, words
from dashboard.drawing import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import pandas as pd

    from dashboard.drawing import Figure
    from dashboard.frames import Stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a chart's table: its name in CSV and JSON, its heading, and whether it holds words."""

    name: str
    label: str
    words: bool = False
    digits: int = 0
    ranged: bool = False  #: a percentage with as many digits as the range in its row supports, from `low` to `high`


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

    @property
    def cells(self) -> list[list[str]]:
        """The table's cells in words; a missing number is a dash with its reason in the caption."""
        return [[_cell(row, column) for column in self.columns] for row in self.rows]


DAYS = (Column(name="block", label="From", words=True), Column(name="block_end", label="to", words=True))
BUSY = (
    *DAYS,
    Column(name="control_s", label="Monolith, s", digits=2),
    Column(name="subject_s", label="Service, s", digits=2),
    Column(name="target_s", label="Target, s", digits=2),
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
    frame: pd.DataFrame, parts: Sequence[Stretch], window: tuple[date, date] | None, faults: str, unit: str
) -> Chart:
    """The chart of busy seconds per 1,000 records; `parts` are the milestones that stood."""
    targets = {part.target for part in parts if part.target is not None}
    target = f"{words.percent(targets.pop())} less" if len(targets) == 1 else "target"
    about = f"Busy seconds per 1,000 records the partner holds, by {unit}. {faults}, all feeds together."
    return Chart(
        name="busy",
        title=_less_often(frame, "s", "Less time per record", unit),
        what=about,
        figure=figures.busy(frame, _marks(parts), window, target),
        columns=BUSY,
        rows=frames.records(frame, [column.name for column in BUSY]),
        key=(("baseline", "monolith"), ("service", "service"), ("target", f"target: {target}")),
    )


def failed(
    frame: pd.DataFrame, parts: Sequence[Stretch], window: tuple[date, date] | None, faults: str, unit: str
) -> Chart:
    """The chart of failed exchanges per 1,000, at the first attempt and after retries."""
    return Chart(
        name="failed",
        title=_less_often(frame, "first", "Fewer failed first attempts", unit),
        what=f"Failed exchanges of every 1,000, by {unit}. {faults}, all feeds together.",
        figure=figures.failed(frame, _marks(parts), window),
        columns=FAILED,
        rows=frames.records(frame, [column.name for column in FAILED]),
        key=(("baseline", "monolith"), ("service", "service")),
    )


def _marks(parts: Sequence[Stretch]) -> list[Mark]:
    return [Mark(when=part.start, text=f"{part.code} {part.milestone.title}") for part in parts]


def _less_often(frame: pd.DataFrame, name: str, said: str, unit: str) -> str:
    """A chart's message: in how many weeks the service did better, of those that both sides have."""
    both = frame[[f"control_{name}", f"subject_{name}"]].dropna()
    if both.empty:
        return f"{said}: no {unit} has both sides yet"
    better = int((both[f"subject_{name}"] < both[f"control_{name}"]).sum())
    return f"{said} in {better} of {words.plural(len(both), unit)}"


def _cell(row: Mapping[str, Any], column: Column) -> str:
    value, digits = row[column.name], column.digits
    if value is None:
        return words.DASH
    if column.ranged:
        digits = words.digits_for(row["low"] / 100, row["high"] / 100)
    return f"{value:,.{digits}f}" if isinstance(value, int | float) else str(value)
