"""When the digest is due, and what became of the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from poc.config.settings.digest import DigestSettings

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def digest_state(settings: DigestSettings | None, store: Path, now: datetime) -> str:
    """Return the state of the digest in a line, for `milepost status`; empty without settings."""
    from contextlib import closing

    from metrics.errors import MetricsError
    from metrics.store.database import open_reader
    from poc.text import format_utc
    from roadmap.digest.store import newest_digest

    if settings is None:
        return ""
    due = format_utc(_to_us(next_due(settings, now)))
    try:
        with closing(open_reader(store)) as db:
            newest = newest_digest(db)
    except MetricsError:
        newest = None
    if newest is None or newest.state == "baseline":
        return f"digest: none sent yet; the first is due at {due}"
    if newest.state == "sent":
        refused = f"; refused for {newest.error}" if newest.error else ""
        return f"digest: sent at {format_utc(newest.sent_at_us or 0)}{refused}; the next is due at {due}"
    tried = f"{newest.attempts} attempt(s), {newest.error or 'not tried yet'}"
    if newest.state == "given_up":
        return f"digest: given up after {tried}; the next is due at {due}, and says what was in it"
    return f"digest: not sent yet: {tried}; the next attempt is at {format_utc(newest.next_at_us)}"


def last_due(settings: DigestSettings, now: datetime) -> datetime:
    """Return the newest moment up to now, in UTC, at which a digest was due."""
    return _last_and_next(settings, now)[0]


def next_due(settings: DigestSettings, now: datetime) -> datetime:
    """Return the first moment after now, in UTC, at which a digest is due."""
    return _last_and_next(settings, now)[1]


def _last_and_next(settings: DigestSettings, now: datetime) -> tuple[datetime, datetime]:
    from zoneinfo import ZoneInfo

    from poc.schedule.local_time import last_and_next

    weekday = None if settings.day == "daily" else DAYS.index(settings.day)
    return last_and_next(settings.at, ZoneInfo(settings.zone), now, weekday)


def _to_us(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
