"""Replay a workload: all subjects exchange the same files on the same days, and the partner's files show what arrived.

The order is week by week, round by round, day by day. Within a day the subjects take turns over the day's files; their
order is shuffled with the seed for each block and reversed every other round (A B C, C B A), so that no subject always
runs on the warmer machine. A subject is started before the first block of its span and ended after its last, never
while another is timed: programs start while the records of the block before are counted. One operator serves all
subjects by the same rules; see `metrics.replay.operator`.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.events import SeriesEvent, parse_subject
from metrics.replay.calendar import QUIET_DAY, ReplayCalendar
from metrics.replay.subject_process import SubjectProcess
from metrics.replay.subject_run import ReplayRequest, SubjectRun
from metrics.store.series import METHOD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from metrics.events import Recorder
    from metrics.replay.input_files import InputFile
    from metrics.replay.program_template import ProgramTemplates
    from metrics.replay.workload import Workload

#: Fault sets in a phase of the progress.
FAULTS_TEXT = {"standard": "standard faults", "none": "no faults", "stress": "stress"}


@dataclass(frozen=True, slots=True)
class BlockReplayed:
    """A block that was replayed: its number, its series, and the number of its runs."""

    block: int
    series: str
    runs: int


def subject_labels(subjects: Sequence[str]) -> tuple[str, ...]:
    """Return unique names of subjects: a monolith measured against itself is `monolith#2`. Raises ValueError."""
    for name in subjects:
        parse_subject(name)
    return tuple(f"{name}#2" if name in subjects[:place] else name for place, name in enumerate(subjects))


def series_hash(workload: Workload, baseline_source: str, workspace: Path) -> str:
    """Return twelve hexadecimal digits that are equal for comparable measurements.

    They are a hash of the faults, the input, the baseline, the method, and the workspace's partners and contracts.
    """
    digest = hashlib.sha256(f"{workload.sha256}\n{baseline_source}\n{METHOD}".encode())
    for path in sorted([*workspace.glob("partners/*.toml"), *workspace.glob("contracts/*.json")]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def replay(
    request: ReplayRequest,
    recorder: Recorder,
    on_file: Callable[[], None],
    on_phase: Callable[[str], object] = str,  # does nothing
    templates: ProgramTemplates | None = None,
    meanwhile: Callable[[], object] = str,  # does nothing
) -> Iterator[BlockReplayed]:
    """Replay the workload and record every run; yield after each block, so that the caller can collect.

    Args:
        request: the replay to run.
        recorder: the destination of run, holding, answer and outage events.
        on_file: called once for every file, subject and round.
        on_phase: called with the current phase: faults, week and round, or a start of programs.
        templates: those from which subjects are forked; without them, each is started anew.
        meanwhile: called while the first programs start, for work that is not timed.

    Raises:
        SubjectFailed: a program did not start, or broke the protocol.
    """
    with ExitStack() as stack:
        keep = request.folder / "partner"
        partner_command = [
            sys.executable,
            "-m",
            "poc.practice_partner",
            "--plan",
            str(request.plan_file),
            "--keep",
            str(keep),
        ]
        partner = SubjectProcess(partner_command)
        stack.callback(partner.end)
        endpoint = str(partner.ready["ready"])
        pool = SubjectPool(request, endpoint, stack, templates)
        blocks = sorted({file.block for file in request.workload.files})
        on_phase("starting programs")
        with pool.starting(blocks[0]):
            meanwhile()
        series = series_hash(request.workload, pool.baseline_hash(), request.workspace)
        rates = request.workload.faults_sha256
        recorder.record(SeriesEvent(mode="replay", faults=request.faults, series=series, faults_sha256=rates))
        calendar = ReplayCalendar(request, recorder, endpoint, series, on_file)
        for block, following in zip(blocks, [*blocks[1:], None], strict=True):
            before = calendar.runs
            week = f"{FAULTS_TEXT.get(request.faults, request.faults)}, week {block + 1} of {blocks[-1] + 1}"
            for place, number in enumerate(request.rounds, 1):
                on_phase(f"{week}, round {place} of {len(request.rounds)}")
                calendar.replay_block(block, pool.in_shuffled_order(block, number))
                if following is None:
                    calendar.replay_days_after(block, pool.of_round(number))
            on_phase(f"{week}, counting records")
            calendar.set_date(QUIET_DAY)  # no partner is down while subjects warm up
            pool.read_partner()
            with pool.starting(following):  # meanwhile, as nothing is timed now
                for number in request.rounds:
                    calendar.close_blocks(pool.of_round(number), last=following is None)
                pool.end_finished(block, calendar)
                yield BlockReplayed(block, series, calendar.runs - before)
        pool.end_all()


class SubjectPool:
    """The running subjects of a replay: one `SubjectRun` for each subject and round."""

    def __init__(
        self, request: ReplayRequest, endpoint: str, stack: ExitStack, templates: ProgramTemplates | None
    ) -> None:
        self._request = request
        self._endpoint = endpoint
        self._stack = stack
        self._templates = templates
        self._labels = subject_labels(request.subjects)
        self._executor = stack.enter_context(ThreadPoolExecutor(os.cpu_count()))
        self._subject_runs: dict[tuple[int, str], SubjectRun] = {}
        self._ends: list[Future[None]] = []

    def baseline_hash(self) -> str:
        """Return the hash of the baseline's source; empty if no baseline runs."""
        return next((subject.source_hash for subject in self._subject_runs.values() if subject.source_hash), "")

    @contextmanager
    def starting(self, block: int | None) -> Iterator[None]:
        """Start the subjects of a block that do not run yet, and spares of those that the block will kill.

        Meanwhile the caller does what is not timed. It reads no file of the partner: records of warm-ups arrive there.
        Without a block, nothing starts.
        """
        files = [file for file in self._request.workload.files if file.block == block]
        labels = [label for label in self._labels if block is not None and self._request.is_active(label, block)]
        keys = [(number, label) for number in self._request.rounds for label in labels]
        keys.sort(key=lambda key: key[1].startswith("monolith"))  # the services first: their starts take longest
        starts = {
            key: self._executor.submit(self._start_with_spares, *key, files)
            for key in keys
            if key not in self._subject_runs
        }
        for start in starts.values():
            # each started subject is ended, also if another one did not start
            start.add_done_callback(lambda done: None if done.exception() else self._stack.callback(done.result().end))
        spares = [
            self._executor.submit(self._subject_runs[key].prepare_spares, files) for key in keys if key not in starts
        ]
        try:
            yield
        finally:
            wait(starts.values())  # before the caller ends subjects
            wait(spares)
            wait(self._ends)
        self._subject_runs |= {key: start.result() for key, start in starts.items()}
        for spare in spares:
            spare.result()

    def _start_with_spares(self, number: int, label: str, files: Sequence[InputFile]) -> SubjectRun:
        subject = SubjectRun(self._request, label, number, self._endpoint, self._templates)
        try:
            subject.prepare_spares(files)
        except BaseException:
            subject.end()
            raise
        return subject

    def read_partner(self) -> None:
        """Read what the partner has got from each subject."""
        for _ in self._executor.map(SubjectRun.read_partner, self._subject_runs.values()):
            pass

    def of_round(self, number: int) -> list[SubjectRun]:
        """Return the subjects of a round, the control first."""
        return [self._subject_runs[number, label] for label in self._labels if (number, label) in self._subject_runs]

    def in_shuffled_order(self, block: int, number: int) -> list[SubjectRun]:
        """Return the subjects of a round in their order of turns in a block."""
        subjects = self.of_round(number)
        order = list(range(len(subjects)))
        random.Random(f"{self._request.seed} {block}").shuffle(order)  # noqa: S311 (an order, not a secret)
        return [subjects[turn] for turn in (order if number % 2 else order[::-1])]

    def end_finished(self, block: int, calendar: ReplayCalendar) -> None:
        """Let the subjects end whose span is over and that have no open blocks; `starting` waits for their ends."""
        for key, subject in list(self._subject_runs.items()):
            _, last = self._request.spans.get(subject.label, (0, block + 1))
            if block >= last and not calendar.has_open_blocks(subject):
                self._ends.append(self._executor.submit(self._subject_runs.pop(key).end))

    def end_all(self) -> None:
        """Let all subjects end, side by side."""
        wait([self._executor.submit(subject.end) for subject in self._subject_runs.values()])
