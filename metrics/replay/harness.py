"""The replay: all subjects exchange the same files on the same days, and the partner's own files tell what arrived.

Week by week, round by round, day by day. Within a day each subject takes its turn over the day's files; the order is
shuffled on the seed for each block and turned round every other round (A B C, C B A), so that no side always runs on
the warmer machine. A subject is started before the first block of its span and ended after its last, never while
another is being timed. One operator serves all subjects alike; see `metrics.replay.operator`.
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
from metrics.replay.input_files import BLOCKS
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
    """A block has been replayed: its number, the series it belongs to, and the runs it took."""

    block: int
    series: str
    runs: int


def subject_labels(subjects: Sequence[str]) -> tuple[str, ...]:
    """Names that tell subjects apart: a monolith measured against itself is `monolith#2`. Raises ValueError."""
    for name in subjects:
        parse_subject(name)
    return tuple(f"{name}#2" if name in subjects[:place] else name for place, name in enumerate(subjects))


def series_hash(workload: Workload, baseline_source: str, workspace: Path) -> str:
    """Twelve letters that are equal where numbers may be compared.

    They stand for the faults, the input, the baseline, the method, and the partners and contracts of the workspace.
    """
    digest = hashlib.sha256(f"{workload.sha256}\n{baseline_source}\n{METHOD}".encode())
    for path in sorted([*workspace.glob("partners/*.toml"), *workspace.glob("contracts/*.json")]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def replay(request: ReplayRequest, recorder: Recorder, on_file: Callable[[], None]) -> Iterator[BlockReplayed]:
    """Replay the workload, recording every run; yields after each block, so that the caller may collect.

    Args:
        request: what to replay.
        recorder: where run, holding, answer and outage events go.
        on_file: called once for every file, subject and round.

    Raises:
        SubjectFailed: a program did not start, or broke the protocol.
    """
    with ExitStack() as stack:
        plan = request.folder / f"plan-{request.faults}.json"
        keep = request.folder / "partner"
        double = [sys.executable, "-m", "poc.practice_partner", "--plan", str(plan), "--keep", str(keep)]
        partner = SubjectProcess(double)
        stack.callback(partner.end)
        endpoint = str(partner.ready["ready"])
        crew = SubjectPool(request, endpoint, stack)
        blocks = sorted({file.block for file in request.workload.files})
        crew.prepare(blocks[0])
        series = series_hash(request.workload, crew.baseline(), request.workspace)
        rates = request.workload.faults_sha256
        recorder.record(SeriesEvent(mode="replay", faults=request.faults, series=series, faults_sha256=rates))
        desk = ReplayCalendar(request, recorder, endpoint, series, on_file)
        for block in blocks:
            before = desk.runs
            desk.turn_calendar(QUIET_DAY)  # nobody is down while subjects warm up
            crew.prepare(block)
            for number in request.rounds:
                desk.week(block, crew.in_turn(block, number))
                desk.close(crew.of(number), last=block == blocks[-1])
            crew.release(block, desk)
            yield BlockReplayed(block, series, desk.runs - before)


class SubjectPool:
    """The subjects that stand in a replay at the time: one `Side` for each of them and each round."""

    def __init__(self, request: ReplayRequest, endpoint: str, stack: ExitStack) -> None:
        self._request = request
        self._endpoint = endpoint
        self._stack = stack
        self._labels = subject_labels(request.subjects)
        self._pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count()))
        self._sides: dict[tuple[int, str], SubjectRun] = {}

    def baseline(self) -> str:
        """What the baseline tells of its own source."""
        return next((side.source for side in self._sides.values() if side.source), "")

    def prepare(self, block: int) -> None:
        """Start what a block needs and does not run yet: subjects, and spares of those that it will kill."""
        missing = [
            (number, label)
            for number in self._request.rounds
            for label in self._labels
            if self._request.stands(label, block) and (number, label) not in self._sides
        ]
        starting = {
            key: self._pool.submit(SubjectRun, self._request, key[1], key[0], self._endpoint) for key in missing
        }
        for future in starting.values():
            # each that has started is ended, also where another did not start
            future.add_done_callback(lambda done: None if done.exception() else self._stack.callback(done.result().end))
        self._sides |= {key: future.result() for key, future in starting.items()}
        files = [file for file in self._request.workload.files if file.block == block]
        standing = [side for side in self._sides.values() if side.stands(block)]
        list(self._pool.map(lambda side: side.prepare(files), standing))

    def of(self, number: int) -> list[SubjectRun]:
        """The sides of a round, the control first."""
        return [self._sides[number, label] for label in self._labels if (number, label) in self._sides]

    def in_turn(self, block: int, number: int) -> list[SubjectRun]:
        """The sides of a round in the order in which they take their turns in a block."""
        sides = self.of(number)
        order = list(range(len(sides)))
        random.Random(f"{self._request.seed} {block}").shuffle(order)  # noqa: S311 (an order, not a secret)
        return [sides[turn] for turn in (order if number % 2 else order[::-1])]

    def release(self, block: int, desk: ReplayCalendar) -> None:
        """End the subjects whose span is over, and of which nothing is open any more."""
        for key, side in list(self._sides.items()):
            _, last = self._request.spans.get(side.label, (0, BLOCKS))
            if block >= last and not desk.is_open(side):
                self._sides.pop(key).end()
