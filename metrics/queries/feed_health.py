"""Health of each feed of the service: which feeds need a person, and which work as they should.

The rule, in this order; the first line that applies gives the state:

- `action_needed`: the last exchange that ended was refused, failed, ambiguous or abandoned, and none has succeeded
  since. An exchange that is `due` is retried automatically and needs no person.
- `not_arriving`: nothing has arrived for more than three times the usual gap between files, and for at least that gap
  plus one block (a replayed week, a day of production). The usual gap is the median of the last 20; files that arrive
  together are one arrival.
- `late`: the newest exchange failed and is retried automatically; or it is under way, and has been due for longer than
  95 of 100 exchanges of the feed take.
- `too_little`: fewer than 5 exchanges, too few to know what is usual; `not_arriving` requires them as well.
- `on_time`: everything else.

The caller gives the current time; in a replay it is at most the end of what was replayed. A replay is judged by the
round that has come the furthest (`metrics.queries.replay_rounds`), production by what the service ran last.
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

#: Attempts that are read, gaps of which the usual gap is the median, and exchanges that show what is usual.
RECENT_ATTEMPTS, RECENT_GAPS, MIN_EXCHANGES = 60, 20, 5

#: Outcomes that need a person, and outcomes after which everything is where it belongs.
STUCK = ("refused", "failed", "ambiguous", "abandoned")
GOOD = ("done", "already_received")

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """The health of one feed. `runs`, `exchanges` and `failed` count all that `side` did, as the run lists count."""

    partner: str
    feed: str
    state: str  #: on_time, late, not_arriving, action_needed or too_little
    since_us: int | None  #: since when it is in trouble; None where it is not
    why: str
    last_good_at_us: int | None  #: end of the last successful attempt
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
        """The end of the attempt; its start where the end is unknown."""
        return self.started_at_us + (self.duration_ns or 0) // 1000


@dataclass(frozen=True, slots=True)
class FeedKey:
    """One feed, on one clock and under one kind of faults."""

    partner: str
    feed: str
    mode: str
    faults: str
    known_by: date | None = None  #: only what was known by the end of this day; None: everything


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHistory:
    """What the store knows of one feed, from which `state_at` computes its health at any time."""

    feed_key: FeedKey
    side: str
    counts: tuple[int, int, int]  #: runs, exchanges, and exchanges whose last attempt failed
    gap_s: float | None
    delays_s: tuple[float, ...]  #: of recent exchanges, shortest first
    last_due_at_us: int  #: when the newest file was due
    newest_run_id: int
    last_attempts: tuple[RecentAttempt, ...]  #: the last attempt at each recent exchange, newest first
    last_good: RecentAttempt | None  #: the last successful attempt
    end_us: int | None  #: the end of what is known; None: no end


#: The columns of `run` that `RecentAttempt` holds, in its order.
ATTEMPT_COLUMNS = "id, exchange_id, attempt, outcome, file, due_at_us, started_at_us, duration_ns, level"


def feed_states(
    db: Database, mode: str, faults: str, now_us: int, day: date | None = None
) -> tuple[FeedState, ...]:  # fmt: skip
    """Return the health of each feed that the service has run, by partner and feed.

    With `day` only what was known by its end counts; `now_us` is then the time of that end.
    """
    return tuple(state_at(history, now_us) for history in feed_histories(db, mode, faults, day))


def feed_histories(db: Database, mode: str, faults: str, day: date | None = None) -> tuple[FeedHistory, ...]:
    """Read the history of each feed that the service has run, by partner and feed."""
    require_run_counts(db)
    rounds = rounds_to_check(db, mode, faults, ended_by(db, day))
    histories = []
    for partner, feed in list_feeds(db, day):
        of_feed = SqlConditions(("cell.partner = ?", "cell.feed = ?"), (partner, feed))
        for replay_round in rounds:
            query = replay_round.query
            feed_round = ReplayRound(RunQuery(of_feed + query.cells, query.tallies, query.runs), replay_round.end_us)
            if recent := _recent_attempts(db, feed_round.query):
                histories.append(_history(db, FeedKey(partner, feed, mode, faults, day), feed_round, recent))
                break
    return tuple(histories)


def _recent_attempts(db: Database, query: RunQuery) -> list[RecentAttempt]:
    """Read the last attempts, newest first."""
    ids = [cursor.id for cursor in next_page(db, query, None, RECENT_ATTEMPTS)]
    return [RecentAttempt(*row) for row in read_columns(db, ATTEMPT_COLUMNS, ids)]


def _history(
    db: Database, feed_key: FeedKey, feed_round: ReplayRound, recent: list[RecentAttempt]
) -> FeedHistory:  # fmt: skip
    side = subject_name("service", recent[0].level)
    gaps_s = _arrival_gaps_s(recent)
    counts = _count_exchanges(db, feed_key, side)
    return FeedHistory(
        feed_key=feed_key,
        side=side,
        counts=counts,
        gap_s=median(gaps_s) if counts[1] >= MIN_EXCHANGES and gaps_s else None,
        delays_s=tuple(
            sorted((attempt.ended_at_us - attempt.due_at_us) / 1e6 for attempt in recent if attempt.outcome == "done")
        ),
        last_due_at_us=max(attempt.due_at_us for attempt in recent),
        newest_run_id=recent[0].id,
        last_attempts=tuple(_last_attempts(recent)),
        last_good=_last_good(db, feed_round.query, recent),
        end_us=feed_round.end_us,
    )


def state_at(history: FeedHistory, now_us: int) -> FeedState:
    """Return the health of a feed at a time, or at the end of what is known of it, whichever is earlier."""
    now_us = now_us if history.end_us is None else min(now_us, history.end_us)
    runs, exchanges, failed = history.counts
    p50, p95 = (nearest_rank(history.delays_s, p) if history.delays_s else None for p in (50, 95))
    block_s = block_days(history.feed_key.mode) * DAY_S
    state, since_us, why = (
        _needs_person(history.last_attempts)
        or _not_arriving(history.last_due_at_us, history.gap_s, block_s, now_us)
        or _late(history.last_attempts, p95, now_us)
        or _on_time(exchanges)
    )
    return FeedState(
        partner=history.feed_key.partner,
        feed=history.feed_key.feed,
        state=state,
        since_us=since_us,
        why=why,
        last_good_at_us=history.last_good.ended_at_us if history.last_good else None,
        last_good_run_id=history.last_good.id if history.last_good else None,
        last_run_id=history.newest_run_id,
        usual_gap_s=history.gap_s,
        runs=runs,
        exchanges=exchanges,
        failed=failed,
        delay_p50_s=p50,
        delay_p95_s=p95,
        side=history.side,
    )


def _count_exchanges(db: Database, feed_key: FeedKey, side: str) -> tuple[int, int, int]:
    """Count runs, exchanges, and exchanges whose last attempt failed, as a list of this feed and side counts them."""
    run_filter = RunFilter(
        sides=(side,), partners=(feed_key.partner,), feeds=(feed_key.feed,), faults=(feed_key.faults,),
        known_by=feed_key.known_by,
    )  # fmt: skip
    query = build_query(db, run_filter)
    failed = f"outcome IN {FAILED_OUTCOMES}"
    sql = f"SELECT SUM(runs), SUM(runs * last), SUM(runs * last * ({failed})) FROM {join_tables(query)}"  # noqa: S608
    row = db.execute(sql, query.cells.values).fetchone()
    return int(row[0] or 0), int(row[1] or 0), int(row[2] or 0)


def _arrival_gaps_s(recent: list[RecentAttempt]) -> list[float]:
    """Return the seconds between the last arrivals."""
    arrivals = sorted({attempt.due_at_us for attempt in recent})[-RECENT_GAPS - 1 :]
    return [(later - sooner) / 1e6 for sooner, later in pairwise(arrivals)]


def _last_attempts(recent: list[RecentAttempt]) -> list[RecentAttempt]:
    """Return the last attempt at each exchange, newest first."""
    last: dict[str, RecentAttempt] = {}
    for attempt in recent:
        if attempt.exchange not in last or attempt.attempt > last[attempt.exchange].attempt:
            last[attempt.exchange] = attempt
    return sorted(last.values(), key=lambda attempt: (attempt.started_at_us, attempt.id), reverse=True)


def _needs_person(last: tuple[RecentAttempt, ...]) -> tuple[str, int | None, str] | None:
    """Return the state `action_needed` if the last exchange that ended needs a person."""
    stuck: list[RecentAttempt] = []
    for attempt in last:
        if attempt.outcome in GOOD:
            break
        if attempt.outcome in STUCK:
            stuck.append(attempt)
    if not stuck:
        return None
    others = f", as did {len(stuck) - 1} before it" if len(stuck) > 1 else ""
    why = f"{stuck[0].file or 'the last exchange'} ended {stuck[0].outcome}{others}; none has gone through since"
    return "action_needed", stuck[-1].started_at_us, why


def _not_arriving(
    last_due_at_us: int, gap_s: float | None, block_s: float, now_us: int
) -> tuple[str, int | None, str] | None:
    """Return the state `not_arriving` if files have stopped arriving."""
    if gap_s is None:
        return None
    quiet_s = (now_us - last_due_at_us) / 1e6
    if quiet_s <= 3 * gap_s or quiet_s < gap_s + block_s:
        return None
    why = f"nothing has come for {duration_text(quiet_s)}; files usually come every {duration_text(gap_s)}"
    return "not_arriving", last_due_at_us + round(gap_s * 1e6), why


def _late(last: tuple[RecentAttempt, ...], p95_s: float | None, now_us: int) -> tuple[str, int | None, str] | None:
    """Return the state `late` if the newest exchange is retried, or takes longer than usual."""
    newest = max(last, key=lambda attempt: (attempt.due_at_us, attempt.started_at_us, attempt.id))
    name = f"the file {newest.file}" if newest.file else "the newest exchange"
    if newest.outcome == "due":
        return "late", newest.due_at_us, f"{name} failed and is tried again by itself"
    waited_s = (now_us - newest.due_at_us) / 1e6
    if newest.outcome == "running" and p95_s is not None and waited_s > p95_s:
        why = f"{name} is under way, {duration_text(waited_s)} after it came; usual is {duration_text(p95_s)}"
        return "late", newest.due_at_us, why
    return None


def _on_time(exchanges: int) -> tuple[str, int | None, str]:
    """Return the state of a feed without trouble: `too_little` exchanges to know, or `on_time`."""
    if exchanges < MIN_EXCHANGES:
        plural = "" if exchanges == 1 else "s"
        return "too_little", None, f"{exchanges} exchange{plural} so far; {MIN_EXCHANGES} tell what is usual"
    return "on_time", None, "files come as usual, and the last one went through"


def _last_good(db: Database, query: RunQuery, recent: list[RecentAttempt]) -> RecentAttempt | None:
    for attempt in recent:
        if attempt.outcome in GOOD:
            return attempt
    good = RunQuery(query.cells, SqlConditions((f"tally.outcome IN {GOOD}",), ()), query.runs)
    rows = read_columns(db, ATTEMPT_COLUMNS, [cursor.id for cursor in next_page(db, good, None, 1)])
    return RecentAttempt(*rows[0]) if rows else None


def duration_text(seconds: float) -> str:
    """Return a duration in words, in its largest unit: "3 days", "1 hour"."""
    for unit, unit_s in (("day", DAY_S), ("hour", 3600), ("minute", 60), ("second", 1)):
        number = int(seconds // unit_s)
        if number or unit_s == 1:
            return f"{number} {unit}{'s' if number != 1 else ''}"
    return ""
