"""Failure rates, gains and feed states of all partners.

A few passes over the rollups make them for all partners at once, once for each state of the store; the page of one
partner looks them up. A replay counts the newest level of the service, production counts every level.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from dashboard.queries.reading_runs import find_counted_runs
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
from roadmap.judge.evidence import milestone_question
from roadmap.report import block_series
from roadmap.report.headline import pick_headline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from metrics.measures.reading import Reading
    from metrics.queries.feed_health import FeedHistory, FeedState

    Feed = tuple[str, str]  # partner and feed

#: Days over which failures are counted.
RECENT_DAYS = 90

#: The faults under which partners are shown, by mode.
SHOWN_FAULTS = {"replay": "standard", "live": "real"}

#: Seconds after which production computes feed states anew, as time passes without runs too.
STATE_INTERVAL_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRate:
    """Exchanges of a feed whose first attempt failed, in the blocks from `first` to `last`."""

    side: str  #: the subject that they are of
    failed: int
    exchanges: int
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerBlock:
    """Exchanges of one partner in one block, counted for each side; a count is None if that side had none."""

    block: date
    block_end: date
    side: str  #: the service level of that block
    milestone: str
    control: tuple[int, int] | None  #: failed at the first attempt, and all exchanges
    subject: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedGains:
    """The question of the home page's answer, asked of each feed."""

    code: str = ""
    sides: str = ""
    start: date | None = None
    end: date | None = None
    min_blocks: int = 0
    readings: Mapping[Feed, Reading] = field(default_factory=dict)
    linkable: frozenset[Feed] = frozenset()  #: feeds whose reading counts exactly the runs of their list by `key`
    key: str = ""  #: the name of the reading, by which a filter picks its runs


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnersOverview:
    """Figures of all partners. `has_counts` is False in a store that no writer of this release has opened."""

    feeds: tuple[Feed, ...] = ()
    rates: Mapping[Feed, FailureRate] = field(default_factory=dict)
    blocks: Mapping[str, tuple[PartnerBlock, ...]] = field(default_factory=dict)
    gains: FeedGains = field(default_factory=FeedGains)
    has_counts: bool = True

    @property
    def partners(self) -> tuple[str, ...]:
        """All partners that have a run of either side."""
        return tuple(dict.fromkeys(partner for partner, _ in self.feeds))


def partners_overview(db: Database, view: View) -> PartnersOverview:
    """Compute what is costly for all partners at once; `feed_states` are apart, as they depend on the time."""
    if not db.table("tally").exists():
        return PartnersOverview(has_counts=False)
    return PartnersOverview(
        feeds=tuple(list_feeds(db, view.as_of)),
        rates=_failure_rates(db, view),
        blocks=_blocks(db, view),
        gains=_feed_gains(db, view),
    )


def first_recent_day(today: date) -> date:
    """Return the first of the last `RECENT_DAYS` days; not before the calendar begins."""
    return date.fromordinal(max(1, today.toordinal() - RECENT_DAYS + 1))


def feed_histories(db: Database, view: View) -> tuple[FeedHistory, ...]:
    """Return the history of every feed of the service, from which its state follows at any time."""
    if not db.table("tally").exists():
        return ()
    return feed_health.feed_histories(db, view.mode, SHOWN_FAULTS[view.mode], view.as_of)


