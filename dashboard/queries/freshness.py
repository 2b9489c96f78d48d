"""How far the data goes, how much of it there is, and whether it is late: the line that stands on every page."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from dashboard.queries import weekly
from metrics.errors import MetricsError
from metrics.queries import runs as queries_runs
from metrics.queries.run_filter import RunFilter
from metrics.store.database import open_reader
from roadmap.wording import dates
from roadmap.wording import dates as wording_dates

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from dashboard.config import Config

#: Runs may wait so long to be collected before the data is called late.
LATE_AFTER = timedelta(minutes=10)

#: Seconds for which an answer to "is it late?" holds.
CHECK_INTERVAL_S = 5.0

#: The list of the runs that the line counts, as its address asks for it: what goes on is not measured yet.
ENDED_RUNS = {"state": "ended"}

#: The end of the newest run is looked for among so many that started last.
NEWEST_RUNS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """What a view says of the data it was made from."""

    newest: datetime | None  #: end of the newest run; None where no run is known
    runs: int  #: that have ended, as many as the list `MEASURED` holds
    imported: bool  #: whether some of them were read from logs
    mode: str
    listed: bool = True  #: whether there is such a list; a store that an older release has written has none

    def upto(self, now: datetime | None) -> str:
        """How far the data goes, and how old that is; a replay stands still, and has no age."""
        if self.newest is None:
            return "No runs yet"
        said = f"{dates.data_until_text(self.newest.date())} {self.newest:%H:%M} UTC"
        if self.mode == "replay":
            return f"{said} (replayed calendar)"
        return said if now is None else f"{said} ({wording_dates.ago(now - self.newest)})"

    @property
    def how(self) -> str:
        """What is said after the number of runs: where they are known from."""
        return f"measured{' or imported' if self.imported else ''}"


def freshness(db: Database, view: View) -> Freshness:
    """What there is up to the day of a view, its last day included; looking back, of blocks that were over by then."""
    last = view.as_of or view.today
    if view.as_of:
        over = "SELECT block_end FROM run_block WHERE block <= ? AND block_end <= ? ORDER BY block DESC LIMIT 1"
        found = db.execute(over, (last.isoformat(), last.isoformat())).fetchone()
        if found is None:
            return Freshness(newest=None, runs=0, imported=False, mode=view.mode)
        last = date.fromisoformat(found[0])
    end_us = round((datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)).timestamp() * 1e6)
    bound = "AND started_at_us < ?" if view.as_of else ""
    sql = (
        "SELECT MAX(ended) FROM (SELECT started_at_us + COALESCE(duration_ns, 0) / 1000 AS ended FROM run "  # noqa: S608
        f"WHERE outcome != 'running' {bound} ORDER BY started_at_us DESC LIMIT {NEWEST_RUNS})"
    )
    ended_us = db.execute(sql, (end_us,) if view.as_of else ()).fetchone()[0]
    runs, imported = weekly.count_runs_until(db, last)
    listed = db.table("tally").exists()
    if listed:
        runs = queries_runs.count_runs(db, RunFilter(states=(ENDED_RUNS["state"],), known=view.as_of))
    newest = None if ended_us is None else datetime.fromtimestamp(ended_us / 1e6, UTC)
    return Freshness(newest=newest, runs=runs, imported=imported > 0, mode=view.mode, listed=listed)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessLine:
    """The line of a page, in words."""

    upto: str
    runs: str  #: how many
    how: str  #: and where they are known from
    listed: bool  #: whether they are a list
    late: str  #: "" where nothing is


class Lateness:
    """Whether runs wait in the spool that nobody collects; looked up every few seconds at most."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._until_s = 0.0
        self._waits: datetime | None = None

    def said(self) -> str:
        """What to say of it, in words; "" where nothing waits for long, or nobody told where to look."""
        config = self._config
        if config.spool is None or config.now is None:
            return ""
        with self._lock:
            if time.monotonic() >= self._until_s:
                self._waits = oldest_uncollected(config.spool, config.store)
                self._until_s = time.monotonic() + CHECK_INTERVAL_S
            since = self._waits
        now = config.now()
        if since is None or now - since < LATE_AFTER:
            return ""
        day = "" if since.date() == now.date() else f" on {dates.day(since.date(), year=since.year != now.year)}"
        return f"Data is {wording_dates.rough_duration(now - since)} late. Numbers stop at {since:%H:%M} UTC{day}."


def oldest_uncollected(spool: Path, store: Path) -> datetime | None:
    """When the oldest event was told that waits in the spool; None where none does."""
    read: dict[str, int] = {}
    with suppress(MetricsError), closing(open_reader(store)) as db:  # no store: nothing has been read
        read = dict(db.execute("SELECT name, offset_bytes FROM spool_file").fetchall())
    waiting = [_first_line_time(path, read.get(path.name, 0)) for path in spool.glob("*.jsonl")]
    return min((told for told in waiting if told is not None), default=None)


def _first_line_time(path: Path, offset: int) -> datetime | None:
    """When the first whole line after an offset was told: at the end of its run, or when the file last changed."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            line = file.readline()
            if not line.endswith(b"\n"):  # nothing, or one that is being written
                return None
            changed = path.stat().st_mtime
    except OSError:  # the collector was done with it
        return None
    ended = 0.0
    with suppress(ValueError, TypeError, KeyError):  # a line that is no event was told at some time, too
        event = json.loads(line)
        ended = event["started_at_us"] / 1e6 + (event["duration_ns"] or 0) / 1e9
    opened = path.stem.partition("-")[0]  # a recorder names its file by when it opened it, in nanoseconds
    told = max(ended, int(opened) / 1e9 if opened.isdecimal() else 0.0) or changed
    return datetime.fromtimestamp(min(told, changed), UTC)
