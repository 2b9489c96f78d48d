"""Until when there is data, how many runs, and whether the collector is behind: the status line of every page."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from dashboard.filters.time_zone import UTC_ZONE
from dashboard.queries import weekly
from metrics.errors import MetricsError
from metrics.queries.run_filter import RunFilter
from metrics.queries.runs import count_runs
from metrics.replayed_years import second_year_note
from metrics.store.database import open_reader
from roadmap.wording import dates

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from dashboard.config import Config

#: How long a run may wait for the collector before the data counts as late.
LATE_AFTER = timedelta(minutes=10)

#: Seconds between two looks into the spool.
CHECK_INTERVAL_S = 5.0

#: Query keys of the runs that the line counts; running ones are not measured yet.
ENDED_RUNS = {"state": "ended"}

#: Runs, the last to start, among which the newest end is looked up.
NEWEST_RUNS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """Until when a view has data, and how many runs."""

    newest_end: datetime | None  #: end of the newest run; None without runs
    runs: int  #: that have ended, as many as the list `ENDED_RUNS` has
    has_imported: bool  #: whether some of them were imported from logs
    mode: str
    has_list: bool = True  #: whether that list can be shown; a store written by an older release has none
    input_note: str = ""  #: how the input of a replay's second year was made; "" for its first year alone

    def data_until(self, now: datetime | None, zone: str = UTC_ZONE) -> str:
        """Return until when there is data, in a time zone, and how old it is; a replay has no age."""
        if self.newest_end is None:
            return "No runs yet"
        there = self.newest_end.astimezone(ZoneInfo(zone))
        text = f"{dates.data_until_text(there.date())} {there:%H:%M} {zone}"
        if self.mode == "replay":
            return f"{text} (replayed calendar)"
        return text if now is None else f"{text} ({dates.ago(now - self.newest_end)})"

    @property
    def source(self) -> str:
        """How the runs came into the store, as text after their number."""
        return f"measured{' or imported' if self.has_imported else ''}"


def freshness(db: Database, view: View) -> Freshness:
    """Return the freshness of a view's data; looking back, of the blocks that were over by then."""
    last = view.as_of or view.today
    if view.as_of:
        over = "SELECT block_end FROM run_block WHERE block <= ? AND block_end <= ? ORDER BY block DESC LIMIT 1"
        row = db.execute(over, (last.isoformat(), last.isoformat())).fetchone()
        if row is None:
            return Freshness(newest_end=None, runs=0, has_imported=False, mode=view.mode)
        last = date.fromisoformat(row[0])
    end_us = round((datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)).timestamp() * 1e6)
    bound = "AND started_at_us < ?" if view.as_of else ""
    sql = (
        "SELECT MAX(ended) FROM (SELECT started_at_us + COALESCE(duration_ns, 0) / 1000 AS ended FROM run "  # noqa: S608
        f"WHERE outcome != 'running' {bound} ORDER BY started_at_us DESC LIMIT {NEWEST_RUNS})"
    )
    ended_us = db.execute(sql, (end_us,) if view.as_of else ()).fetchone()[0]
    runs, imported = weekly.count_runs_until(db, last)
    has_list = db.table("tally").exists()
    if has_list:
        runs = count_runs(db, RunFilter(states=(ENDED_RUNS["state"],), known_by=view.as_of))
    newest_end = None if ended_us is None else datetime.fromtimestamp(ended_us / 1e6, UTC)
    return Freshness(
        newest_end=newest_end,
        runs=runs,
        has_imported=imported > 0,
        mode=view.mode,
        has_list=has_list,
        input_note=second_year_note(view.mode, last),  # by blocks: retries of the first year may run after its end
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessLine:
    """The texts of the status line."""

    data_until: str
    runs: str  #: how many
    source: str  #: how they came into the store
    has_list: bool  #: whether their list can be shown
    late: str  #: "" where no data is late
    input_note: str = ""  #: how the input of a replay's second year was made; "" without one


class Lateness:
    """Whether runs wait in the spool for the collector; looked up every `CHECK_INTERVAL_S` seconds at most."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._until_s = 0.0
        self._oldest: datetime | None = None

    def text(self) -> str:
        """Return how late the data is; "" where nothing waits for long, or no spool is configured."""
        config = self._config
        if config.spool is None or config.now is None:
            return ""
        with self._lock:
            if time.monotonic() >= self._until_s:
                self._oldest = oldest_uncollected(config.spool, config.store)
                self._until_s = time.monotonic() + CHECK_INTERVAL_S
            since = self._oldest
        now = config.now()
        if since is None or now - since < LATE_AFTER:
            return ""
        day = "" if since.date() == now.date() else f" on {dates.day(since.date(), year=since.year != now.year)}"
        return f"Data is {dates.rough_duration(now - since)} late. Numbers stop at {since:%H:%M} UTC{day}."


def oldest_uncollected(spool: Path, store: Path) -> datetime | None:
    """Return when the oldest event that waits in the spool was recorded; None where none waits."""
    read: dict[str, int] = {}
    with suppress(MetricsError), closing(open_reader(store)) as db:  # no store: nothing has been read
        read = dict(db.execute("SELECT name, offset_bytes FROM spool_file").fetchall())
    waiting = [_first_line_time(path, read.get(path.name, 0)) for path in spool.glob("*.jsonl")]
    return min((recorded for recorded in waiting if recorded is not None), default=None)


def _first_line_time(path: Path, offset: int) -> datetime | None:
    """Return when the first whole line after an offset was recorded: its run's end, else the file's last change."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            line = file.readline()
            if not line.endswith(b"\n"):  # no line, or one that is being written
                return None
            changed = path.stat().st_mtime
    except OSError:  # the collector has removed it
        return None
    ended = 0.0
    with suppress(ValueError, TypeError, KeyError):  # a line that is no event was recorded at some time, too
        event = json.loads(line)
        ended = event["started_at_us"] / 1e6 + (event["duration_ns"] or 0) / 1e9
    opened = path.stem.partition("-")[0]  # a recorder names its file by when it opened it, in nanoseconds
    recorded = max(ended, int(opened) / 1e9 if opened.isdecimal() else 0.0) or changed
    return datetime.fromtimestamp(min(recorded, changed), UTC)
