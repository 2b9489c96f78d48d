"""Busy time of attempts that ran at the same time in one process: each instant is shared among them.

Otherwise two lanes of a process would count one second twice, and the sum over attempts would exceed the wall time. An
attempt counts at each instant with the share of its time that it was not blocked, as it is not recorded when it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class Attempt:
    """When an attempt ran, how much of its time it was blocked, and its stored share (None: its own time)."""

    id: int
    started_at_us: int
    duration_ns: int
    blocked_ns: int
    shared_ns: int | None
    cell: int

    @property
    def start_ns(self) -> int:
        """The start in nanoseconds."""
        return self.started_at_us * 1000

    @property
    def end_ns(self) -> int:
        """The end in nanoseconds."""
        return self.start_ns + self.duration_ns


def share_time(attempts: Sequence[Attempt]) -> dict[int, int | None]:
    """Return the busy nanoseconds of each attempt by its id; None where no other ran at the same time.

    With a = 1 - blocked / duration of each attempt, an attempt receives at each instant a / max(1, sum of all a): an
    equal share where nothing was blocked. Alone, it has its duration without the blocked time.
    """
    active = {attempt.id: _active_share(attempt) for attempt in attempts}
    bounds = sorted({time for attempt in attempts for time in (attempt.start_ns, attempt.end_ns)})
    changes: dict[int, tuple[float, int]] = dict.fromkeys(bounds, (0.0, 0))
    for attempt in attempts:
        for time, sign in ((attempt.start_ns, 1), (attempt.end_ns, -1)):
            load, count = changes[time]
            changes[time] = (load + sign * active[attempt.id], count + sign)
    # up to each bound: nanoseconds divided by the load of their instant, and nanoseconds with two attempts or more
    divided, crowded = dict.fromkeys(bounds, 0.0), dict.fromkeys(bounds, 0)
    load, count = 0.0, 0
    for before, time in pairwise(bounds):
        load, count = load + changes[before][0], count + changes[before][1]
        divided[time] = divided[before] + (time - before) / max(1.0, load)
        crowded[time] = crowded[before] + (time - before) * (count > 1)
    return {
        attempt.id: round(active[attempt.id] * (divided[attempt.end_ns] - divided[attempt.start_ns]))
        if crowded[attempt.end_ns] > crowded[attempt.start_ns]
        else None
        for attempt in attempts
    }


def _active_share(attempt: Attempt) -> float:
    return max(1 - attempt.blocked_ns / attempt.duration_ns, 0.0) if attempt.duration_ns else 1.0


def update_shared_time(db: Database, spans: Mapping[str, tuple[int, int]]) -> set[int]:
    """Share the time of the attempts that overlap new ones, and return the cells to be rolled up again.

    Args:
        db: the store, with the new attempts.
        spans: for each process, the first start of its new attempts in UTC microseconds, and the last end.
    """
    cells: set[int] = set()
    for process, span in spans.items():
        touched = _attempts_within(db, process, *span)
        if not _any_overlap(touched):
            continue
        context = _attempts_within(db, process, *_span(touched))
        shared = share_time(context)
        changed = [attempt for attempt in touched if attempt.shared_ns != shared[attempt.id]]
        db.conn.executemany(
            "UPDATE run SET shared_ns = ? WHERE id = ?", ((shared[attempt.id], attempt.id) for attempt in changed)
        )
        cells |= {attempt.cell for attempt in changed}
    return cells


def _any_overlap(attempts: Iterable[Attempt]) -> bool:
    """Tell whether two attempts ran at the same time; a run of one lane, the usual case, is done with this."""
    ended_ns = 0
    for start_ns, end_ns in sorted((attempt.start_ns, attempt.end_ns) for attempt in attempts):
        if start_ns < ended_ns:
            return True
        ended_ns = max(ended_ns, end_ns)
    return False


def _span(attempts: Iterable[Attempt]) -> tuple[int, int]:
    """Return the first start and the last end, in microseconds."""
    return min(a.started_at_us for a in attempts), max(-(-a.end_ns // 1000) for a in attempts)


def _attempts_within(db: Database, process: str, first_us: int, last_us: int) -> list[Attempt]:
    """Return the attempts of a process that ran within a span, found by their end."""
    sql = (
        "SELECT id, started_at_us, duration_ns, blocked_ns, shared_ns, cell FROM run "
        "WHERE process = ? AND process != '' AND duration_ns IS NOT NULL "
        "AND started_at_us + duration_ns / 1000 >= ? AND started_at_us <= ?"
    )
    return [Attempt(*row) for row in db.execute(sql, (process, first_us, last_us)).fetchall()]
