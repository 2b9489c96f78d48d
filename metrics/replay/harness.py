"""Replay a workload: all subjects exchange the same files on the same days, and the partner's files show what arrived.

The order is week by week, round by round, day by day. Within a day the subjects take turns over the day's files; their
order is shuffled with the seed for each block and reversed every other round (A B C, C B A), so that no subject always
runs on the warmer machine. A subject is started before the first block of its span and ended after its last, never
while another is timed. One operator serves all subjects by the same rules; see `metrics.replay.operator`.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.events import SeriesEvent, parse_subject
from metrics.replay.calendar import QUIET_DAY, ReplayCalendar
from metrics.replay.subject_process import SubjectProcess
from metrics.replay.subject_run import ReplayRequest, SubjectRun
from metrics.store.series import METHOD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from metrics.events import Recorder
    from metrics.replay.workload import Workload


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


def replay(request: ReplayRequest, recorder: Recorder, on_file: Callable[[], None]) -> Iterator[BlockReplayed]:
    """Replay the workload and record every run; yield after each block, so that the caller can collect.

    Args:
        request: the replay to run.
        recorder: the destination of run, holding, answer and outage events.
        on_file: called once for every file, subject and round.

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
        pool = SubjectPool(request, endpoint, stack)
        blocks = sorted({file.block for file in request.workload.files})
        pool.start_subjects(blocks[0])
        series = series_hash(request.workload, pool.baseline_hash(), request.workspace)
        rates = request.workload.faults_sha256
        recorder.record(SeriesEvent(mode="replay", faults=request.faults, series=series, faults_sha256=rates))
        calendar = ReplayCalendar(request, recorder, endpoint, series, on_file)
        for block in blocks:
            before = calendar.runs
            calendar.set_date(QUIET_DAY)  # no partner is down while subjects warm up
            pool.start_subjects(block)
            for number in request.rounds:
                calendar.replay_block(block, pool.in_shuffled_order(block, number))
                if block == blocks[-1]:
                    calendar.replay_days_after(block, pool.of_round(number))
                calendar.close_blocks(pool.of_round(number), last=block == blocks[-1])
            pool.end_finished(block, calendar)
            yield BlockReplayed(block, series, calendar.runs - before)


class SubjectPool:
    """The running subjects of a replay: one `SubjectRun` for each subject and round."""

    def __init__(self, request: ReplayRequest, endpoint: str, stack: ExitStack) -> None:
        self._request = request
        self._endpoint = endpoint
        self._stack = stack
        self._labels = subject_labels(request.subjects)
        self._executor = stack.enter_context(ThreadPoolExecutor(os.cpu_count()))
        self._subject_runs: dict[tuple[int, str], SubjectRun] = {}

    def baseline_hash(self) -> str:
        """Return the hash of the baseline's source; empty if no baseline runs."""
        return next((subject.source_hash for subject in self._subject_runs.values() if subject.source_hash), "")

    def start_subjects(self, block: int) -> None:
        """Start the subjects of a block that do not run yet, and spares of those that the block will kill."""
        missing = [
            (number, label)
            for number in self._request.rounds
            for label in self._labels
            if self._request.is_active(label, block) and (number, label) not in self._subject_runs
        ]
        starting = {
            key: self._executor.submit(SubjectRun, self._request, key[1], key[0], self._endpoint) for key in missing
        }
        for future in starting.values():
            # each started subject is ended, also if another one did not start
            future.add_done_callback(lambda done: None if done.exception() else self._stack.callback(done.result().end))
        self._subject_runs |= {key: future.result() for key, future in starting.items()}
        files = [file for file in self._request.workload.files if file.block == block]
        active = [subject for subject in self._subject_runs.values() if subject.is_active(block)]
        list(self._executor.map(lambda subject: subject.prepare_spare(files), active))

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
        """End the subjects whose span is over and that have no open blocks."""
        for key, subject in list(self._subject_runs.items()):
            _, last = self._request.spans.get(subject.label, (0, block + 1))
            if block >= last and not calendar.has_open_blocks(subject):
                self._subject_runs.pop(key).end()
