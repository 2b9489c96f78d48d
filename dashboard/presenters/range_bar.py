"""A range as x positions in a drawing."""

from __future__ import annotations

from dataclasses import dataclass

#: Width of the drawing in its own units, and the margin at either end.
WIDTH, MARGIN = 300, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeBar:
    """A range, a dot and a mark as x positions in a drawing `WIDTH` wide; None where one is not drawn."""

    low: float
    high: float
    dot: float | None
    mark: float | None


def range_bar(
    low: float, high: float, *, dot: float | None, mark: float | None, start: float = 0.0, end: float = 1.0
) -> RangeBar:
    """Return the positions of values on a scale from `start` to `end`; values below `start` are drawn at it."""

    def x(value: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (max(value, start) - start) / (end - start), 1)

    return RangeBar(
        low=x(low), high=x(high), dot=None if dot is None else x(dot), mark=None if mark is None else x(mark)
    )
