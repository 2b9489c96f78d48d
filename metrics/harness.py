"""The replay: both sides exchange the same files on the same days, and the partner's own files tell what arrived.

Week by week, round by round, day by day. Within a day each subject takes its turn over the day's files; the order is
shuffled on the seed and turned round every other round (A B, B A), so that no side always runs on the warmer machine.
One operator serves all subjects alike: he looks once a day, and runs again what failed the day before.

What a block delivered is counted once nothing of it is pending any more, at its end or at the latest at the end of the
replay.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

import polars as pl

from metrics.events import AnswerEvent, HoldingEvent, Recorder, parse_subject
from metrics.holdings import agreement, count
from metrics.sides import Replay, Side, Task
from metrics.store import METHOD
from metrics.subjects import Program
from metrics.workload import FEED, RECORD_KEY, InputFile, Workload, block_days

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """A block has been replayed: its number, the series it belongs to, and the runs it took."""

    block: int
    series: str
    runs: int


def labels(subjects: Sequence[str]) -> tuple[str, ...]:
    """Names that tell subjects apart: a monolith measured against itself is `monolith#2`. Raises ValueError."""
    for name in subjects:
        parse_subject(name)
    return tuple(f"{name}#2" if name in subjects[:place] else name for place, name in enumerate(subjects))


def series_of(workload: Workload, baseline_source: str, workspace: Path) -> str:
    """Twelve letters that are equal where numbers may be compared.

    They stand for the faults, the input, the baseline, the method, and the partners and contracts of the workspace.
    """
    digest = hashlib.sha256(f"{workload.sha256}\n{baseline_source}\n{METHOD}".encode())
    for path in sorted([*workspace.glob("partners/*.toml"), *workspace.glob("contracts/*.json")]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def replay(request: Replay, recorder: Recorder, on_file: Callable[[], None]) -> Iterator[Step]:
    """Replay the workload, recording every run; yields after each block, so that the caller may collect.

    Args:
        request: what to replay.
        recorder: where run, holding and answer events go.
        on_file: called once for every file, subject and round.

    Raises:
        SubjectFailed: a program did not start, or broke the protocol.
    """
    with ExitStack() as stack:
        plan = request.folder / f"plan-{request.faults}.json"
        keep = request.folder / "partner"
        double = [sys.executable, "-m", "poc.partner_double", "--plan", str(plan), "--keep", str(keep)]
        partner = Program(double)
        stack.callback(partner.end)
        endpoint = str(partner.ready["ready"])
        pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count()))
        starting = [
            [pool.submit(Side, request, label, number, endpoint) for label in labels(request.subjects)]
            for number in request.rounds
        ]
        for future in chain.from_iterable(starting):
            # each that has started is ended, also where another did not start
            future.add_done_callback(lambda done: None if done.exception() else stack.callback(done.result().end))
        rounds = [[future.result() for future in sides] for sides in starting]
        baseline = next((side.source for side in rounds[0] if side.source), "")
        series = series_of(request.workload, baseline, request.workspace)
        desk = Desk(request, recorder, endpoint, series, on_file)
        blocks = sorted({file.block for file in request.workload.files})
        for block in blocks:
            before = desk.runs
            order = list(range(len(rounds[0])))
            random.Random(f"{request.seed} {block}").shuffle(order)  # noqa: S311 (an order, not a secret)
            files = [file for file in request.workload.files if file.block == block]
            list(pool.map(lambda side, files=files: side.prepare(files), chain.from_iterable(rounds)))
            for number, sides in zip(request.rounds, rounds, strict=True):
                desk.week(block, [sides[turn] for turn in (order if number % 2 else order[::-1])])
                desk.close(sides, last=block == blocks[-1])
            yield Step(block, series, desk.runs - before)


class Desk:
    """The replay's own work, none of it measured: turn the calendar, hand files in, count what arrived."""

    def __init__(
        self, request: Replay, recorder: Recorder, endpoint: str, series: str, on_file: Callable[[], None]
    ) -> None:
        self.runs = 0
        self._request = request
        self._recorder = recorder
        self._endpoint = endpoint
        self._series = series
        self._on_file = on_file
        self._open: dict[Side, list[int]] = {}
        self._arrived: dict[tuple[Side, int], pl.DataFrame] = {}

    def week(self, block: int, sides: Sequence[Side]) -> None:
        """Replay the days of one block for the sides of a round, in the order given."""
        start, end = block_days(block)
        files = [file for file in self._request.workload.files if file.block == block]
        for side in sides:
            self._open.setdefault(side, []).append(block)
        for day in (start + timedelta(days=n) for n in range((end - start).days + 1)):
            arrived = [file for file in files if file.arrives == day]
            if arrived or any(side.pending for side in sides):
                self._turn_calendar(day)
                for side in sides:
                    self._day(side, day, arrived)

    def _turn_calendar(self, day: date) -> None:
        body = day.isoformat().encode()
        request = urllib.request.Request(f"{self._endpoint}/-/today", body, method="PUT")  # noqa: S310
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass

    def _day(self, side: Side, day: date, arrived: Sequence[InputFile]) -> None:
        waiting, side.pending = side.pending, []
        for task in [*waiting, *map(Task, arrived)]:
            self.runs += 1
            self._recorder.record(side.run(task, day, self.runs, self._series))
            if task.attempt == 1:
                self._on_file()

    def close(self, sides: Sequence[Side], *, last: bool) -> None:
        """Count every block of which nothing is pending; all that are open at the end of the replay."""
        for side in sides:
            side.look()
            pending = set() if last else {task.file.block for task in side.pending}
            for block in [block for block in self._open[side] if block not in pending]:
                self._open[side].remove(block)
                self._arrived[side, block] = self._count(side, block)
        control = next(side for side in sides if side.label == labels(self._request.subjects)[0])
        for block in range(max(block for _, block in self._arrived) + 1):
            if all((side, block) in self._arrived for side in sides):
                records = {side: self._arrived.pop((side, block)) for side in sides}
                for side in sides:
                    if side is not control:
                        self._compare(control, side, records, block)

    def _count(self, side: Side, block: int) -> pl.DataFrame:
        """Record what is held of the files of a block, and give back those records."""
        start, end = block_days(block)
        files = {f"{file.partner}/{file.name}": file for file in self._request.workload.files if file.block == block}
        truth = self._request.workload.truth.filter(pl.col("file").is_in(list(files)))
        key = list(RECORD_KEY)
        arrived = side.held.join(truth, on=key, how="semi")
        left = side.held.join(truth, on=key, how="anti")
        # what belongs to no block that is still open can be explained by no due record
        strange = left if not self._open[side] else left.clear()
        side.held = left if self._open[side] else left.clear()
        foreign = dict(strange.group_by("partner").agg(pl.len()).iter_rows())
        for name, due, held, twice in count(arrived, truth).iter_rows():
            file = files[name]
            self._recorder.record(
                HoldingEvent(
                    **self._key(side, file.partner, start, end),
                    file=file.name,
                    due=due,
                    held=held,
                    twice=twice,
                    lost=max(side.claimed.get(name, 0) - held, 0),
                    foreign=foreign.pop(file.partner, 0),
                )
            )
        return arrived

    def _compare(self, control: Side, side: Side, records: dict[Side, pl.DataFrame], block: int) -> None:
        start, end = block_days(block)
        for partner, compared, equal in agreement(records[control], records[side]).iter_rows():
            key = self._key(side, partner, start, end)
            self._recorder.record(AnswerEvent(**key, control=control.label, compared=compared, equal=equal))

    def _key(self, side: Side, partner: str, start: date, end: date) -> dict[str, Any]:
        return {
            "system": side.system, "level": side.level, "mode": "replay", "faults": self._request.faults,
            "series": self._series, "round": side.round, "partner": partner, "feed": FEED,
            "block": start.isoformat(), "block_end": end.isoformat(),
        }  # fmt: skip
