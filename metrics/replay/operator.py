"""What a subject still has to do: what waits for the operator, and what the service itself is to go on with.

One operator serves all subjects alike. He looks once a replayed day. A failed delivery he runs again, once a day. Of a
file set aside he removes the rows that one checking pass names, and runs what is left again, once. What a service will
go on with by itself he does not touch: the replay plays that service's scheduler, and asks at the times it named.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import TYPE_CHECKING, Any

from metrics.errors import SubjectFailed

if TYPE_CHECKING:
    from pathlib import Path

    from metrics.replay.input_files import InputFile

#: Hour of the replayed day (UTC) at which files are there, and the operator looks.
OPENING_TIME = clock(6, tzinfo=UTC)

#: Attempts of its own that a subject gets in one replayed day; what is left waits for the next.
MAX_ATTEMPTS_A_DAY = 1_000


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file that a subject is to exchange: the nth attempt, and what it starts with."""

    file: InputFile
    attempt: int = 1
    by_operator: bool = False
    mend: bool = False  #: first take out what a checking pass names
    mended: Path | None = None  #: what is left of the file
    kept: tuple[int, ...] = ()  #: numbers of the rows that are left, where it was mended
    resume: str = ""  #: the subject's own name of an exchange that it goes on with

    @property
    def path(self) -> Path:
        """The file to hand in."""
        return self.mended or self.file.path

    def originals(self, rows: list[int]) -> list[int]:
        """Numbers of rows of the file as it first came."""
        return [self.kept[row - 1] for row in rows] if self.mended else rows


@dataclass(slots=True)
class OperatorQueue:
    """All tasks of one subject that are open; `waiting` for the operator, `due` for the subject's own time."""

    waiting: list[PendingFile] = field(default_factory=list)
    due: list[tuple[datetime, int, PendingFile]] = field(default_factory=list)
    _entered: int = 0

    def __bool__(self) -> bool:
        return bool(self.waiting or self.due)

    def blocks(self) -> set[int]:
        """Blocks of which something is open."""
        return {task.file.block for task in self.waiting} | {task.file.block for *_, task in self.due}

    def has_work(self, day: date) -> bool:
        """Whether anything is to be done on a day."""
        return bool(self.waiting) or bool(self.due and self.due[0][0] < midnight(day + timedelta(days=1)))

    def for_operator(self) -> list[PendingFile]:
        """What the operator starts at this look, off the agenda."""
        found, self.waiting = self.waiting, []
        return found

    def next_due(self, until: datetime) -> tuple[datetime, PendingFile] | None:
        """What is due first, if that is before a time, off the agenda."""
        if not self.due or self.due[0][0] >= until:
            return None
        at, _, task = heapq.heappop(self.due)
        return at, task

    def enter(self, task: PendingFile, result: dict[str, Any]) -> None:
        """Enter what follows from how a task has ended.

        Raises:
            SubjectFailed: an exchange is due, and the subject does not say which, or when.
        """
        outcome = result["outcome"]
        again = replace(task, attempt=task.attempt + 1, by_operator=True, mend=False, resume="")
        if outcome == "abandoned" and "due_at" in result:
            self._later(datetime.fromisoformat(result["due_at"]), replace(again, by_operator=False))
        elif outcome in {"failed", "abandoned"}:
            self.waiting.append(again)
        elif outcome == "refused" and task.mended is None:
            self.waiting.append(replace(again, mend=True))
        elif outcome == "due":
            try:
                at, name = datetime.fromisoformat(result["due_at"]), str(result["exchange_id"])
                if at.tzinfo is None:
                    raise ValueError(f"{at} has no time zone")
            except (KeyError, TypeError, ValueError) as error:
                raise SubjectFailed(f"{task.path}: `due` without exchange_id and due_at: {error!r}") from error
            self._later(at, replace(again, by_operator=False, resume=name))

    def _later(self, at: datetime, task: PendingFile) -> None:
        self._entered += 1
        heapq.heappush(self.due, (at, self._entered, task))


def opening_time(day: date) -> datetime:
    """When a day's files are there."""
    return datetime.combine(day, OPENING_TIME)


def midnight(day: date) -> datetime:
    """When a day begins."""
    return datetime.combine(day, clock(tzinfo=UTC))
