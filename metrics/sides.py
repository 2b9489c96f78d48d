"""One subject in one round of a replay: its process, its own state, and what the partner holds of it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import TYPE_CHECKING, Any

import polars as pl

from metrics.errors import SubjectFailed
from metrics.events import RunEvent, RunKey, parse_subject
from metrics.holdings import Holdings
from metrics.subjects import Program, Usage, command, usage
from metrics.workload import InputFile, Workload, block_days

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: Hour of the replayed day (UTC) at which files are there.
OPENING = clock(6, tzinfo=UTC)

#: Outcomes that an operator runs again the next day.
FAILED = frozenset({"failed", "abandoned"})

#: Year of the flights; warm-ups are of the years before it, so that they explain themselves.
YEAR = 2013


@dataclass(frozen=True, slots=True)
class Replay:
    """What to replay.

    `subjects` are their names, the control first; `rounds` the numbers of the passes; `folder` is where subjects and
    partner keep their state; `faults` is `standard` or `none`.
    """

    workspace: Path
    folder: Path
    subjects: tuple[str, ...]
    rounds: tuple[int, ...]
    faults: str
    workload: Workload
    seed: int
    release: str


@dataclass(frozen=True, slots=True)
class Task:
    """A file that a subject is to exchange: the nth attempt, and whether it is the operator who starts it."""

    file: InputFile
    attempt: int = 1
    by_operator: bool = False


class Side:
    """A subject with a ledger and a namespace at the partner of its own.

    `pending` is what failed and waits for the operator. `held` are records at the partner that no closed block has
    counted yet; `claimed` is what the subject says it delivered of each file.
    """

    def __init__(self, replay: Replay, label: str, number: int, endpoint: str) -> None:
        self.label = label
        self.system, self.level = parse_subject(label)
        self.round = number
        self.pending: list[Task] = []
        self.claimed: dict[str, int] = {}
        self._replay = replay
        namespace = f"{label}.{replay.faults}.r{number}".replace("#", "-")
        self._endpoint = f"{endpoint}/{namespace}"
        self._state = replay.folder / "subjects" / namespace
        self._kept = replay.folder / "partner" / namespace
        for folder in (self._state, self._kept):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self._holdings = Holdings(self._kept)
        self.held = self._holdings.fresh()
        self._doomed = frozenset(
            name
            for name, slots in replay.workload.plan["faults"].items()
            if any(nth.get("1") == "kill" for nth in slots.values())
        )
        self._starts = 0
        self._program = self._start()
        self._spare: Program | None = None

    @property
    def source(self) -> str:
        """The hash that a baseline tells of its own text; empty for other subjects."""
        return str(self._program.ready.get("source", ""))

    def look(self) -> None:
        """Read on what the partner holds."""
        self.held = pl.concat([self.held, self._holdings.fresh()])

    def prepare(self, files: Iterable[InputFile]) -> None:
        """Start a spare process where the plan kills this one on one of these files; no start is ever measured."""
        if self._spare is None and any(self._is_doomed(file) for file in files):
            self.look()
            self._spare = self._start()

    def _is_doomed(self, file: InputFile) -> bool:
        return f"{file.partner}/{file.feed}/{file.name}" in self._doomed

    def run(self, task: Task, day: date, place: int, series: str) -> RunEvent:
        """One attempt on a replayed day, timed from the request's first byte to the answer's last.

        A killed run is told as abandoned, with the time up to its death; a new process stands when this returns.

        Raises:
            SubjectFailed: the subject broke the protocol, or called the request a mistake.
        """
        file = task.file
        started = datetime.combine(day, OPENING) + timedelta(microseconds=place)
        mark = self._kept / "under-way"
        before = usage(self._program.pid, reset_peak=True)
        began_ns = time.monotonic_ns()
        self._ask(self._program, file.partner, file.feed, file.path, started)
        result = self._program.hear_or(mark.exists) if self._is_doomed(file) else self._program.hear()
        took_ns = time.monotonic_ns() - began_ns
        spent = Usage(None, None)
        if result is None:
            result = {"outcome": "abandoned", "error_type": "killed", "error": "the process was killed", "rows": {}}
            result["rows"] = {"in": file.records, "failed": file.records}
            mark.unlink(missing_ok=True)
            self.look()
            self._program.end()
            self._program, self._spare = self._spare or self._start(), None
        elif "outcome" not in result:
            raise SubjectFailed(f"{self.label}: {file.path}: {result.get('error', result)}")
        else:
            spent = usage(self._program.pid, reset_peak=False).since(before)
        self._settle(task, result)
        return self._event(task, started, took_ns, spent, result, series)

    def end(self) -> None:
        """End the process, and the spare one."""
        self._program.end()
        if self._spare is not None:
            self._spare.end()

    def _start(self) -> Program:
        where = ["--workspace", str(self._replay.workspace), "--state", str(self._state), "--endpoint", self._endpoint]
        program = Program([*command(self.label), *where])
        self._starts += 1
        try:
            for partner, feed, path in self._warm_ups():
                self._ask(program, partner, feed, path, datetime(YEAR - 1, 1, 1, tzinfo=UTC))
                program.hear()
        except SubjectFailed:
            program.end()
            raise
        self._holdings.fresh()  # what warming up left behind is not counted
        return program

    def _warm_ups(self) -> list[tuple[str, str, Path]]:
        """A small, a middling and a large file of an earlier year, another year for each start."""
        files = sorted(self._replay.workload.files, key=lambda file: file.records)
        found: list[tuple[str, str, Path]] = []
        for place in sorted({len(files) // 4, len(files) // 2, len(files) - 1}):
            path = self._state / f"warm-up-{self._starts}-{place}.csv"
            year = YEAR - self._starts
            path.write_bytes(files[place].path.read_bytes().replace(f",{YEAR}-".encode(), f",{year}-".encode()))
            found.append((files[place].partner, files[place].feed, path))
        return found

    @staticmethod
    def _ask(program: Program, partner: str, feed: str, path: Path, now: datetime) -> None:
        program.say({"file": str(path), "partner": partner, "feed": feed, "now": now.isoformat()})

    def _settle(self, task: Task, result: dict[str, Any]) -> None:
        if result["outcome"] in FAILED:
            self.pending.append(Task(task.file, task.attempt + 1, by_operator=True))
        name = f"{task.file.partner}/{task.file.original or task.file.name}"
        self.claimed[name] = max(self.claimed.get(name, 0), result["rows"].get("delivered", 0))

    def _event(
        self, task: Task, started: datetime, took_ns: int, spent: Usage, result: dict[str, Any], series: str
    ) -> RunEvent:
        file = task.file
        start, end = block_days(file.block)
        return RunEvent(
            key=RunKey(
                system=self.system,
                level=self.level,
                mode="replay",
                faults=self._replay.faults,
                series=series,
                round=self.round,
                exchange_id=f"{file.partner}/{file.feed}/{file.name}",
                attempt=task.attempt,
            ),
            release=self._replay.release,
            partner=file.partner,
            feed=file.feed,
            file=file.name,
            block=start.isoformat(),
            block_end=end.isoformat(),
            due_at_us=int(datetime.combine(file.arrives, OPENING).timestamp()) * 1_000_000,
            started_at_us=round(started.timestamp() * 1_000_000),
            duration_ns=took_ns,
            blocked_ns=min(int(result.get("blocked_ns", 0)), took_ns),
            cpu_ns=spent.cpu_ns,
            peak_rss_bytes=spent.peak_rss_bytes,
            outcome=result["outcome"],
            error_type=result["error_type"],
            error=result["error"],
            records=file.records,
            rows=result["rows"],
            bytes_in=result.get("bytes_in", 0),
            bytes_out=result.get("bytes_out", 0),
            calls=result.get("calls", 0),
            input_sha256=result.get("sha256", ""),
            operator_touch=int(task.by_operator),
            stages_ns=result.get("stages_ns", {}),
        )