def state_time(view: View, now: datetime | None) -> datetime:
    """Return the time at which feeds are looked at: in production by the clock, else the end of the view's last day.

    In production it moves in steps of `STATE_INTERVAL_S`, so that all readers of a step share one result.
    """
    if view.mode == "live" and not view.as_of and now is not None:
        return datetime.fromtimestamp(now.timestamp() // STATE_INTERVAL_S * STATE_INTERVAL_S, UTC)
    return datetime(view.today.year, view.today.month, view.today.day, tzinfo=UTC) + timedelta(days=1)


def feed_states(db: Database, view: View, at: datetime) -> dict[Feed, FeedState]:
    """Return the state of every feed at a time."""
    del db
    at_us = round(at.timestamp() * 1_000_000)
    return {
        (history.feed_key.partner, history.feed_key.feed): feed_health.state_at(history, at_us)
        for history in view.cached(feed_histories)
    }


def _failure_rates(db: Database, view: View) -> dict[Feed, FailureRate]:
    """Return the failure rate of first attempts in the recent days, by feed."""
    first, last, ended = first_recent_day(view.today), view.today, ended_by(db, view.as_of)
    sql = (
        f"SELECT partner, feed, level, SUM(runs), SUM(runs * (outcome IN {FAILED_OUTCOMES})) "  # noqa: S608
        "FROM cell CROSS JOIN tally ON tally.cell = cell.id "
        "WHERE system = 'service' AND faults = ? AND block >= ? AND block <= ? AND first AND outcome != 'running' "
        f"AND {ended.where} GROUP BY partner, feed, level ORDER BY level"
    )
    first = block_start(db, first)  # whole blocks count, as in every list
    rates: dict[Feed, FailureRate] = {}
    for partner, feed, level, runs, failed in db.execute(
        sql, (SHOWN_FAULTS[view.mode], first.isoformat(), last.isoformat(), *ended.values)
    ).fetchall():
        values = {"first": first, "last": last, "exchanges": runs, "failed": failed}
        before = rates.get((partner, feed))
        if view.mode == "replay" or before is None:
            side = subject_name("service", level) if view.mode == "replay" else "service"
            rates[partner, feed] = FailureRate(side=side, **values)
        else:
            rates[partner, feed] = replace(
                before, exchanges=before.exchanges + runs, failed=before.failed + failed
            )  # fmt: skip
    return rates


def _blocks(db: Database, view: View) -> dict[str, tuple[PartnerBlock, ...]]:
    """Return both sides by partner and block, the service at the level of its block."""
    faults = SHOWN_FAULTS[view.mode]
    parts = block_series.milestone_spans(view.plan, view.built, view.today)
    days = {part.start for part in parts} or {view.today}
    newest = {""} if view.mode == "live" else {newest_series(db, view.mode, faults, day) for day in days}
    series = json.dumps(sorted(one for one in newest if one is not None))
    sql = (
        "SELECT partner, block, MAX(block_end), system, level, SUM(first_failed), SUM(exchanges) FROM run_block "
        "WHERE mode = ? AND faults = ? AND series IN (SELECT value FROM json_each(?)) AND block_end <= ? "
        "AND exchanges > 0 "
        "GROUP BY partner, block, system, level ORDER BY partner, block"
    )
    ends: dict[tuple[str, str], str] = {}
    sides: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for partner, block, block_end, system, level, failed, exchanges in db.execute(
        sql, (view.mode, faults, series, view.today.isoformat())
    ):
        key = (partner, block)
        ends[key] = max(block_end, ends.get(key, ""))
        sides.setdefault(key, {})[subject_name(system, level)] = (failed or 0, exchanges)
    by_partner: dict[str, list[PartnerBlock]] = {}
    for (partner, block), counts in sides.items():
        first = date.fromisoformat(block)
        part = next((part for part in parts if part.start <= first <= part.end), None)
        if part is None:
            continue
        by_partner.setdefault(partner, []).append(
            PartnerBlock(
                block=first,
                block_end=date.fromisoformat(ends[partner, block]),
                side=part.milestone.subject,
                milestone=part.code,
                control=counts.get(part.milestone.control),
                subject=counts.get(part.milestone.subject),
            )
        )
    return {partner: tuple(blocks) for partner, blocks in by_partner.items()}


def _feed_gains(db: Database, view: View) -> FeedGains:
    """Return the gain of every feed by the home page's question; the rollups are read once, then restricted by feed."""
    if not view.plan.milestones:  # none of the plan is about the partners of the view
        return FeedGains()
    head = pick_headline(view.cached(headline_candidates))
    milestone = head.milestone
    end = head.reading.end if head.reading.blocks else min(view.today, milestone.due)
    question = milestone_question(milestone, end, view.mode, SHOWN_FAULTS[view.mode])
    window = load_window(db, question)
    rows: dict[Feed, list[int]] = {}
    for place, (partner, feed, _) in enumerate(window.strata):
        rows.setdefault((partner, feed), []).append(place)
    key = f"{milestone.code}:busy_time_saved:{SHOWN_FAULTS[view.mode]}"
    readings = {name: comparison.compute_busy_time_saved(window.select(places)) for name, places in rows.items()}
    runs = find_counted_runs(view, key)
    runs_by_feed: dict[Feed, int] = (
        {} if isinstance(runs, str) else sum_runs_by(db, build_query(db, RunFilter(counted=runs)), "partner", "feed")
    )
    return FeedGains(
        code=milestone.code,
        sides=f"{milestone.subject} against the {milestone.control}",
        start=question.start,
        end=end,
        min_blocks=question.min_blocks,
        readings=readings,
        linkable=frozenset(feed for feed, reading in readings.items() if runs_by_feed.get(feed) == reading.n),
        key=key,
    )
