"""The order in which feeds get their turns: round robin, with a cap on the feeds of one partner at work at once.

A feed over the cap of its partner is parked, and becomes ready when a turn of that partner ends. A feed that cannot go
on yet waits for its time. Every operation takes the same time however many feeds wait.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from itertools import count
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable


class Task(Protocol):
    """Something that gets turns: the work that waits in a feed."""

    @property
    def partner(self) -> str:
        """The partner whose cap applies."""

    @property
    def cap(self) -> int:
        """The most tasks of the partner that have their turn at once."""

    @property
    def key(self) -> Hashable:
        """What there is only one task of at a time."""


T = TypeVar("T", bound=Task)


class TurnQueue(Generic[T]):
    """Tasks that wait for their turn. Not thread-safe: the caller holds a lock. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._ready: deque[T] = deque()
        self._parked: defaultdict[str, deque[T]] = defaultdict(deque)
        self._waiting: list[tuple[float, int, T]] = []
        self._claimed: Counter[str] = Counter()  # ready or at work, by partner
        self._keys: set[Hashable] = set()
        self._serial = count()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def ready(self) -> int:
        """The number of tasks whose turn it is."""
        return len(self._ready)

    def add(self, task: T) -> bool:
        """Add a task behind the others. Return False where one with its key waits or is at work."""
        if task.key in self._keys:
            return False
        self._keys.add(task.key)
        self._queue(task)
        return True

    def take(self, now_s: float) -> T | None:
        """Return the task whose turn it is, or None. `end` or `put_back` ends the turn."""
        while self._waiting and self._waiting[0][0] <= now_s:
            self._queue(heapq.heappop(self._waiting)[2])
        return self._ready.popleft() if self._ready else None

    def next_time_s(self) -> float | None:
        """Return when the next waiting task becomes ready; None where none waits for a time."""
        return self._waiting[0][0] if self._waiting else None

    def put_back(self, task: T, not_before_s: float | None = None) -> None:
        """End a turn of a task that has more to do: it goes behind the others, or waits until a time."""
        self._release(task)
        if not_before_s is None:
            self._queue(task)
        else:
            heapq.heappush(self._waiting, (not_before_s, next(self._serial), task))

    def end(self, task: T) -> None:
        """End the last turn of a task."""
        self._release(task)
        self._keys.discard(task.key)

    def clear(self) -> list[T]:
        """Remove and return the tasks that wait; those at work stay."""
        parked = [task for tasks in self._parked.values() for task in tasks]
        waiting = [*self._ready, *parked, *(task for *_, task in self._waiting)]
        self._claimed.subtract(task.partner for task in self._ready)
        self._keys.difference_update(task.key for task in waiting)
        self._ready.clear()
        self._parked.clear()
        self._waiting.clear()
        return waiting

    def _queue(self, task: T) -> None:
        if self._claimed[task.partner] >= task.cap:
            self._parked[task.partner].append(task)
        else:
            self._claimed[task.partner] += 1
            self._ready.append(task)

    def _release(self, task: T) -> None:
        self._claimed[task.partner] -= 1
        parked = self._parked.pop(task.partner, None)
        if parked:
            following = parked.popleft()
            if parked:
                self._parked[task.partner] = parked
            self._claimed[task.partner] += 1
            self._ready.append(following)
        elif not self._claimed[task.partner]:
            del self._claimed[task.partner]
