"""A line's points out of a frame: broken where nothing was measured, and each of them to be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    import pandas as pd


def line_points(frame: pd.DataFrame, column: str, *, switches: bool) -> tuple[list[str], list[float | None]]:
    """A line's points; where weeks are missing, or the milestone switches, it is broken by a None."""
    weeks: list[str] = []
    values: list[float | None] = []
    before: tuple[date, str] | None = None
    parts = zip(frame["block"], frame["block_end"], frame["milestone"], column_values(frame, column), strict=True)
    for block, block_end, milestone, value in parts:
        if before and ((block - before[0]).days > 1 or (switches and milestone != before[1])):
            weeks.append(before[0].isoformat())
            values.append(None)
        weeks.append(block.isoformat())
        values.append(value)
        before = (block_end, milestone)
    return weeks, values


def marker_style(
    weeks: Sequence[str], values: Sequence[float | None], digits: str, of: Sequence[str] = ()
) -> dict[str, Any]:
    """How a line is drawn so that each point is seen: one that stands alone is a dot, the only one has its number.

    Of a rate the number is how many of how many (`of`).
    """
    around = [None, *values, None]
    alone = [
        value is not None and before is None and after is None
        for before, value, after in zip(around, values, around[2:], strict=False)
    ]
    if not any(alone):
        return {"mode": "lines"}
    marker = {"size": [8 if one else 0 for one in alone], "line": {"width": 0}}
    if len(weeks) > 1:
        return {"mode": "lines+markers", "marker": marker}
    text = [f"{value:,{digits}}\N{EN SPACE}" for value in values if value is not None]
    text = [f"{said}\N{EN SPACE}" for said in of if said] or text
    return {"mode": "markers+text", "marker": marker, "text": text, "textposition": "top left", "textfont": {}}


def column_values(frame: pd.DataFrame, column: str) -> list[float | None]:
    """A column with its gaps as None, so that a gap is drawn as a gap."""
    return [None if value != value else round(float(value), 4) for value in frame[column]]


def highest_value(frame: pd.DataFrame, lines: Iterable[tuple[str, str, str]]) -> float:
    """The highest value of some lines (role, column, label); 0 where there is none."""
    known = [value for _, column, _ in lines for value in column_values(frame, column) if value is not None]
    return max(known, default=0.0)
