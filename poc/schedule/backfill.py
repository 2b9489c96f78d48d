"""Judge the due moments of past days from the ledger. An interrupted backfill goes on where it was."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from poc.schedule.due_moments import DueMoments, due_after_file
from poc.schedule.expectations import from_us, to_us
from poc.schedule.local_time import instant_of
from poc.schedule.ticks import Tick, judge_gaps, judge_moments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from poc.config.hours import Expect
    from poc.schedule.tick_store import TickStore

#: Moments that are judged in one transaction.
CHUNK = 200


def backfill(
    expect: Expect, store: TickStore, first: date, last: date | None, clock: Callable[[], datetime]
) -> Iterator[list[Tick]]:
    """Judge the moments of days that are not judged yet, and yield the ticks of each transaction once it is committed.

    Moments from the beginning of the schedule on are left to it. Before it began, a file counts from when its exchange
    was opened, as the ledger knows no more.

    Args:
        expect: the expectation.
        store: its ticks.
        first: the first day, in its zone.
        last: the last day; None for all up to now.
        clock: returns the current time, in UTC.

    Raises TryLater, LedgerDamaged.
    """
    schedule = store.schedule()
    now = clock()
    zone = expect.zone_info
    end_us = to_us(now) if schedule is None else schedule.since_us
    if last is not None:
        end_us = min(end_us, to_us(instant_of(datetime.combine(last + timedelta(days=1), time()), zone)) - 1)
    begin_us = to_us(instant_of(datetime.combine(first, time()), zone)) - 1
    if expect.within is not None:
        arrivals = store.arrivals(begin_us, end_us, end_us)
        gaps = judge_gaps(arrivals, begin_us, end_us, lambda at_us: to_us(due_after_file(expect, from_us(at_us))))
        yield _add(store, [tick for tick in gaps if store.tick(tick.due_us) is None], clock)
        return
    rule = DueMoments(expect)
    moments = [to_us(moment) for moment in rule.between(from_us(begin_us), from_us(end_us))]
    for is_new, group in groupby(moments, key=lambda due_us: store.tick(due_us) is None):
        members = list(group)
        for at in range(0, len(members) if is_new else 0, CHUNK):
            yield _add(store, _judge(rule, store, members[at : at + CHUNK], end_us), clock)


def _judge(rule: DueMoments, store: TickStore, moments: Sequence[int], end_us: int) -> list[Tick]:
    previous = rule.previous(from_us(moments[0]))
    following = rule.next(from_us(moments[-1]))
    previous_us = to_us(previous) if previous is not None else 0
    next_us = to_us(following[0]) if following else None
    arrivals = store.arrivals(previous_us, max(end_us, next_us or 0), end_us)
    ticks = judge_moments(moments, previous_us, next_us, arrivals, store.tick(previous_us))
    return [tick for tick in ticks if tick.due_us >= moments[0]]


def _add(store: TickStore, ticks: list[Tick], clock: Callable[[], datetime]) -> list[Tick]:
    added = store.add_ticks(ticks, to_us(clock()))
    store.ledger.commit()
    return added
