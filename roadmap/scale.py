"""The unit that all numbers of one chart of times have. Pure."""

from __future__ import annotations

from dataclasses import dataclass

#: Seconds per 1,000 records; where all of a chart are below it, it is drawn in milliseconds.
SECOND = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The unit that all numbers of one chart have, and its decimals: three figures for the highest of them."""

    unit: str  #: "s" or "ms"
    times: float  #: what seconds are multiplied by
    digits: int

    def said(self, seconds: float) -> str:
        """A number of seconds in this unit: "49.2 ms"."""
        return f"{seconds * self.times:,.{self.digits}f} {self.unit}"


def scale(peak_s: float) -> Scale:
    """The unit for numbers up to a highest one."""
    unit, times = ("ms", 1000.0) if peak_s < SECOND else ("s", 1.0)
    whole = len(str(int(peak_s * times)))
    return Scale(unit=unit, times=times, digits=max(0, 3 - whole))
