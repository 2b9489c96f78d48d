"""The points, gaps, markers and end labels of the lines of a chart by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.charts.layout import text_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    import pandas as pd

    Line = tuple[str, str, str]  # role, column and label

#: Least distance in pixels of two labels at the right end of a chart.
LABEL_DISTANCE_PX = 17


def line_points(
    frame: pd.DataFrame, column: str, *, breaks_at_milestones: bool
) -> tuple[list[str], list[float | None]]:  # fmt: skip
    """Return the days and values of a line; a None breaks it where blocks are missing, or the milestone changes."""
    days: list[str] = []
    values: list[float | None] = []
    previous: tuple[date, str] | None = None
    rows = zip(frame["block"], frame["block_end"], frame["milestone"], column_values(frame, column), strict=True)
    for block, block_end, milestone, value in rows:
        if previous and ((block - previous[0]).days > 1 or (breaks_at_milestones and milestone != previous[1])):
            days.append(previous[0].isoformat())
            values.append(None)
        days.append(block.isoformat())
        values.append(value)
        previous = (block_end, milestone)
    return days, values


def marker_style(
    days: Sequence[str], values: Sequence[float | None], digits: str, counts: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the mode of a trace in which every point is visible.

    A point between two gaps is a dot; the only point has its number too, of a rate as `counts` ("3 of 20").
    """
    around = [None, *values, None]
    alone = [
        value is not None and before is None and after is None
        for before, value, after in zip(around, values, around[2:], strict=False)
    ]
    if not any(alone):
        return {"mode": "lines"}
    marker = {"size": [8 if is_alone else 0 for is_alone in alone], "line": {"width": 0}}
    if len(days) > 1:
        return {"mode": "lines+markers", "marker": marker}
    numbers = [f"{value:,{digits}}\N{EN SPACE}" for value in values if value is not None]
    text = [f"{count}\N{EN SPACE}" for count in counts if count] or numbers
    return {"mode": "markers+text", "marker": marker, "text": text, "textposition": "top left", "textfont": {}}


def column_values(frame: pd.DataFrame, column: str) -> list[float | None]:
    """Return a column with NaN as None, which a chart draws as a gap."""
    return [None if value != value else round(float(value), 4) for value in frame[column]]


def highest_value(frame: pd.DataFrame, lines: Iterable[Line]) -> float:
    """Return the highest value of some lines; 0 where there is none."""
    values = [value for _, column, _ in lines for value in column_values(frame, column) if value is not None]
    return max(values, default=0.0)


def end_labels(
    frame: pd.DataFrame, lines: Iterable[Line], axis: str, top: float, height_px: float
) -> list[dict[str, Any]]:
    """Return each line's label at its last point; labels that would touch are moved up."""
    ends = []
    for role, column, label in lines:
        measured = frame[["block", column]].dropna()
        if len(measured):
            ends.append((float(measured[column].iloc[-1]), measured["block"].iloc[-1], role, label))
    labels: list[dict[str, Any]] = []
    free_from_px = 0.0
    for value, day, role, label in sorted(ends):
        point_px = value / top * height_px
        label_px = max(point_px, free_from_px)
        free_from_px = label_px + LABEL_DISTANCE_PX
        shift_px = round(label_px - point_px)
        annotation = text_label(label, role, day.isoformat(), value, "x", axis, xshift=8, yshift=shift_px, bold=True)
        labels.append(annotation | {"yanchor": "middle", "name": f"{role} label"})
    return labels
