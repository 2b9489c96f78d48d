"""One subject in one round of a replay: its process, its own state, and its records at the partner."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from metrics.errors import SubjectFailed
from metrics.events import RunEvent, RunKey, parse_subject
from metrics.replay.broken_rows import remove_rows
from metrics.replay.operator import OperatorQueue, PendingFile
from metrics.replay.partner_records import PartnerRecords
from metrics.replay.pass_events import MeasuredPass, pass_events
from metrics.replay.subject_process import ProcessUsage, SubjectProcess, read_usage, subject_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from metrics.replay.input_files import InputFile
    from metrics.replay.program_template import ProgramTemplates
    from metrics.replay.workload import Workload

#: Time between two passes of a service over its inbox.
RETRY_DELAY = timedelta(seconds=5)

#: First year of the flights. Warm-ups are dated in the years before, so that their records differ from measured ones.
YEAR = 2013

#: Years between the files of a pass of a warm-up: more than a subject is ever started.
YEARS_BACK = 500


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """A replay to run.

    `subjects` are the names of the subjects, the control first; `rounds` are the numbers of the passes; `folder` has
    the state of subjects and partner; `faults` is `standard`, `none` or `stress`. `spans` are the first and last block
    of subjects that are not active over all blocks. A service may be replayed alone: it is compared with nothing then.
    `plan_name` is the plan of faults below `folder`, by default `plan-<faults>.json`. `days_after` are days that are
    replayed after the last block, on which no file is handed in and open work goes on. `warm_up` lets each started
    process exchange some files before the first measured one.
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
    plan_name: str = ""
    days_after: int = 0
    warm_up: bool = True

    @property
    def plan_file(self) -> Path:
        """Path of the plan of faults."""
        return self.folder / (self.plan_name or f"plan-{self.faults}.json")

    def is_active(self, label: str, block: int) -> bool:
        """Tell whether a subject gets the files of a block."""
        first, last = self.spans.get(label, (0, block))
        return first <= block <= last


@dataclass(slots=True)
class ReportedOutcome:
    """A subject's reports about one file over all attempts: delivered and quarantined rows, and a refusal."""

    delivered: int = 0
    quarantined: int = 0
    quarantined_rows: set[int] = field(default_factory=set)
    refused: bool = False

    def good_quarantined(self, file: InputFile, missing: int) -> int:
        """Return the number of good rows that were quarantined; `missing` are those that the partner does not hold.

        Quarantined rows that were not named include at most all broken rows of the file; the rest is good. Of a refused
        file, each good row counts that never arrived.
        """
        named, at_least = len(self.quarantined_rows - set(file.broken)), self.quarantined - len(file.broken)
        return max(named, at_least, missing if self.refused else 0, 0)


