"""Lanes: threads that work off feeds side by side, so that no partner waits for another.

A feed gets a turn at a time: a lane takes its lease, works for a quantum, gives the lease back, and puts the feed
behind the others if more waits (the semantics of the work queue of Kubernetes' client-go). A feed whose lease another
process holds is tried again after a moment.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from poc.engine.turn_queue import TurnQueue
from poc.errors import TryLater
from poc.ledger.lease import guarded_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from poc.engine.precedence import Precedence
    from poc.errors import ExchangeError
    from poc.ledger.lease import LeaseHolder
    from poc.ledger.ledger import Ledger

#: The most lanes for each slot: a partner that does not answer keeps its lane, and not a slot.
MAX_LANES_PER_SLOT = 4

#: Seconds until a feed whose lease another process holds is tried again.
BUSY_PAUSE_S = 0.2


class FeedWork(Protocol):
    """The work that waits in one feed."""

    @property
    def partner(self) -> str:
        """The feed's partner."""

    @property
    def cap(self) -> int:
        """The most feeds of the partner that are worked on at once."""

    @property
    def key(self) -> tuple[str, str]:
        """Partner and feed."""

    def turn(self, ledger: Ledger) -> float | None:
        """Work for a quantum, under the feed's lease.

        Returns:
            None when all is done, else the seconds to wait before the next turn.

        Raises:
            LedgerDamaged: no feed can be worked on.
        """

    def busy(self, ledger: Ledger) -> bool:
        """Say that another process holds the feed's lease. Return whether to try again."""

    def fail(self, error: ExchangeError) -> None:
        """Say that the feed has no turn, because its lease cannot be taken."""

    def end(self) -> None:
        """End: all is done, or the lanes are stopped."""


class Lanes:
    """A bounded pool of threads over one ledger.

    Args:
        ledger: the ledger; each lane opens a connection of its own.
        holder: holds the leases of this process.
        slots: the most feeds that are worked on at once, beside those that wait for their partner's answer.
        fail: is told of an error after which no feed can be worked on; the lanes are stopped then.
        precedence: tells which feeds wait for their partner.
    """

    def __init__(
        self,
        ledger: Ledger,
        holder: LeaseHolder,
        slots: int,
        fail: Callable[[BaseException], None],
        precedence: Precedence,
    ) -> None:
        self._ledger = ledger
        self._holder = holder
        self._slots = slots
        self._fail = fail
        self._queue: TurnQueue[FeedWork] = TurnQueue()
        lock = threading.Lock()
        self._changed = threading.Condition(lock)  # a lane that waits may have something to do
        self._ended = threading.Condition(lock)
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._at_work = 0
        self._blocked = 0  # of those at work, the ones that wait for their partner
        self._stopped = False
        precedence.listener = self._count_blocked

    def offer(self, works: Iterable[FeedWork]) -> None:
        """Queue feeds behind the others; one that is queued or worked on already is left out."""
        offered = list(works)  # before the lock, as looking for them may take long
        with self._changed:
            left_out = [work for work in offered if self._stopped or not self._queue.add(work)]
            ready = self._queue.ready
            self._changed.notify(ready)
            self._start_lanes()
        for work in left_out:
            work.end()

    def __contains__(self, feed: tuple[str, str]) -> bool:
        with self._changed:
            return feed in self._queue

    def __len__(self) -> int:
        with self._changed:
            return len(self._queue)

    def wait(self) -> None:
        """Wait until no feed is queued or worked on."""
        with self._ended:
            while self._queue:
                self._ended.wait()

    def stop(self) -> None:
        """End the feeds that wait for a turn. A turn that is under way goes on; its work decides when it ends."""
        with self._changed:
            self._stopped = True
            waiting = self._queue.clear()
            self._changed.notify_all()
            self._ended.notify_all()
        for work in waiting:
            work.end()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until all turns have ended, after `stop`. Return False where some have not in this time."""
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(None if until_s is None else max(until_s - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def _count_blocked(self, change: int) -> None:
        with self._changed:
            self._blocked += change
            if change > 0 and self._queue.ready:
                self._changed.notify()
                self._start_lanes()

    def _start_lanes(self) -> None:
        """Start lanes for the feeds that are ready, as far as slots are free."""
        free = self._slots - (self._at_work - self._blocked) - self._idle
        most = MAX_LANES_PER_SLOT * self._slots - len(self._threads)
        for _ in range(min(self._queue.ready - self._idle, free, most)):
            # a daemon: a partner that does not answer must not keep the process alive
            thread = threading.Thread(target=self._run_lane, name=f"lane-{len(self._threads) + 1}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run_lane(self) -> None:
        ledger = None
        try:
            while (work := self._take()) is not None:
                wait_s: float | None = None
                try:
                    ledger = ledger or self._ledger.sibling()
                    wait_s = self._give_turn(work, ledger)
                except BaseException as error:  # noqa: BLE001 (reported to the owner of the lanes, whatever it is)
                    self._fail(error)  # before the feed ends, as the owner may wait for that
                    self.stop()
                self._end_turn(work, wait_s)
        finally:
            if ledger is not None:
                ledger.close()

    def _take(self) -> FeedWork | None:
        with self._changed:
            while not self._stopped:
                now_s, next_s = time.monotonic(), None
                if self._at_work - self._blocked < self._slots:
                    if (work := self._queue.take(now_s)) is not None:
                        self._at_work += 1
                        return work
                    next_s = self._queue.next_time_s()
                self._idle += 1
                self._changed.wait(None if next_s is None else max(next_s - now_s, 0.0))
                self._idle -= 1
            return None

    def _give_turn(self, work: FeedWork, ledger: Ledger) -> float | None:
        """Give a feed its turn; return the seconds until its next one, or None."""
        try:
            lease = self._holder.take(*work.key, cap=work.cap)
            if lease is None:
                return BUSY_PAUSE_S if work.busy(ledger) else None
            try:
                with guarded_by(ledger, lease):
                    return work.turn(ledger)
            finally:
                self._holder.give_back(lease)
        except TryLater as error:  # the ledger is locked
            work.fail(error)
            return None

    def _end_turn(self, work: FeedWork, wait_s: float | None) -> None:
        with self._changed:
            self._at_work -= 1
            ends = wait_s is None or self._stopped
            if wait_s is not None and not ends:
                self._queue.put_back(work, time.monotonic() + wait_s if wait_s else None)
                self._changed.notify()
        if not ends:
            return
        work.end()  # before another work of this feed can begin
        with self._changed:
            self._queue.end(work)
            self._ended.notify_all()
            self._changed.notify()
