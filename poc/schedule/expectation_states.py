"""How the expectations of feeds stand: the next due moment, the last one, and what has not arrived."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from poc.schedule.due_moments import DueMoments
from poc.schedule.expectations import current_schedule, from_us, judge_until, next_due, to_us
from poc.schedule.inbox_arrivals import InboxLook, LookIntoInbox, look_into_inbox
from poc.schedule.tick_store import TickStore
from poc.schedule.ticks import ARRIVED, NOT_ARRIVED, Tick

if TYPE_CHECKING:
    from datetime import datetime

    from poc.config.hours import Expect
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger

#: Open misses of a feed that are listed.
MOST_MISSED = 100

#: More moments than can be due.
ALL = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationState:
    """How the expectation of a feed stands. Times are in UTC.

    `missed` holds the due moments in a row, up to the last one, at which no file had arrived and for which none has
    come since: the open misses, at most `MOST_MISSED`. It is empty as soon as a file comes.
    """

    partner: str
    feed: str
    expect: Expect
    next_due: datetime | None  #: None before the first file of an expectation with `within`, and while one is missing
    last_due: datetime | None = None  #: None before the first due moment, and where `within` was kept
    last_state: str = ""  #: arrived, late or not_arrived; empty before the first due moment
    last_arrived_at: datetime | None = None  #: when the file of the last due moment came
    late_s: float = 0.0  #: how late it was, in seconds
    missed: tuple[datetime, ...] = ()  #: open misses, oldest first


def expectation_states(
    workspace: Workspace, ledger: Ledger | None, now: datetime, look: LookIntoInbox = look_into_inbox
) -> list[ExpectationState]:
    """Return the state of each feed with an expectation. Changes nothing: what is not judged yet is judged in memory.

    Args:
        workspace: the workspace with its inboxes.
        ledger: its ledger; None where nothing was exchanged yet.
        now: the current time, in UTC.
        look: looks into an inbox.

    Raises:
        TryLater, LedgerDamaged: the ledger cannot be read.
    """
    states = []
    for partner, feed_id in workspace.select_feeds(None):
        feed = workspace.get_feed(partner, feed_id)[1]
        if feed.expect is None:
            continue
        try:
            inbox = look(workspace.inbox(partner, feed_id), feed, now)
        except OSError:  # what it holds is not known: what is due now waits
            inbox = InboxLook(settling_since_us=0)
        store = None if ledger is None else TickStore(ledger, partner, feed_id)
        states.append(_state(partner, feed_id, feed.expect, store, inbox, now))
    return states


def _state(
    partner: str, feed: str, expect: Expect, store: TickStore | None, inbox: InboxLook, now: datetime
) -> ExpectationState:
    now_us = to_us(now)
    ticks: dict[int, Tick] = {}
    since_us = last_file_us = now_us
    if store is not None and (schedule := store.schedule()) is not None:
        schedule = current_schedule(expect, schedule, now_us)
        judgement = judge_until(expect, store, schedule, inbox, now_us, most=ALL)
        since_us, last_file_us = schedule.since_us, judgement.judged_us
        ticks = {tick.due_us: tick for tick in (*store.last_ticks(now_us, MOST_MISSED + 1), *judgement.ticks)}
    newest_first = [ticks[due_us] for due_us in sorted(ticks, reverse=True) if due_us > since_us]
    missed = [tick.due_us for tick in takewhile(lambda tick: tick.state == NOT_ARRIVED, newest_first)][:MOST_MISSED]
    if store is not None and missed and _has_come(store, inbox, missed[0], now_us, since_us):
        missed = []
    last = newest_first[0] if newest_first else None
    if expect.within is not None and not missed and last_file_us > since_us:
        # only gaps that are too long have ticks
        last = last if last is not None and last.arrived_at_us == last_file_us else Tick(0, ARRIVED, last_file_us)
    return ExpectationState(
        partner=partner,
        feed=feed,
        expect=expect,
        next_due=next_due(expect, store, now),
        last_due=None if last is None or not last.due_us else from_us(last.due_us),
        last_state="" if last is None else last.state,
        last_arrived_at=None if last is None or last.arrived_at_us is None else from_us(last.arrived_at_us),
        late_s=0.0 if last is None else last.late_us / 1_000_000,
        missed=tuple(from_us(due_us) for due_us in reversed(missed)),
    )


def _has_come(store: TickStore, inbox: InboxLook, after_us: int, now_us: int, since_us: int) -> bool:
    """Return whether a file has come after a moment, also one that counts for the next moment."""
    return any(at_us > after_us for at_us in inbox.arrivals) or bool(store.arrivals(after_us, now_us, since_us))


def next_moments(state: ExpectationState, now: datetime, count: int) -> list[datetime]:
    """Return the next due moments; only one where it depends on when the next file comes."""
    if state.expect.within is None:
        return DueMoments(state.expect).next(now, count)
    return [] if state.next_due is None else [state.next_due]