class SubjectRun:
    """A subject with its own ledger and its own namespace at the partner.

    `queue` is its open work. `held` are records at the partner that no closed block has counted yet; `reported` are the
    subject's reports about each file, by `PARTNER/NAME` of the original file.
    """

    def __init__(
        self, replay: ReplayRequest, label: str, number: int, endpoint: str, templates: ProgramTemplates | None = None
    ) -> None:
        self.label = label
        self.system, self.level = parse_subject(label)
        self.round = number
        self.queue = OperatorQueue()
        self.reported: dict[str, ReportedOutcome] = {}
        self._replay = replay
        namespace = f"{label}.{replay.faults}.r{number}".replace("#", "-")
        self._endpoint = f"{endpoint}/{namespace}"
        self._state = replay.folder / "subjects" / namespace
        self._partner_folder = replay.folder / "partner" / namespace
        for folder in (self._state, self._partner_folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self._partner_records = PartnerRecords(self._partner_folder)
        self.held = self._partner_records.read_new()
        self._killed_files = frozenset(
            name
            for name, slots in replay.workload.plan["faults"].items()
            if any(nth.get("1") == "kill" for nth in slots.values())
        )
        self._templates = templates
        self._starts = 0
        self._program = self._start()
        self._spares: list[SubjectProcess] = []

    @property
    def source_hash(self) -> str:
        """Hash of its source, as a baseline reports it; empty for other subjects."""
        return str(self._program.ready.get("source", ""))

    @property
    def takes_files(self) -> bool:
        """Whether it takes several files in one request."""
        return bool(self._program.ready.get("takes_files"))

    def is_active(self, block: int) -> bool:
        """Tell whether the subject gets the files of a block."""
        return self._replay.is_active(self.label, block)

    def read_partner(self) -> None:
        """Read the new records of the partner."""
        self.held = pl.concat([self.held, self._partner_records.read_new()])

    def prepare_spares(self, files: Sequence[InputFile]) -> None:
        """Start a spare process for each of these files on which the plan kills one; a start is never measured.

        The records of the partner must have been read: those that come meanwhile are of warm-ups.
        """
        while len(self._spares) < sum(self._is_killed(file) for file in files):
            self._spares.append(self._start())

    def _is_killed(self, file: InputFile) -> bool:
        return f"{file.partner}/{file.feed}/{file.name}" in self._killed_files

    def run_pass(self, tasks: Sequence[PendingFile], at: datetime, series: str) -> list[RunEvent]:
        """Run one attempt at each file of a pass at a replayed time, and return their events.

        A pass is one file, or all files of a request of a subject that takes files. It is timed from the request's
        first byte to the answer's last. If a file must be corrected first, the checking pass is timed separately, as
        the operator's time. If the plan kills one of the files, all files of the pass are recorded as abandoned, with
        the time until the kill; a new process is running when this returns. A subject that resumes by itself gets the
        files again at its next pass, as from its own inbox.

        Raises:
            SubjectFailed: the subject broke the protocol, or rejected the request.
        """
        corrected = [self._correct_file(task) if task.needs_correction else (task, 0) for task in tasks]
        tasks = [task for task, _ in corrected]
        first = tasks[0].file
        request_marker = self._partner_folder / "under-way"
        before = read_usage(self._program.pid, reset_peak=True)
        began_ns = time.monotonic_ns()
        request: dict[str, Any] = {"file": str(tasks[0].path)}
        if tasks[0].resume:
            request = {"resume": tasks[0].resume if len(tasks) == 1 else [task.resume for task in tasks]}
        elif self.takes_files:
            request = {"files": [str(task.path) for task in tasks]}
        self._program.send({**request, "partner": first.partner, "feed": first.feed, "now": at.isoformat()})
        killed = any(self._is_killed(task.file) for task in tasks)
        answer = self._program.receive_or_kill(request_marker.exists) if killed else self._program.receive()
        took_ns = time.monotonic_ns() - began_ns
        spent = ProcessUsage(None, None)
        if answer is None:
            results = [self._abandoned(task) for task in tasks]
            request_marker.unlink(missing_ok=True)
            self.read_partner()
            self._program.end()
            self._program = self._spares.pop() if self._spares else self._start()
            if self._program.ready.get("goes_on"):
                results = [{**result, "due_at": (at + RETRY_DELAY).isoformat()} for result in results]
        else:
            results = self._results(tasks, answer, in_list="files" in request or len(tasks) > 1)
            spent = read_usage(self._program.pid, reset_peak=False).since(before)
        for task, result in zip(tasks, results, strict=True):
            self.queue.add_follow_up(task, result)
            self._add_outcome(task, result)
        events = pass_events(
            self._run_key(series), self._replay.release, tasks, results, MeasuredPass(at, took_ns, spent)
        )
        return [replace(event, operator_ns=ns) for event, (_, ns) in zip(events, corrected, strict=True)]

    @staticmethod
    def _abandoned(task: PendingFile) -> dict[str, Any]:
        rows = {"in": task.rows, "failed": task.rows}
        return {"outcome": "abandoned", "error_type": "killed", "error": "the process was killed", "rows": rows}

    def _results(self, tasks: Sequence[PendingFile], answer: dict[str, Any], *, in_list: bool) -> list[dict[str, Any]]:
        """Return the result of each file of a pass from the answer. Raises SubjectFailed."""
        if in_list and not isinstance(answer.get("results"), list):
            raise SubjectFailed(f"{self.label}: {tasks[0].path}: {answer.get('error', answer)}")
        results: list[dict[str, Any]] = answer["results"] if in_list else [answer]
        if len(results) != len(tasks):
            raise SubjectFailed(f"{self.label}: {tasks[0].path}: {len(results)} results for {len(tasks)} files")
        for task, result in zip(tasks, results, strict=True):
            if "outcome" not in result:
                raise SubjectFailed(f"{self.label}: {task.path}: {result.get('error', result)}")
        return results

    def _correct_file(self, task: PendingFile) -> tuple[PendingFile, int]:
        """Remove the bad rows of a refused file after one checking pass; return the task, and the pass's time in ns."""
        file = task.file
        began_ns = time.monotonic_ns()
        self._program.send({"check": str(task.path), "partner": file.partner, "feed": file.feed})
        answer = self._program.receive()
        took_ns = time.monotonic_ns() - began_ns
        if not isinstance(answer.get("bad"), list):
            raise SubjectFailed(f"{self.label}: {task.path}: cannot be checked: {answer.get('error', answer)}")
        data, kept_rows = remove_rows(task.path.read_bytes(), answer["bad"])
        path = self._state / "corrected" / file.partner / file.feed / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return replace(task, corrected=path, kept_rows=kept_rows, needs_correction=False), took_ns

    def end(self) -> None:
        """End the process and the spare processes."""
        for program in (self._program, *self._spares):
            program.end()

    def _start(self) -> SubjectProcess:
        folders = ["--workspace", str(self._replay.workspace), "--state", str(self._state)]
        command = [*subject_command(self.label), *folders, "--endpoint", self._endpoint]
        program = SubjectProcess(command, self._templates)
        self._starts += 1
        if not self._replay.warm_up:
            return program
        try:
            takes_files = bool(program.ready.get("takes_files"))
            for file, place in self._warm_up_places():
                paths = [self._warm_up_file(file, place, back) for back in ((0, 1) if takes_files else (0,))]
                request = {"files": list(map(str, paths))} if takes_files else {"file": str(paths[0])}
                now = datetime(YEAR - 1, 1, 1, tzinfo=UTC).isoformat()
                program.send({**request, "partner": file.partner, "feed": file.feed, "now": now})
                program.receive()
        except BaseException:
            program.end()
            raise
        self._partner_records.read_new()  # records of warm-ups are not counted
        return program

    def _warm_up_places(self) -> list[tuple[InputFile, int]]:
        """Return a small, a medium and a large file, with its place by size; no row is broken."""
        all_files = self._replay.workload.files
        files = sorted([file for file in all_files if not file.broken] or all_files, key=lambda file: file.records)
        return [(files[place], place) for place in sorted({len(files) // 4, len(files) // 2, len(files) - 1})]

    def _warm_up_file(self, file: InputFile, place: int, back: int) -> Path:
        """Write a file with the dates of an earlier year, another one for each start and each `back` of a pass."""
        path = self._state / f"warm-up-{self._starts}-{place}{f'-{back}' if back else ''}.csv"
        year = f",{YEAR - self._starts - back * YEARS_BACK}-".encode()
        path.write_bytes(re.sub(rb",201[34]-", year, file.path.read_bytes()))
        return path

    def _add_outcome(self, task: PendingFile, result: dict[str, Any]) -> None:
        name = f"{task.file.partner}/{task.file.original or task.file.name}"
        reported = self.reported.setdefault(name, ReportedOutcome())
        reported.delivered = max(reported.delivered, result["rows"].get("delivered", 0))
        reported.quarantined = max(reported.quarantined, result["rows"].get("quarantined", 0))
        reported.quarantined_rows |= set(task.original_rows(result.get("aside") or []))
        reported.refused |= result["outcome"] == "refused"

    def _run_key(self, series: str) -> RunKey:
        return RunKey(
            system=self.system,
            level=self.level,
            mode="replay",
            faults=self._replay.faults,
            series=series,
            round=self.round,
            exchange_id="",
            attempt=0,
        )
