"""Sending hours: when a feed may send, and until when it waits. Instants are in UTC."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from poc.schedule.local_time import instant_of
from poc.schedule.working_days import working_days

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from poc.config.hours import Send
    from poc.config.workspace import Workspace
    from poc.transports.inbox import Inboxes

DAY = timedelta(days=1)

#: The beginning of hours that never come.
NEVER = datetime.max.replace(tzinfo=UTC)

#: Days in which the next hours are looked for; working days are never further apart.
HORIZON_DAYS = 400


class SendWindow(NamedTuple):
    """The hours of one day: files are begun from `opens` on, and before `closes`."""

    opens: datetime
    closes: datetime


def next_window(send: Send, now: datetime) -> SendWindow | None:
    """Return the hours that are on, or else the next ones; None where there are none for more than a year."""
    return next((window for window in _windows(send, now) if window.closes > now), None)


def waits_until(send: Send | None, now: datetime) -> datetime | None:
    """Return until when a feed with these hours waits; None where it may send now."""
    if send is None:
        return None
    window = next_window(send, now)
    opens = NEVER if window is None else window.opens
    return opens if opens > now else None


def _windows(send: Send, now: datetime) -> Iterator[SendWindow]:
    """Yield the hours of the days from yesterday on; on a day when clocks change, they may be empty."""
    zone, is_working_day = send.zone_info, working_days(send)
    ends_next_day = send.closes <= send.opens
    day = now.astimezone(zone).date() - 2 * DAY
    for _ in range(HORIZON_DAYS):
        if is_working_day(day):
            opens = instant_of(datetime.combine(day, send.opens), zone)
            closes = instant_of(datetime.combine(day + DAY if ends_next_day else day, send.closes), zone)
            if opens < closes:
                yield SendWindow(opens, closes)
        day += DAY


class WaitingFeed(NamedTuple):
    """A feed outside its sending hours, with the number of its files that wait."""

    partner: str
    feed: str
    files: int
    until: datetime
    zone: ZoneInfo


def waiting_feeds(inboxes: Inboxes, name: str | None, now: datetime) -> list[WaitingFeed]:
    """Return the feeds that PARTNER or PARTNER/FEED names, all for None, that may not send now. Raises BadInput."""
    waiting = []
    for partner, feed_id in inboxes.workspace.select_feeds(name):
        feed = inboxes.workspace.get_feed(partner, feed_id)[1]
        if feed.send is not None and (until := waits_until(feed.send, now)) is not None:
            with suppress(OSError):  # a folder that cannot be listed is named elsewhere
                files = len(inboxes.folder(partner, feed_id).complete(now))
                waiting.append(WaitingFeed(partner, feed_id, files, until, feed.send.zone_info))
    return waiting


def hours_begin(workspace: Workspace, now: datetime) -> dict[tuple[str, str], datetime]:
    """Return when the sending hours of each feed that has some began, or begin next."""
    begin = {}
    for partner, feed_id in workspace.select_feeds(None):
        send = workspace.get_feed(partner, feed_id)[1].send
        if send is not None:
            window = next_window(send, now)
            begin[partner, feed_id] = NEVER if window is None else window.opens
    return begin


@dataclass(slots=True)
class SendHours:
    """The sending hours of many feeds; the answer for each is kept until it changes."""

    _answers: dict[Send, tuple[datetime, datetime, datetime | None]] = field(default_factory=dict)

    def waits_until(self, send: Send | None, now: datetime) -> datetime | None:
        """Return until when a feed with these hours waits; None where it may send now."""
        if send is None:
            return None
        made, until, answer = self._answers.get(send, (now, now, None))
        if not made <= now < until:
            window = next_window(send, now)
            if window is None:
                until = answer = NEVER
            else:
                answer = window.opens if window.opens > now else None
                until = answer or window.closes
            self._answers[send] = (now, until, answer)
        return answer
