"""Judge the expectations of a workspace: which files came in time, late, or not at all.

Any number of processes may do this, at any time: each moment is judged once, after the fact where nothing ran at that
moment.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from poc.schedule.due_moments import DueMoments, due_after_file
from poc.schedule.inbox_arrivals import InboxLook, LookIntoInbox, look_into_inbox
from poc.schedule.tick_store import Schedule, TickStore
from poc.schedule.ticks import NOT_ARRIVED, Tick, judge_gaps, judge_moments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from poc.config.hours import Expect
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

#: What lies further ahead than this was judged while the clock was ahead, in microseconds.
TOLERANCE_US = 60 * 1_000_000

#: Moments that are judged in one transaction.
CHUNK = 1_000


def to_us(at: datetime) -> int:
    """Return an instant in microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def from_us(at_us: int) -> datetime:
    """Return an instant of microseconds since 1970, in UTC."""
    return EPOCH + at_us * MICROSECOND


@dataclass(frozen=True, slots=True)
class Judgement:
    """Ticks that are judged, and up to where."""

    ticks: list[Tick]
    judged_us: int


def judge_until(
    expect: Expect, store: TickStore, schedule: Schedule, look: InboxLook, now_us: int, most: int = CHUNK
) -> Judgement:
    """Judge what is due and not judged, at most `most` moments. Reads the ledger and changes nothing.

    A moment waits where a file changed just before it that may still be written: it is judged once that has settled.
    """
    settling_us = look.settling_since_us

    def waits(due_us: int) -> bool:
        return settling_us is not None and due_us >= settling_us

    begin_us = schedule.judged_us
    if expect.within is not None:
        arrivals = _arrivals(store, schedule, look, begin_us, now_us)
        gaps = judge_gaps(arrivals, begin_us, now_us, lambda at_us: to_us(due_after_file(expect, from_us(at_us))))
        ticks = [tick for tick in gaps if tick.state != NOT_ARRIVED or not waits(tick.due_us)]
        return Judgement(ticks, arrivals[-1] if arrivals else begin_us)
    rule = DueMoments(expect)
    moments = [to_us(moment) for moment in rule.between(from_us(begin_us), from_us(now_us))]
    moments = [moment for moment in moments if not waits(moment)][:most]
    first = from_us(moments[0]) if moments else from_us(max(begin_us, now_us) + 1)
    previous = rule.previous(first)
    previous_us = to_us(previous) if previous is not None else 0
    following = rule.next(from_us(moments[-1]) if moments else first - MICROSECOND)
    next_us = to_us(following[0]) if following else None
    arrivals = _arrivals(store, schedule, look, previous_us, min(now_us, next_us or now_us))
    ticks = judge_moments(moments, previous_us, next_us, arrivals, store.tick(previous_us))
    return Judgement(ticks, moments[-1] if moments else begin_us)


def _arrivals(store: TickStore, schedule: Schedule, look: InboxLook, after_us: int, until_us: int) -> list[int]:
    recorded = store.arrivals(after_us, until_us, schedule.since_us)
    return sorted({*recorded, *(at_us for at_us in look.arrivals if after_us < at_us <= until_us)})


def current_schedule(expect: Expect, schedule: Schedule | None, now_us: int) -> Schedule:
    """Return a schedule as it is to be judged: it begins now where it is new, or its rule has changed.

    What was judged while the clock was ahead is judged again when its time has come.
    """
    rule = expect.model_dump_json(exclude_defaults=True)
    if schedule is None or schedule.rule != rule:
        return Schedule(rule, now_us, now_us)
    if schedule.judged_us > now_us + TOLERANCE_US:
        return replace(schedule, since_us=min(schedule.since_us, now_us), judged_us=now_us)
    return schedule


@dataclass(slots=True)
class ExpectationJudge:
    """Judges the expectations of a workspace each time it is called; one process keeps it, so that looks are rare.

    Attributes:
        clock: returns the current time, in UTC.
        look: looks into an inbox.
    """

    clock: Callable[[], datetime]
    look: LookIntoInbox = look_into_inbox
    _quiet: dict[tuple[str, str, str], tuple[datetime, datetime]] = field(default_factory=dict)

    def judge(self, workspace: Workspace, ledger: Ledger) -> Iterator[tuple[str, str, Tick]]:
        """Judge what is due; yield partner, feed and tick for what was not judged so before.

        Raises TryLater, LedgerDamaged.
        """
        for partner, feed_id in workspace.select_feeds(None):
            expect = workspace.get_feed(partner, feed_id)[1].expect
            if expect is None:
                continue
            for tick in self.judge_feed(workspace, ledger, partner, feed_id, expect):
                yield partner, feed_id, tick

    def judge_feed(
        self, workspace: Workspace, ledger: Ledger, partner: str, feed_id: str, expect: Expect
    ) -> list[Tick]:
        """Judge what is due of one feed; return what was not judged so before. Raises TryLater, LedgerDamaged."""
        key = (partner, feed_id, expect.model_dump_json())
        now = self.clock()
        quiet = self._quiet.get(key)
        if quiet is not None and quiet[0] <= now < quiet[1]:
            return []
        try:
            look = self.look(workspace.inbox(partner, feed_id), workspace.get_feed(partner, feed_id)[1], now)
        except OSError:  # what is in the inbox is not known; `status` names it
            return []
        store = TickStore(ledger, partner, feed_id)
        changed: list[Tick] = []
        while True:
            ticks, is_done = self._judge_chunk(store, expect, look)
            changed += ticks
            if is_done:
                break
        if look.settling_since_us is None and not _is_open(store, now):
            until = now + LONGEST_QUIET
            self._quiet[key] = (now, min(next_due(expect, store, now) or until, until))
        return changed

    def _judge_chunk(self, store: TickStore, expect: Expect, look: InboxLook) -> tuple[list[Tick], bool]:
        ledger = store.ledger
        ledger.begin(store.id)
        try:
            now_us = to_us(self.clock())  # while no other process judges
            before = store.schedule()
            schedule = current_schedule(expect, before, now_us)
            if schedule != before:
                store.put_schedule(schedule)
            judgement = judge_until(expect, store, schedule, look, now_us)
            changed = store.add_ticks(judgement.ticks, now_us)
            if judgement.judged_us != schedule.judged_us:
                store.set_judged(judgement.judged_us)
            if changed or schedule != before or judgement.judged_us != schedule.judged_us:
                ledger.commit()
            else:
                ledger.roll_back()
        except BaseException:
            ledger.roll_back()
            raise
        return changed, len(judgement.ticks) < CHUNK


#: An inbox is looked into at least so often: another process may have noted a miss whose file has come since.
LONGEST_QUIET = timedelta(minutes=10)


def _is_open(store: TickStore, now: datetime) -> bool:
    """Return whether the last tick waits for its file."""
    last = store.last_ticks(to_us(now), 1)
    return bool(last) and last[0].state == NOT_ARRIVED


def next_due(expect: Expect, store: TickStore | None, now: datetime) -> datetime | None:
    """Return the next due moment; None where there is none. Raises TryLater, LedgerDamaged."""
    if expect.within is None:
        moments = DueMoments(expect).next(now)
        return moments[0] if moments else None
    schedule = None if store is None else store.schedule()
    if store is None or schedule is None:
        return None
    last_us = max(store.arrivals(schedule.judged_us, to_us(now), schedule.since_us), default=schedule.judged_us)
    due = due_after_file(expect, from_us(last_us))
    return due if due > now else None
