"""One subject in one round of a replay: its process, its own state, and what the partner holds of it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from metrics.errors import SubjectFailed
from metrics.events import RunEvent, RunKey, parse_subject
from metrics.replay.broken_rows import remove_rows
from metrics.replay.input_files import InputFile, block_range
from metrics.replay.operator import OperatorQueue, PendingFile, opening_time
from metrics.replay.partner_records import PartnerRecords
from metrics.replay.subject_process import ProcessUsage, SubjectProcess, read_usage, subject_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from metrics.replay.workload import Workload

#: Time between two turns of a service that looks into its inbox by itself.
RETRY_DELAY = timedelta(seconds=5)

#: Year of the flights; warm-ups are of the years before it, so that they explain themselves.
YEAR = 2013


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What to replay.

    `subjects` are their names, the control first; `rounds` the numbers of the passes; `folder` is where subjects and
    partner keep their state; `faults` is `standard` or `none`. `spans` are the first and last block of subjects that do
    not stand over all of them.
    """

    workspace: Path
    folder: Path
    subjects: tuple[str, ...]
    rounds: tuple[int, ...]
    faults: str
    workload: Workload
    seed: int
    release: str
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def stands(self, label: str, block: int) -> bool:
        """Whether a subject is handed the files of a block."""
        first, last = self.spans.get(label, (0, block))
        return first <= block <= last


@dataclass(slots=True)
class ReportedOutcome:
    """What a subject says of one file, over all attempts: rows delivered and set aside, and whether it was refused."""

    delivered: int = 0
    quarantined: int = 0
    aside: set[int] = field(default_factory=set)
    refused: bool = False

    def good_aside(self, file: InputFile, missing: int) -> int:
        """Good rows that it set aside; `missing` are those that the partner does not hold.

        Rows that were set aside and not named can be no more of the broken ones than there are. Of a file that was
        refused each good row counts that never arrived.
        """
        named, all_told = len(self.aside - set(file.broken)), self.quarantined - len(file.broken)
        return max(named, all_told, missing if self.refused else 0, 0)


