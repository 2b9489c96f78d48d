"""How each feed of the service stands: what a person has to look at, and what comes as it should.

The rule, in this order; the first that holds gives the state:

- `action_needed`: the last exchange that ended was refused, failed, ambiguous or abandoned, and none went through after
  it. One that is `due` goes on by itself and asks nobody for anything.
- `not_arriving`: nothing has come for more than three times the usual gap between files, and for at least that gap and
  one block (a replayed week, a day of production). The usual gap is the median of the last 20; files that come together
  are one arrival.
- `late`: the newest exchange failed and goes on by itself; or it is under way, and has been due for longer than 95 of
  100 exchanges of the feed take.
- `too_little`: fewer than 5 exchanges, which tell nothing of what is usual; there is no `not_arriving` without them.
- `on_time`: everything else.

Now is what the caller says it is, and in a replay no later than the end of what was replayed. A replay is looked at in
the pass that has come the furthest (`metrics.queries.replay_rounds`); in production whatever the service ran at last.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from metrics.events import FAILED_OUTCOMES, subject_name
from metrics.queries.filter_sql import SqlConditions, ended_by, list_feeds, require_run_counts
from metrics.queries.pagination import RunQuery, join_tables, next_page
from metrics.queries.replay_rounds import ReplayRound, rounds_to_check
from metrics.queries.run_filter import RunFilter
from metrics.queries.runs import build_query, read_columns
from metrics.question import block_days
from metrics.stats.quantiles import nearest_rank

if TYPE_CHECKING:
    from datetime import date

    from sqlite_utils import Database

#: Attempts that are looked at, gaps that make the usual one, and exchanges that tell what is usual.
RECENT_ATTEMPTS, RECENT_GAPS, MIN_EXCHANGES = 60, 20, 5

#: Ends that need a person, and those after which everything is where it belongs.
STUCK = ("refused", "failed", "ambiguous", "abandoned")
GOOD = ("done", "already_received")

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """How one feed stands. `runs`, `exchanges` and `failed` count all that `side` did, each as its list does."""

    partner: str
    feed: str
    state: str  #: on_time, late, not_arriving, action_needed or too_little
    since_us: int | None  #: since when it is in trouble; None where it is not
    why: str
    last_good_at_us: int | None  #: end of the last attempt that went through
    last_good_run_id: int | None
    last_run_id: int | None
    usual_gap_s: float | None  #: between arrivals; None where too few are known
    runs: int
    exchanges: int
    failed: int  #: exchanges whose last attempt failed
    delay_p50_s: float | None  #: from due to the end of the attempt that delivered, of recent exchanges
    delay_p95_s: float | None
    side: str  #: of the newest run: "service@3"


@dataclass(frozen=True, slots=True)
class RecentAttempt:
    """One attempt."""

    id: int
    exchange: str
    attempt: int
    outcome: str
    file: str
    due_at_us: int
    started_at_us: int
    duration_ns: int | None
    level: int

    @property
    def ended_at_us(self) -> int:
        """When it ended; its start where nobody knows."""
        return self.started_at_us + (self.duration_ns or 0) // 1000


@dataclass(frozen=True, slots=True)
class FeedKey:
    """One feed, on one clock and under one kind of faults."""

    partner: str
    feed: str
    mode: str
    faults: str
    known: date | None = None  #: only what was known by the end of this day; None: all there is


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHistory:
    """What is known of one feed, whatever the time."""

    asked: FeedKey
    side: str
    counts: tuple[int, int, int]  #: runs, exchanges, and exchanges that stand failed
    gap_s: float | None
    delays_s: tuple[float, ...]  #: of recent exchanges, the shortest first
    came_us: int  #: when the newest file was due
    newest_id: int
    last: tuple[RecentAttempt, ...]  #: the last attempt at each recent exchange, the newest first
    good: RecentAttempt | None  #: the last attempt that went through
    end_us: int | None  #: until when anything is known; None: as far as time goes


ATTEMPT_COLUMNS = "id, exchange_id, attempt, outcome, file, due_at_us, started_at_us, duration_ns, level"


def feed_states(
    db: Database, mode: str, faults: str, now_us: int, day: date | None = None
) -> tuple[FeedState, ...]:  # fmt: skip
    """How every feed that the service has run stands at a time, by partner and feed.

    Looking back, only what was known by the end of `day` counts, and `now_us` is the time of that end.
    """
    return tuple(state_at(one, now_us) for one in feed_histories(db, mode, faults, day))


def feed_histories(db: Database, mode: str, faults: str, day: date | None = None) -> tuple[FeedHistory, ...]:
    """What is known of every feed, from which `state` tells how it stands at any time without asking again."""
    require_run_counts(db)
    looked = rounds_to_check(db, mode, faults, ended_by(db, day))
    found = []
    for partner, feed in list_feeds(db, day):
        own = SqlConditions(("cell.partner = ?", "cell.feed = ?"), (partner, feed))
        for at in looked:
            here = ReplayRound(RunQuery(own + at.way.cells, at.way.tallies, at.way.runs), at.end_us)
            if recent := _recent_attempts(db, here.way):
                found.append(_history(db, FeedKey(partner, feed, mode, faults, day), here, recent))
                break
    return tuple(found)


def _recent_attempts(db: Database, way: RunQuery) -> list[RecentAttempt]:
    """The last attempts, the newest first."""
    return [
        RecentAttempt(*row)
        for row in read_columns(db, ATTEMPT_COLUMNS, [place.id for place in next_page(db, way, None, RECENT_ATTEMPTS)])
    ]


def _history(db: Database, asked: FeedKey, at: ReplayRound, recent: list[RecentAttempt]) -> FeedHistory:
    side = subject_name("service", recent[0].level)
    gaps = _arrival_gaps_s(recent)
    counts = _count_exchanges(db, asked, side)
    return FeedHistory(
        asked=asked,
        side=side,
        counts=counts,
        gap_s=median(gaps) if counts[1] >= MIN_EXCHANGES and gaps else None,
        delays_s=tuple(sorted((one.ended_at_us - one.due_at_us) / 1e6 for one in recent if one.outcome == "done")),
        came_us=max(one.due_at_us for one in recent),
        newest_id=recent[0].id,
        last=tuple(_last_attempts(recent)),
        good=_last_good(db, at.way, recent),
        end_us=at.end_us,
    )


def state_at(one: FeedHistory, now_us: int) -> FeedState:
    """How a feed stands at a time, or at the end of what is known of it, whichever is sooner."""
    now_us = now_us if one.end_us is None else min(now_us, one.end_us)
    runs, exchanges, failed = one.counts
    p50, p95 = (nearest_rank(one.delays_s, p) if one.delays_s else None for p in (50, 95))
    found, since_us, why = (
        _needs_person(one.last)
        or _not_arriving(one.came_us, one.gap_s, block_days(one.asked.mode) * DAY_S, now_us)
        or _late(one.last, p95, now_us)
        or _on_time(exchanges)
    )
    return FeedState(
        partner=one.asked.partner,
        feed=one.asked.feed,
        state=found,
        since_us=since_us,
        why=why,
        last_good_at_us=one.good.ended_at_us if one.good else None,
        last_good_run_id=one.good.id if one.good else None,
        last_run_id=one.newest_id,
        usual_gap_s=one.gap_s,
        runs=runs,
        exchanges=exchanges,
        failed=failed,
        delay_p50_s=p50,
        delay_p95_s=p95,
        side=one.side,
    )


def _count_exchanges(db: Database, asked: FeedKey, side: str) -> tuple[int, int, int]:
    """Runs, exchanges, and exchanges that stand failed: of all that a list of this feed and side holds."""
    whose = RunFilter(
        sides=(side,), partners=(asked.partner,), feeds=(asked.feed,), faults=(asked.faults,), known=asked.known
    )
    way = build_query(db, whose)
    failed = f"outcome IN {FAILED_OUTCOMES}"
    sql = f"SELECT SUM(runs), SUM(runs * last), SUM(runs * last * ({failed})) FROM {join_tables(way)}"  # noqa: S608
    found = db.execute(sql, way.cells.values).fetchone()
    return int(found[0] or 0), int(found[1] or 0), int(found[2] or 0)


def _arrival_gaps_s(recent: list[RecentAttempt]) -> list[float]:
    """Seconds between the last arrivals."""
    arrivals = sorted({one.due_at_us for one in recent})[-RECENT_GAPS - 1 :]
    return [(later - sooner) / 1e6 for sooner, later in pairwise(arrivals)]


def _last_attempts(recent: list[RecentAttempt]) -> list[RecentAttempt]:
    """The last attempt at each exchange, the newest first."""
    found: dict[str, RecentAttempt] = {}
    for one in recent:
        if one.exchange not in found or one.attempt > found[one.exchange].attempt:
            found[one.exchange] = one
    return sorted(found.values(), key=lambda one: (one.started_at_us, one.id), reverse=True)


def _needs_person(last: tuple[RecentAttempt, ...]) -> tuple[str, int | None, str] | None:
    """Whether the last exchange that ended needs a person."""
    stuck: list[RecentAttempt] = []
    for one in last:
        if one.outcome in GOOD:
            break
        if one.outcome in STUCK:
            stuck.append(one)
    if not stuck:
        return None
    others = f", as did {len(stuck) - 1} before it" if len(stuck) > 1 else ""
    why = f"{stuck[0].file or 'the last exchange'} ended {stuck[0].outcome}{others}; none has gone through since"
    return "action_needed", stuck[-1].started_at_us, why


def _not_arriving(came_us: int, gap_s: float | None, block_s: float, now_us: int) -> tuple[str, int | None, str] | None:
    """Whether files have stopped coming."""
    if gap_s is None:
        return None
    quiet_s = (now_us - came_us) / 1e6
    if quiet_s <= 3 * gap_s or quiet_s < gap_s + block_s:
        return None
    why = f"nothing has come for {duration_text(quiet_s)}; files usually come every {duration_text(gap_s)}"
    return "not_arriving", came_us + round(gap_s * 1e6), why


def _late(last: tuple[RecentAttempt, ...], p95_s: float | None, now_us: int) -> tuple[str, int | None, str] | None:
    """Whether the newest exchange still has to go through."""
    newest = max(last, key=lambda one: (one.due_at_us, one.started_at_us, one.id))
    name = newest.file or "the newest exchange"
    if newest.outcome == "due":
        return "late", newest.due_at_us, f"{name} failed and goes on by itself"
    waited_s = (now_us - newest.due_at_us) / 1e6
    if newest.outcome == "running" and p95_s is not None and waited_s > p95_s:
        return (
            "late",
            newest.due_at_us,
            f"{name} is under way, {duration_text(waited_s)} after it came; usual is {duration_text(p95_s)}",
        )
    return None


def _on_time(exchanges: int) -> tuple[str, int | None, str]:
    if exchanges < MIN_EXCHANGES:
        told = f"{exchanges} exchange{'s' if exchanges != 1 else ''} so far; {MIN_EXCHANGES} tell what is usual"
        return "too_little", None, told
    return "on_time", None, "files come as usual, and the last one went through"


def _last_good(db: Database, way: RunQuery, recent: list[RecentAttempt]) -> RecentAttempt | None:
    for one in recent:
        if one.outcome in GOOD:
            return one
    good = RunQuery(way.cells, SqlConditions((f"tally.outcome IN {GOOD}",), ()), way.runs)
    found = read_columns(db, ATTEMPT_COLUMNS, [place.id for place in next_page(db, good, None, 1)])
    return RecentAttempt(*found[0]) if found else None


def duration_text(seconds: float) -> str:
    """A length of time in words, by its largest unit: "3 days", "1 hour"."""
    for unit, unit_s in (("day", DAY_S), ("hour", 3600), ("minute", 60), ("second", 1)):
        many = int(seconds // unit_s)
        if many or unit_s == 1:
            return f"{many} {unit}{'s' if many != 1 else ''}"
    return ""
