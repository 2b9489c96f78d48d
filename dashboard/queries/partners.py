"""What is known of all partners at once: how often they fail, what they gained, and when they last went through.

All of it is made in a few passes over the rollups, once for each state of the store, so that the page of one partner
looks it up. A partner is seen at the newest level of the service that a replay has, and in production at any.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from dashboard.queries.counted_runs import find_counted_runs
from dashboard.queries.verdicts import headline_candidates
from metrics.events import FAILED_OUTCOMES, subject_name
from metrics.measures import comparison
from metrics.measures.window import load_window
from metrics.queries import feed_health
from metrics.queries.filter_sql import block_start, ended_by, list_feeds
from metrics.queries.pagination import sum_runs_by
from metrics.queries.run_filter import RunFilter
from metrics.queries.runs import build_query
from metrics.store.series import newest_series
from roadmap.judge.evidence import question
from roadmap.report import block_series
from roadmap.report.headline import pick_headline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from metrics.measures.reading import Reading
    from metrics.queries.feed_health import FeedHistory, FeedState

    Feed = tuple[str, str]  # partner and feed

#: Failures are counted over so many days.
RECENT_DAYS = 90

#: The faults under which partners are shown, by clock.
SHOWN_FAULTS = {"replay": "standard", "live": "real"}

#: In production, how a feed stands is asked anew after so many seconds, for time passes where no run comes.
STATE_INTERVAL_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRate:
    """Exchanges of a feed whose first attempt failed, in the blocks that two days reach; `side` is whose."""

    side: str
    failed: int
    exchanges: int
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerBlock:
    """Exchanges of one partner in one block, of both sides; None where a side has none."""

    block: date
    block_end: date
    side: str  #: the service that stood then
    milestone: str
    control: tuple[int, int] | None  #: failed at first, of so many
    subject: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedGains:
    """The question that the first page's answer is about, asked of each feed."""

    code: str = ""
    sides: str = ""
    start: date | None = None
    end: date | None = None
    min_blocks: int = 0
    readings: Mapping[Feed, Reading] = field(default_factory=dict)
    listed: frozenset[Feed] = frozenset()  #: feeds whose reading counts what a list of theirs by `key` holds
    key: str = ""  #: by which the runs that they count are found


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnersOverview:
    """What is known of all partners. `counted` is False in a store that no writer of this release has opened."""

    feeds: tuple[Feed, ...] = ()
    rates: Mapping[Feed, FailureRate] = field(default_factory=dict)
    blocks: Mapping[str, tuple[PartnerBlock, ...]] = field(default_factory=dict)
    gained: FeedGains = field(default_factory=FeedGains)
    counted: bool = True

    @property
    def partners(self) -> tuple[str, ...]:
        """All partners that have a run of either side."""
        return tuple(dict.fromkeys(partner for partner, _ in self.feeds))


def partners_overview(db: Database, seen: View) -> PartnersOverview:
    """Everything that is dear, for all partners at once; how feeds stand is asked apart, as it depends on the time."""
    if not db.table("tally").exists():
        return PartnersOverview(counted=False)
    return PartnersOverview(
        feeds=tuple(list_feeds(db, seen.as_of)),
        rates=_failure_rates(db, seen),
        blocks=_blocks(db, seen),
        gained=_feed_gains(db, seen),
    )


def first_recent_day(today: date) -> date:
    """The first of the last days; no earlier than there are any."""
    return date.fromordinal(max(1, today.toordinal() - RECENT_DAYS + 1))


def feed_histories(db: Database, seen: View) -> tuple[FeedHistory, ...]:
    """What is known of every feed of the service, by which it stands somehow at any time."""
    if not db.table("tally").exists():
        return ()
    return feed_health.feed_histories(db, seen.mode, SHOWN_FAULTS[seen.mode], seen.as_of)


