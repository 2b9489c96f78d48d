"""A whole measurement: make the workload, replay it, collect every block."""

from __future__ import annotations

import fcntl
import shutil
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib import metadata, resources
from typing import TYPE_CHECKING

from metrics.collector.collect import collect
from metrics.errors import BadInput, SpoolDamaged, TryLater
from metrics.events import SpoolRecorder, parse_subject
from metrics.replay import fault_plan, input_files, workload
from metrics.replay.harness import replay, subject_labels
from metrics.replay.subject_run import ReplayRequest
from metrics.store.database import open_store
from metrics.store.series import next_round, rows_of_round

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

#: Readings that `--faults` may ask for.
FAULTS = ("standard", "none")


@dataclass(frozen=True, slots=True)
class MeasurementRequest:
    """What to measure: `rounds` passes of each of `faults`, over the first `weeks` weeks, in the workspace `root`.

    `spans` are the first and last block (from 0, both inclusive) of subjects that are not replayed over all weeks; the
    control always is.
    """

    root: Path
    store: Path
    subjects: tuple[str, ...] = ("monolith", "service@1")
    weeks: int = input_files.BLOCKS
    rounds: int = 3
    faults: tuple[str, ...] = FAULTS
    built: int = 1  #: the highest service level that stands
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MeasurementResult:
    """What was measured: runs of both sides, the seconds it took, and where the last subject's rows ended in one round.

    `rows` is of the first of the faults measured.
    """

    runs: int
    seconds: float
    rows: dict[str, int]
    series: str


def measure(order: MeasurementRequest, progress: Callable[[int, int], None]) -> MeasurementResult:
    """Measure; every block is in the store as soon as it has been replayed.

    Args:
        order: what to measure.
        progress: told how many of how many files have been exchanged.

    Raises:
        BadInput: an unknown subject or faults, or numbers out of range.
        MetricsError: something else that the message names.
    """
    check_request(order)
    began = time.monotonic()
    folder, spool = order.root / "var" / "replay", order.root / "var" / "spool" / "replay"
    folder.mkdir(parents=True, exist_ok=True)
    faults_file = resources.files("metrics.replay") / "faults-standard.toml"
    runs, done, series = 0, 0, ""
    rows: dict[str, int] = {}
    damaged: SpoolDamaged | None = None
    with (
        measurement_lock(folder),
        closing(open_store(order.store, "replay")) as db,
        resources.as_file(faults_file) as rates,
    ):
        seed = fault_plan.read_faults(rates)["seed"]
        loads = {name: workload.build_workload(folder, rates, name, order.weeks) for name in order.faults}
        total = sum(
            sum(first <= file.block <= last for file in load.files) * order.rounds
            for load in loads.values()
            for first, last in (order.spans.get(name, (0, input_files.BLOCKS)) for name in order.subjects)
        )

        def on_file() -> None:
            nonlocal done
            done += 1
            progress(done, total)

        for name, load in loads.items():
            first = next_round(db, "replay", name)
            numbers = tuple(range(first, first + order.rounds))
            release = metadata.version("milepost")
            request = ReplayRequest(order.root, folder, order.subjects, numbers, name, load, seed, release, order.spans)
            recorder = SpoolRecorder(spool)
            for step in replay(request, recorder, on_file):
                runs += step.runs
                series = step.series
                try:
                    collect(spool, db, time.time_ns() // 1000)
                except SpoolDamaged as error:  # told at the end; what is measured meanwhile is good
                    damaged = error
            recorder.close()
            shutil.rmtree(folder / "partner", ignore_errors=True)
            shutil.rmtree(folder / "subjects", ignore_errors=True)
            rows = rows or rows_of_round(db, subject_labels(order.subjects)[-1], name, series, numbers[-1])
    if damaged is not None:
        raise damaged
    return MeasurementResult(runs, time.monotonic() - began, rows, series)


@contextmanager
def measurement_lock(folder: Path) -> Iterator[None]:
    """Hold the replay's folder: one measurement at a time. The lock ends with its process. Raises TryLater."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TryLater(f"{folder}: another measurement is under way; try again when it has ended") from error
        yield


def check_request(order: MeasurementRequest) -> None:
    """Refuse what cannot be measured. Raises BadInput."""
    try:
        subject_labels(order.subjects)
    except ValueError as error:
        raise BadInput(str(error)) from error
    told = ",".join(order.subjects)
    if len(order.subjects) < 2 or order.subjects[0] != "monolith":
        raise BadInput(f"subjects are {told!r}; name the control first: monolith,service@1 (or monolith,monolith)")
    for name in order.subjects:
        level = parse_subject(name)[1]
        if level > order.built or "#" in name:
            levels = ", ".join(f"service@{n}" for n in range(1, order.built + 1))
            raise BadInput(f"{name} is not built; choose monolith, {levels}")
        if order.subjects.count(name) > (2 if name == "monolith" else 1):
            raise BadInput(f"subjects are {told!r}; each is named once, only monolith twice, against itself")
    if not 1 <= order.weeks <= input_files.BLOCKS:
        raise BadInput(f"weeks is {order.weeks}; choose 1 to {input_files.BLOCKS}")
    if not 1 <= order.rounds <= 100:
        raise BadInput(f"rounds is {order.rounds}; choose 1 to 100")
    check_spans(order)


def check_spans(order: MeasurementRequest) -> None:
    """Refuse spans that nothing can be replayed in. Raises BadInput."""
    for name, (first, last) in order.spans.items():
        if name not in order.subjects[1:] or not 0 <= first <= last:
            raise BadInput(
                f"span of {name} is {first} to {last}; choose blocks from 0 on, of a subject other than control"
            )
        if first >= order.weeks:
            raise BadInput(f"span of {name} starts with week {first + 1}; {order.weeks} weeks are replayed")


def expand_faults(name: str) -> tuple[str, ...]:
    """The readings that `--faults` asks for: `standard` comes with its twin without faults."""
    return FAULTS if name == "standard" else (name,)


def split_subjects(text: str) -> Sequence[str]:
    """Names that stand between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
