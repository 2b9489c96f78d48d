"""Members of the partner's JSON objects, put together of pieces that were looked up."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import repeat
from operator import add
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HOUR_S = 3600

#: Where the values of a column are found: its name, and which of its values; and all values of a file by column.
Place: TypeAlias = tuple[str, int]
Values: TypeAlias = dict[str, list[list[Any]]]


class JoinedText:
    """The member of a joined text in one piece for each part; null where a part is missing.

    Args:
        places: where the values of its parts are found: a column, and the number of its values.
        null: the whole member where a part is missing.
    """

    def __init__(self, places: Sequence[Place], null: str) -> None:
        self._places = places
        self._null = null

    def pieces(self, values: Values) -> list[Iterable[str]]:
        """Return the pieces of each row."""
        parts = [values[name][at] for name, at in self._places]
        if not any(None in part for part in parts):
            return list(parts)
        return [[self._null if None in texts else "".join(texts) for texts in zip(*parts, strict=True)]]


class TimeText:
    """The member of a datetime with minutes added, in two pieces: up to the hour, and from the minute on.

    Args:
        times, minutes: where their values are found, in seconds.
        before, after: what precedes and follows the text.
        null: the whole member where one of them is missing.
    """

    def __init__(self, times: Place, minutes: Place, before: str, after: str, null: str) -> None:
        self._times = times
        self._minutes = minutes
        self._null = null
        self._hours = HourTexts(before)
        self._seconds = [f"{second // 60:02}:{second % 60:02}{after}" for second in range(HOUR_S)]

    def pieces(self, values: Values) -> list[Iterable[str]]:
        """Return the pieces of each row. Raises OverflowError for a time that is not in the years 1 to 9999."""
        (time_name, time_at), (minutes_name, minutes_at) = self._times, self._minutes
        times, minutes = values[time_name][time_at], values[minutes_name][minutes_at]
        if None in times or None in minutes:
            return [map(self._text, times, minutes)]
        hours, seconds = zip(*map(divmod, map(add, times, minutes), repeat(HOUR_S)), strict=True)
        return [map(self._hours.__getitem__, hours), map(self._seconds.__getitem__, seconds)]

    def _text(self, time_s: int | None, minutes_s: int | None) -> str:
        if time_s is None or minutes_s is None:
            return self._null
        hour, second = divmod(time_s + minutes_s, HOUR_S)
        return self._hours[hour] + self._seconds[second]


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
