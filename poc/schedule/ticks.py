"""Ticks: due moments with what came of them. They are judged from the times at which files arrived; no clock is read.

Times are in microseconds since 1970.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: States of a tick: a file came in time, came after its moment, or has not come.
ARRIVED, LATE, NOT_ARRIVED = "arrived", "late", "not_arrived"

#: The moment after the last one of a rule.
NEVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class Tick:
    """A due moment that is judged."""

    due_us: int
    state: str
    arrived_at_us: int | None = None  #: when its file came

    @property
    def late_us(self) -> int:
        """How long after its moment the file came; 0 if it came in time, or has not come."""
        return self.arrived_at_us - self.due_us if self.state == LATE and self.arrived_at_us is not None else 0


def judge_moments(
    moments: Sequence[int], previous_us: int, next_us: int | None, arrivals: Sequence[int], last: Tick | None
) -> list[Tick]:
    """Judge due moments in a row: a file is due between the moment before and each of them.

    The first file after a moment without one makes up for it, where it is nearer to it than to the next moment: the
    tick is late, and the file does not count for the next one.

    Args:
        moments: the moments.
        previous_us: the moment before the first.
        next_us: the moment after the last; None where the rule has no more.
        arrivals: when files came, in order, from `previous_us` on.
        last: the tick of `previous_us`, if it was judged.

    Returns:
        The ticks of all moments, and before them `last`, if a file has made up for it.
    """
    ticks = [] if last is None else [last]
    begin_us = previous_us
    for due_us in (*moments, NEVER_US if next_us is None else next_us):
        came = list(arrivals[bisect_right(arrivals, begin_us) : bisect_right(arrivals, due_us)])
        if ticks and ticks[-1].state != ARRIVED and came and came[0] - begin_us < due_us - came[0]:
            if ticks[-1].state == NOT_ARRIVED:
                ticks[-1] = replace(ticks[-1], state=LATE, arrived_at_us=came[0])
            came.remove(came[0])
        ticks.append(Tick(due_us, ARRIVED, came[-1]) if came else Tick(due_us, NOT_ARRIVED))
        begin_us = due_us
    ticks.pop()  # that of the next moment, which is not due yet
    return ticks[1:] if last is not None and ticks[0] == last else ticks


def judge_gaps(arrivals: Sequence[int], since_us: int, now_us: int, due_after: Callable[[int], int]) -> Iterator[Tick]:
    """Judge the gaps between files, for an expectation with a longest time after the last file.

    Only a gap that is too long has a tick: late if a file ended it, else not arrived.

    Args:
        arrivals: when files came, in order, after `since_us`.
        since_us: when the first gap began.
        now_us: until when gaps are judged.
        due_after: returns when a file is due after another one.
    """
    begin_us = since_us
    for at_us in arrivals:
        due_us = due_after(begin_us)
        if at_us > due_us:
            yield Tick(due_us, LATE, at_us)
        begin_us = at_us
    due_us = due_after(begin_us)
    if due_us <= now_us:
        yield Tick(due_us, NOT_ARRIVED)