def feed_states(seen: View, now: datetime | None) -> dict[Feed, FeedState]:
    """How every feed stands: at the end of a replay's last day, or of an earlier view's; else by the clock.

    Live, the time moves in steps, so that what was made for it serves all readers of the step.
    """
    at = datetime(seen.today.year, seen.today.month, seen.today.day, tzinfo=UTC) + timedelta(days=1)
    if seen.mode == "live" and not seen.as_of and now is not None:
        at = datetime.fromtimestamp(now.timestamp() // STATE_INTERVAL_S * STATE_INTERVAL_S, UTC)
    return seen.made(_feed_states_at(at))


@lru_cache(maxsize=8)
def _feed_states_at(at: datetime) -> Callable[[Database, View], dict[Feed, FeedState]]:
    """The question how every feed stands at a time; the same function for the same time."""

    def make(_: Database, seen: View) -> dict[Feed, FeedState]:
        at_us = round(at.timestamp() * 1_000_000)
        return {
            (one.asked.partner, one.asked.feed): feed_health.state_at(one, at_us) for one in seen.made(feed_histories)
        }

    return make


def _failure_rates(db: Database, seen: View) -> dict[Feed, FailureRate]:
    """First attempts of the last days, by feed."""
    first, last, over = first_recent_day(seen.today), seen.today, ended_by(db, seen.as_of)
    sql = (
        f"SELECT partner, feed, level, SUM(runs), SUM(runs * (outcome IN {FAILED_OUTCOMES})) "  # noqa: S608
        "FROM cell CROSS JOIN tally ON tally.cell = cell.id "
        "WHERE system = 'service' AND faults = ? AND block >= ? AND block <= ? AND first AND outcome != 'running' "
        f"AND {over.where} GROUP BY partner, feed, level ORDER BY level"
    )
    first = block_start(db, first)  # whole blocks count, as on every list
    found: dict[Feed, FailureRate] = {}
    for partner, feed, level, runs, failed in db.execute(
        sql, (SHOWN_FAULTS[seen.mode], first.isoformat(), last.isoformat(), *over.values)
    ).fetchall():
        own = {"first": first, "last": last, "exchanges": runs, "failed": failed}
        before = found.get((partner, feed))
        if seen.mode == "replay" or before is None:
            side = subject_name("service", level) if seen.mode == "replay" else "service"
            found[partner, feed] = FailureRate(side=side, **own)
        else:
            found[partner, feed] = replace(
                before, exchanges=before.exchanges + runs, failed=before.failed + failed
            )  # fmt: skip
    return found


def _blocks(db: Database, seen: View) -> dict[str, tuple[PartnerBlock, ...]]:
    """Both sides by partner and block, the service at the level that stood then."""
    faults = SHOWN_FAULTS[seen.mode]
    series = "" if seen.mode == "live" else newest_series(db, seen.mode, faults)
    sql = (
        "SELECT partner, block, MAX(block_end), system, level, SUM(first_failed), SUM(exchanges) FROM run_block "
        "WHERE mode = ? AND faults = ? AND series = ? AND block_end <= ? AND exchanges > 0 "
        "GROUP BY partner, block, system, level ORDER BY partner, block"
    )
    ends: dict[tuple[str, str], str] = {}
    sides: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for partner, block, block_end, system, level, failed, exchanges in db.execute(
        sql, (seen.mode, faults, series, seen.today.isoformat())
    ):
        key = (partner, block)
        ends[key] = max(block_end, ends.get(key, ""))
        sides.setdefault(key, {})[subject_name(system, level)] = (failed or 0, exchanges)
    parts = block_series.milestone_spans(seen.plan, seen.built, seen.today)
    found: dict[str, list[PartnerBlock]] = {}
    for (partner, block), counts in sides.items():
        first = date.fromisoformat(block)
        part = next((part for part in parts if part.start <= first <= part.end), None)
        if part is None:
            continue
        found.setdefault(partner, []).append(
            PartnerBlock(
                block=first,
                block_end=date.fromisoformat(ends[partner, block]),
                side=part.milestone.subject,
                milestone=part.code,
                control=counts.get(part.milestone.control),
                subject=counts.get(part.milestone.subject),
            )
        )
    return {partner: tuple(blocks) for partner, blocks in found.items()}


def _feed_gains(db: Database, seen: View) -> FeedGains:
    """The gain of every feed by the question that the first page answers; its rollups are read once, and cut."""
    head = pick_headline(seen.made(headline_candidates))
    milestone = head.milestone
    end = head.reading.end if head.reading.blocks else min(seen.today, milestone.due)
    asked = question(milestone, end, seen.mode, SHOWN_FAULTS[seen.mode])
    window = load_window(db, asked)
    rows: dict[Feed, list[int]] = {}
    for place, (partner, feed, _) in enumerate(window.strata):
        rows.setdefault((partner, feed), []).append(place)
    key = f"{milestone.code}:busy_time_saved:{SHOWN_FAULTS[seen.mode]}"
    found = {name: comparison.compute_busy_time_saved(window.select(places)) for name, places in rows.items()}
    runs = find_counted_runs(seen, key)
    listed = (
        {} if isinstance(runs, str) else sum_runs_by(db, build_query(db, RunFilter(counted=runs)), "partner", "feed")
    )
    return FeedGains(
        code=milestone.code,
        sides=f"{milestone.subject} against the {milestone.control}",
        start=asked.start,
        end=end,
        min_blocks=asked.min_blocks,
        readings=found,
        listed=frozenset(feed for feed, reading in found.items() if listed.get(feed) == reading.n),
        key=key,
    )