class SubjectRun:
    """A subject with a ledger and a namespace at the partner of its own.

    `agenda` is what it still has to do. `held` are records at the partner that no closed block has counted yet; `said`
    is what the subject says of each file, by `PARTNER/NAME` of the one that first came.
    """

    def __init__(self, replay: ReplayRequest, label: str, number: int, endpoint: str) -> None:
        self.label = label
        self.system, self.level = parse_subject(label)
        self.round = number
        self.agenda = OperatorQueue()
        self.said: dict[str, ReportedOutcome] = {}
        self._replay = replay
        namespace = f"{label}.{replay.faults}.r{number}".replace("#", "-")
        self._endpoint = f"{endpoint}/{namespace}"
        self._state = replay.folder / "subjects" / namespace
        self._kept = replay.folder / "partner" / namespace
        for folder in (self._state, self._kept):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self._holdings = PartnerRecords(self._kept)
        self.held = self._holdings.fresh()
        self._doomed = frozenset(
            name
            for name, slots in replay.workload.plan["faults"].items()
            if any(nth.get("1") == "kill" for nth in slots.values())
        )
        self._starts = 0
        self._program = self._start()
        self._spare: SubjectProcess | None = None

    @property
    def source(self) -> str:
        """The hash that a baseline tells of its own text; empty for other subjects."""
        return str(self._program.ready.get("source", ""))

    def stands(self, block: int) -> bool:
        """Whether it is handed the files of a block."""
        return self._replay.stands(self.label, block)

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

    def run(self, task: PendingFile, at: datetime, series: str) -> RunEvent:
        """One attempt at a replayed time, timed from the request's first byte to the answer's last.

        Where the file is to be mended first, the checking pass is timed apart, as the operator's time. A killed run is
        told as abandoned, with the time up to its death; a new process stands when this returns. A subject that says
        it goes on by itself is given the file again at its next turn, as its own inbox would.

        Raises:
            SubjectFailed: the subject broke the protocol, or called the request a mistake.
        """
        operator_ns = 0
        if task.mend:
            task, operator_ns = self._mend(task)
        file = task.file
        mark = self._kept / "under-way"
        before = read_usage(self._program.pid, reset_peak=True)
        began_ns = time.monotonic_ns()
        request = {"resume": task.resume} if task.resume else {"file": str(task.path)}
        self._program.say({**request, "partner": file.partner, "feed": file.feed, "now": at.isoformat()})
        result = self._program.hear_or(mark.exists) if self._is_doomed(file) else self._program.hear()
        took_ns = time.monotonic_ns() - began_ns
        spent = ProcessUsage(None, None)
        if result is None:
            result = {"outcome": "abandoned", "error_type": "killed", "error": "the process was killed", "rows": {}}
            rows = len(task.kept) if task.mended else file.rows
            result["rows"] = {"in": rows, "failed": rows}
            mark.unlink(missing_ok=True)
            self.look()
            self._program.end()
            self._program, self._spare = self._spare or self._start(), None
            if self._program.ready.get("goes_on"):
                result["due_at"] = (at + RETRY_DELAY).isoformat()
        elif "outcome" not in result:
            raise SubjectFailed(f"{self.label}: {task.path}: {result.get('error', result)}")
        else:
            spent = read_usage(self._program.pid, reset_peak=False).since(before)
        self.agenda.enter(task, result)
        self._note(task, result)
        event = self._event(task, at, took_ns, spent, result, series)
        return replace(event, operator_ns=operator_ns)

    def _mend(self, task: PendingFile) -> tuple[PendingFile, int]:
        """The operator's hand on a file set aside: one checking pass, its rows removed; and the pass's time in ns."""
        file = task.file
        began_ns = time.monotonic_ns()
        self._program.say({"check": str(task.path), "partner": file.partner, "feed": file.feed})
        answer = self._program.hear()
        took_ns = time.monotonic_ns() - began_ns
        if not isinstance(answer.get("bad"), list):
            raise SubjectFailed(f"{self.label}: {task.path}: cannot be checked: {answer.get('error', answer)}")
        data, kept = remove_rows(task.path.read_bytes(), answer["bad"])
        path = self._state / "mended" / file.partner / file.feed / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return replace(task, mended=path, kept=kept, mend=False), took_ns

    def end(self) -> None:
        """End the process, and the spare one."""
        self._program.end()
        if self._spare is not None:
            self._spare.end()

    def _start(self) -> SubjectProcess:
        where = ["--workspace", str(self._replay.workspace), "--state", str(self._state), "--endpoint", self._endpoint]
        program = SubjectProcess([*subject_command(self.label), *where])
        self._starts += 1
        try:
            for partner, feed, path in self._warm_ups():
                now = datetime(YEAR - 1, 1, 1, tzinfo=UTC).isoformat()
                program.say({"file": str(path), "partner": partner, "feed": feed, "now": now})
                program.hear()
        except BaseException:
            program.end()
            raise
        self._holdings.fresh()  # what warming up left behind is not counted
        return program

    def _warm_ups(self) -> list[tuple[str, str, Path]]:
        """A small, a middling and a large file of an earlier year, another year for each start; no row is broken."""
        every = self._replay.workload.files
        files = sorted([file for file in every if not file.broken] or every, key=lambda file: file.records)
        found: list[tuple[str, str, Path]] = []
        for place in sorted({len(files) // 4, len(files) // 2, len(files) - 1}):
            path = self._state / f"warm-up-{self._starts}-{place}.csv"
            year = YEAR - self._starts
            path.write_bytes(files[place].path.read_bytes().replace(f",{YEAR}-".encode(), f",{year}-".encode()))
            found.append((files[place].partner, files[place].feed, path))
        return found

    def _note(self, task: PendingFile, result: dict[str, Any]) -> None:
        said = self.said.setdefault(f"{task.file.partner}/{task.file.original or task.file.name}", ReportedOutcome())
        said.delivered = max(said.delivered, result["rows"].get("delivered", 0))
        said.quarantined = max(said.quarantined, result["rows"].get("quarantined", 0))
        said.aside |= set(task.originals(result.get("aside") or []))
        said.refused |= result["outcome"] == "refused"

    def _event(
        self,
        task: PendingFile,
        started: datetime,
        took_ns: int,
        spent: ProcessUsage,
        result: dict[str, Any],
        series: str,
    ) -> RunEvent:
        file = task.file
        start, end = block_range(file.block)
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
            due_at_us=int(opening_time(file.arrives).timestamp()) * 1_000_000,
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
            aside=result.get("reasons"),
        )
