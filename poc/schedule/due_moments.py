"""Due moments: the instants by which a file is expected. They are in UTC.

By a rule for the days when clocks change, a time of the day that does not exist is the first instant after it, and one
that comes twice is the first. A crontab line whose hour begins with `*` follows the clock instead: it matches in both
of two equal hours, and not at all in one that is left out.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from poc.duration import parse_duration
from poc.schedule.local_time import instant_of, instants
from poc.schedule.working_days import working_days

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from poc.config.hours import Expect

DAY = timedelta(days=1)

#: The first and the longest span that is searched for the next moments at once. Dates such as 29 February come every
#: four years, and may be no working day several times.
FIRST_SPAN, LONGEST_SPAN = timedelta(days=2), timedelta(days=400)

#: How far a search goes: a rule without a moment for so long has none.
HORIZON = timedelta(days=366 * 40)


class DueMoments:
    """The due moments of an expectation that has `by` or a crontab line."""

    def __init__(self, expect: Expect) -> None:
        self._zone = expect.zone_info
        self._is_working_day = working_days(expect)
        crontab = expect.crontab
        self._matches: Callable[[date], bool] = crontab.matches if crontab else lambda _: True
        self._follows_clock = crontab is not None and crontab.every_hour
        if crontab is not None:
            self._times = [time(hour, minute) for hour in crontab.hours for minute in crontab.minutes]
        else:
            assert expect.by_time is not None  # noqa: S101 (the model checks it; tells the type checker)
            self._times = [expect.by_time]

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """Return the moments after an instant and until another one, this included."""
        # a moment lies on its local date, or next to it: clocks may change at midnight
        day, last = after.astimezone(self._zone).date() - DAY, until.astimezone(self._zone).date() + DAY
        moments: set[datetime] = set()
        while day <= last:
            if self._matches(day) and self._is_working_day(day):
                moments.update(self._of_day(day))
            day += DAY
        return sorted(moment for moment in moments if after < moment <= until)

    def _of_day(self, day: date) -> Iterator[datetime]:
        for time_of_day in self._times:
            local = datetime.combine(day, time_of_day)
            if self._follows_clock:
                yield from instants(local, self._zone)
            else:
                yield instant_of(local, self._zone)

    def next(self, after: datetime, count: int = 1) -> list[datetime]:
        """Return the next moments after an instant; fewer than `count` where the rule has no more."""
        moments: list[datetime] = []
        begin, span = after, FIRST_SPAN
        while len(moments) < count and begin < after + HORIZON:
            moments += self.between(begin, begin + span)
            begin, span = begin + span, min(2 * span, LONGEST_SPAN)
        return moments[:count]

    def previous(self, before: datetime) -> datetime | None:
        """Return the last moment before an instant; None where there is none."""
        end, span = before, FIRST_SPAN
        while end > before - HORIZON:
            moments = [moment for moment in self.between(end - span, end) if moment < before]
            if moments:
                return moments[-1]
            end, span = end - span, min(2 * span, LONGEST_SPAN)
        return None


def due_after_file(expect: Expect, last: datetime) -> datetime:
    """Return when the next file is due by `within`: days that are no working days do not count."""
    assert expect.within is not None  # noqa: S101 (only such expectations get here; tells the type checker)
    left = parse_duration(expect.within)
    zone, is_working_day = expect.zone_info, working_days(expect)
    at = last.astimezone(UTC)
    day = at.astimezone(zone).date()
    while True:
        end = instant_of(datetime.combine(day + DAY, time()), zone)
        if is_working_day(day):
            if at + left <= end:
                return at + left
            left -= end - at
        at, day = end, day + DAY
