"""The open work of a subject: files that wait for the operator, and exchanges that the service resumes by itself.

One operator serves all subjects by the same rules, once per replayed day. A failed delivery is run again, once a day.
From a refused file, the operator removes the rows that one checking pass names, and runs the rest again, once. An
exchange that the service resumes by itself needs no operator: the replay plays the service's scheduler, and resumes it
at the time that the service named.

A subject that takes several files in one request gets the files of a feed that are handed in at the same time as one
pass. The others get the same files one after the other.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import TYPE_CHECKING, Any

from metrics.errors import SubjectFailed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from metrics.replay.input_files import InputFile

#: Time of the replayed day (UTC) at which the files arrive and the operator works.
OPENING_TIME = clock(6, tzinfo=UTC)

#: Most attempts that a subject resumes by itself in one replayed day; the others wait for the next day.
MAX_ATTEMPTS_A_DAY = 1_000


@dataclass(frozen=True, slots=True)
class PendingFile:
    """The next attempt at a file."""

    file: InputFile
    attempt: int = 1
    by_operator: bool = False
    needs_correction: bool = False  #: first remove the rows that a checking pass names
    corrected: Path | None = None  #: the file without those rows
    kept_rows: tuple[int, ...] = ()  #: numbers of the remaining rows of a corrected file
    resume: str = ""  #: the subject's id of an exchange to resume

    @property
    def path(self) -> Path:
        """Path of the file to hand in."""
        return self.corrected or self.file.path

    @property
    def rows(self) -> int:
        """Number of rows of the file to hand in."""
        return len(self.kept_rows) if self.corrected else self.file.rows

    def original_rows(self, rows: list[int]) -> list[int]:
        """Return the numbers that rows have in the original file."""
        return [self.kept_rows[row - 1] for row in rows] if self.corrected else rows


@dataclass(slots=True)
class OperatorQueue:
    """Open work of one subject: `waiting` for the operator, or `due` at a time that the subject named."""

    waiting: list[PendingFile] = field(default_factory=list)
    due: list[tuple[datetime, int, PendingFile]] = field(default_factory=list)
    _scheduled: int = 0

    def __bool__(self) -> bool:
        return bool(self.waiting or self.due)

    def open_blocks(self) -> set[int]:
        """Return the blocks with open work."""
        return {task.file.block for task in self.waiting} | {task.file.block for *_, task in self.due}

    def has_work(self, day: date) -> bool:
        """Tell whether there is work on a day."""
        return bool(self.waiting) or bool(self.due and self.due[0][0] < midnight(day + timedelta(days=1)))

    def take_waiting(self) -> list[PendingFile]:
        """Remove and return the work of the operator."""
        tasks, self.waiting = self.waiting, []
        return tasks

    def take_due(self, until: datetime, *, together: bool = False) -> tuple[datetime, list[PendingFile]] | None:
        """Remove and return the first due work before a time, with its time; None if there is none.

        With `together`, files of one feed that are due at the same time are one pass.
        """
        if not self.due or self.due[0][0] >= until:
            return None
        at, _, task = heapq.heappop(self.due)
        tasks = [task]
        while together and self.due and self.due[0][0] == at and can_join(self.due[0][2], task):
            tasks.append(heapq.heappop(self.due)[2])
        return at, tasks

    def add_follow_up(self, task: PendingFile, result: dict[str, Any]) -> None:
        """Add the work that follows from the result of an attempt.

        Raises:
            SubjectFailed: an exchange is due, and the result lacks its id or its time.
        """
        outcome = result["outcome"]
        again = replace(task, attempt=task.attempt + 1, by_operator=True, needs_correction=False, resume="")
        if outcome == "abandoned" and "due_at" in result:
            self._schedule(datetime.fromisoformat(result["due_at"]), replace(again, by_operator=False))
        elif outcome in {"failed", "abandoned"}:
            self.waiting.append(again)
        elif outcome == "refused" and task.corrected is None:
            self.waiting.append(replace(again, needs_correction=True))
        elif outcome == "due":
            try:
                at, name = datetime.fromisoformat(result["due_at"]), str(result["exchange_id"])
                if at.tzinfo is None:
                    raise ValueError(f"{at} has no time zone")
            except (KeyError, TypeError, ValueError) as error:
                raise SubjectFailed(f"{task.path}: `due` without exchange_id and due_at: {error!r}") from error
            self._schedule(at, replace(again, by_operator=False, resume=name))

    def _schedule(self, at: datetime, task: PendingFile) -> None:
        self._scheduled += 1
        heapq.heappush(self.due, (at, self._scheduled, task))


def can_join(task: PendingFile, other: PendingFile) -> bool:
    """Tell whether two files can be one pass: files of a feed that are handed in, or exchanges of it to resume."""
    same_feed = (task.file.partner, task.file.feed) == (other.file.partner, other.file.feed)
    return same_feed and bool(task.resume) == bool(other.resume)


def group_passes(tasks: Iterable[PendingFile], *, together: bool) -> list[list[PendingFile]]:
    """Return the passes in which files are handed in, in the order of their first files.

    With `together`, all files of a feed are one pass; otherwise each file is a pass of its own.
    """
    passes: list[list[PendingFile]] = []
    for task in tasks:
        joined = next((others for others in passes if together and can_join(task, others[0])), None)
        if joined is None:
            passes.append([task])
        else:
            joined.append(task)
    return passes


def opening_time(day: date) -> datetime:
    """Return the time at which the files of a day arrive."""
    return datetime.combine(day, OPENING_TIME)


def midnight(day: date) -> datetime:
    """Return the start of a day."""
    return datetime.combine(day, clock(tzinfo=UTC))
