"""Members of the partner's JSON objects, joined from pieces that are looked up."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import polars as pl

from poc.contract.parsers import LOCAL_SHIFT_US
from poc.pipeline.cell_cache import ValueMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HOUR_S = 3600

#: The characters of a standard datetime up to the minute.
HOUR_CHARS = len("2013-01-01T05:")

#: Where the values of a column are found: its name, and the number of their maker.
Place: TypeAlias = tuple[str, int]


class CellValues(Protocol):
    """The values of all columns of a file."""

    def of(self, name: str, maker: int) -> list[Any]:
        """Return the values that a maker made of a column."""


class JoinedText:
    """A member in one piece, or in one for each part of a joined text.

    Args:
        places: where the pieces are found.
        null: the whole member where a part is missing; None where no piece can be missing.
    """

    def __init__(self, places: Sequence[Place], null: str | None = None) -> None:
        self._places = places
        self._null = null

    def pieces(self, values: CellValues) -> list[list[str]]:
        """Return the pieces of each row."""
        parts = [values.of(*place) for place in self._places]
        if self._null is None or not any(None in part for part in parts):
            return parts
        null = self._null
        return [[null if None in texts else "".join(texts) for texts in zip(*parts, strict=True)]]


@lru_cache(maxsize=64)
def seconds_of_hour(after: str) -> tuple[str, ...]:
    """Return minute and second of each second of an hour, and what follows them."""
    return tuple(f"{second // 60:02}:{second % 60:02}{after}" for second in range(HOUR_S))


class TimeText:
    """The member of a datetime with minutes added, in two pieces: up to the hour, and from the minute on.

    Almost all times are at the full hour, and the minutes are those after it: then the pieces can be looked up.

    Args:
        name: the field of the datetime.
        minutes_name: the field of minutes.
        add_maker: adds a maker of values to a field, and returns its number.
        member: what precedes and follows the text, and the whole member where a value is missing.
    """

    def __init__(
        self, name: str, minutes_name: str, add_maker: Callable[[str, ValueMaker], int], member: tuple[str, str, str]
    ) -> None:
        before, after, self._null = member
        self._before = before
        self._hours = HourTexts(before)
        self._seconds = seconds_of_hour(after)
        # the first value of a cell costs nothing, and these two are needed in each file
        self._hour_texts = name, add_maker(name, ValueMaker(self._make_hours, of_times=self._hours_of))
        self._minute_texts = minutes_name, add_maker(minutes_name, ValueMaker(self._make_minutes, self._minutes_of))
        self._times = name, add_maker(name, ValueMaker(seconds_of_times, of_times=lambda times_s, _: times_s))
        self._minutes = minutes_name, add_maker(minutes_name, ValueMaker(seconds_of_minutes, seconds_of))

    def pieces(self, values: CellValues) -> list[list[str]]:
        """Return the pieces of each row. Raises OverflowError for a time that is not in the years 1 to 9999."""
        hour_texts, minute_texts = values.of(*self._hour_texts), values.of(*self._minute_texts)
        if None not in hour_texts and None not in minute_texts:
            return [hour_texts, minute_texts]
        return [list(map(self._text, values.of(*self._times), values.of(*self._minutes)))]

    def _text(self, time_s: int | None, minutes_s: int | None) -> str:
        if time_s is None or minutes_s is None:
            return self._null
        hour, second = divmod(time_s + minutes_s, HOUR_S)
        return self._hours[hour] + self._seconds[second]

    def _hours_of(self, times_s: Sequence[int], texts: Sequence[str]) -> list[str | None]:
        return [
            None if time_s % HOUR_S else f"{self._before}{text[:HOUR_CHARS]}"
            for time_s, text in zip(times_s, texts, strict=True)
        ]

    def _make_hours(self, typed: pl.DataFrame) -> list[str | None] | None:
        times_s = seconds_of_times(typed)
        if times_s is None:
            return None
        return [None if time_s is None or time_s % HOUR_S else self._hours[time_s // HOUR_S] for time_s in times_s]

    def _minutes_of(self, minutes: list[int | None]) -> list[str | None]:
        return [self._seconds[minute * 60] if minute is not None and 0 <= minute < 60 else None for minute in minutes]

    def _make_minutes(self, typed: pl.DataFrame) -> list[str | None]:
        return self._minutes_of(typed.to_series(1).to_list())


class HourTexts(dict[int, str]):
    """Texts of hours since 1970, up to the colon, made on first use."""

    def __init__(self, before: str) -> None:
        super().__init__()
        self._before = before

    def __missing__(self, hour: int) -> str:
        if len(self) > HOUR_S:
            self.clear()
        time = datetime(1970, 1, 1) + timedelta(hours=hour)  # noqa: DTZ001 (a zone, if there is one, follows the text)
        text = self[hour] = f"{self._before}{time.isoformat(timespec='hours')}:"
        return text


def seconds_of_times(typed: pl.DataFrame) -> Sequence[int | None] | None:
    """Return datetimes as seconds since 1970; None where one has a fraction, or lacks its zone."""
    times_us = typed.to_series(1).cast(pl.Int64).to_list()
    known = [time_us for time_us in times_us if time_us is not None]
    if any(time_us % 1_000_000 or time_us >= LOCAL_SHIFT_US // 2 for time_us in known):
        return None
    return [None if time_us is None else time_us // 1_000_000 for time_us in times_us]


def seconds_of_minutes(typed: pl.DataFrame) -> Sequence[int | None]:
    """Return a column of minutes as seconds."""
    return seconds_of(typed.to_series(1).to_list())


def seconds_of(minutes: list[int | None]) -> list[int | None]:
    """Return minutes as seconds."""
    return [None if minute is None else minute * 60 for minute in minutes]
