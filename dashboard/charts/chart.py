"""A chart with its title, columns, rows and figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from roadmap.wording import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.charts.layout import PlotlyFigure


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartColumn:
    """One column of a chart's table: its name in CSV and JSON, its heading, and whether it holds text.

    The table may show another unit than the data: values times `times`, under the heading `shown`.
    """

    name: str
    label: str
    words: bool = False
    digits: int = 0
    ranged: bool = False  #: a percentage with the digits that the range of its row, `low` to `high`, supports
    shown: str = ""
    times: float = 1.0

    @property
    def heading(self) -> str:
        """The heading of the column in the table."""
        return self.shown or self.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart with its texts and its table. `rows` are plain values, `cells` the same as text."""

    name: str
    title: str
    what: str
    figure: PlotlyFigure
    columns: tuple[ChartColumn, ...]
    rows: list[dict[str, Any]]
    key: tuple[tuple[str, str], ...] = ()
    csv: str = ""
    json: str = ""
    size: str = ""  #: the class that reserves its height; "" for the chart's name
    lists: Mapping[tuple[int, str], Mapping[str, str]] = field(
        default_factory=dict
    )  #: query keys of what cells count, by row and column
    hrefs: Mapping[tuple[int, int], str] = field(
        default_factory=dict
    )  #: addresses of the same, by the positions of both
    note: str = ""  #: an explanation below the figure
    note_keys: Mapping[str, object] | None = None  #: query keys of the runs that the note is about
    note_href: str = ""  #: the address of these runs

    @property
    def cells(self) -> list[list[str]]:
        """The table's cells as text; a missing number is a dash with its reason in the caption."""
        return [[_cell(row, column) for column in self.columns] for row in self.rows]

    @property
    def table(self) -> list[tuple[str, list[tuple[str, bool, str]]]]:
        """The table's rows: the first cell, and of each other cell its text, whether it is words, and its address."""
        words = [column.words for column in self.columns]
        return [
            (first, [(text, words[at], self.hrefs.get((place, at), "")) for at, text in enumerate(others, 1)])
            for place, (first, *others) in enumerate(self.cells)
        ]


def _cell(row: Mapping[str, Any], column: ChartColumn) -> str:
    value, digits = row[column.name], column.digits
    if value is None:
        return numbers.DASH
    if column.ranged:
        digits = numbers.digits_for(row["low"] / 100, row["high"] / 100)
    return f"{value * column.times:,.{digits}f}" if isinstance(value, int | float) else str(value)


CODE = ChartColumn(name="code", label="Milestone", words=True)


def plain_value(value: object) -> object:
    """Return a date as ISO text, and anything else as it is."""
    return value.isoformat() if isinstance(value, date) else value
