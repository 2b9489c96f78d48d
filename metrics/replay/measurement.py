"""Run a whole measurement: build the workload, replay it, and collect every block."""

from __future__ import annotations

import fcntl
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata, resources
from typing import TYPE_CHECKING

from metrics.collector.collect import collect
from metrics.errors import BadInput, SpoolDamaged, TryLater
from metrics.events import SpoolRecorder, parse_subject
from metrics.progress import ProgressCounter
from metrics.replay import fault_plan, input_files, workload
from metrics.replay.harness import replay, subject_labels
from metrics.replay.program_template import FIRST_IMPORTS, ProgramTemplates
from metrics.replay.stress import STRESS, plan_stress, replay_side_by_side
from metrics.replay.subject_run import ReplayRequest
from metrics.store.database import open_store
from metrics.store.series import next_round, rows_of_round

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from metrics.progress import Progress

#: Fault sets under which all subjects are replayed side by side.
FAULTS = ("standard", "none")


@dataclass(frozen=True, slots=True)
class MeasurementRequest:
    """A measurement: `rounds` passes for each of `faults`, over the first `weeks` weeks of `year`, in `root`.

    Without faults there are `rounds_without_faults` passes instead, where given.

    `spans` are the first and last block (from 0, both inclusive) of subjects that are not replayed over all weeks; the
    control always is. In the blocks of `control_again`, the control is replayed a second time under the first of
    `faults`: an A/A check, which must show no gain. If `stress` is one of `faults`, the services of `stress` are
    replayed alone, each over the blocks that it names, in the number of rounds that the file of stress faults fixes.
    """

    root: Path
    store: Path
    subjects: tuple[str, ...] = ("monolith", "service@1")
    weeks: int = input_files.BLOCKS
    rounds: int = 3
    faults: tuple[str, ...] = FAULTS
    built: int = 1  #: the highest service level that is built
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    stress: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    control_again: tuple[int, int] | None = None
    year: input_files.InputYear = input_files.FIRST_YEAR
    rounds_without_faults: int | None = None

    def rounds_under(self, faults: str) -> int:
        """Return the number of passes under a fault set."""
        return (self.rounds_without_faults if faults == "none" else None) or self.rounds

    def subjects_under(self, faults: str) -> tuple[str, ...]:
        """Return the subjects that are replayed under a fault set."""
        return (self.subjects[0], *self.subjects) if self._has_control_again(faults) else self.subjects

    def spans_under(self, faults: str) -> Mapping[str, tuple[int, int]]:
        """Return the spans of the subjects that are replayed under a fault set."""
        if self.control_again is None or not self._has_control_again(faults):
            return self.spans
        return {**self.spans, subject_labels(self.subjects_under(faults))[1]: self.control_again}

    def _has_control_again(self, faults: str) -> bool:
        return self.control_again is not None and faults == self.faults[0]


@dataclass(frozen=True, slots=True)
class MeasurementResult:
    """Result of a measurement: runs of all subjects, its duration in seconds, and its series.

    `rows` are the last subject's rows by outcome in one round, under the first of the measured faults.
    """

    runs: int
    seconds: float
    rows: dict[str, int]
    series: str


def measure(request: MeasurementRequest, progress: Progress) -> MeasurementResult:
    """Run a measurement; every block is in the store as soon as it has been replayed.

    Args:
        request: the measurement to run.
        progress: called with the number of exchanged files, of all files, and the current phase.

    Raises:
        BadInput: a subject or a fault set is unknown, or a number is out of range.
        MetricsError: another problem, which the message names.
    """
    check_request(request)
    began = time.monotonic()
    replays, spool = request.root / "var" / "replay", request.root / "var" / "spool" / "replay"
    folder = replays if request.year == input_files.FIRST_YEAR else replays / str(request.year.days[0].year)
    folder.mkdir(parents=True, exist_ok=True)
    fault_files = resources.files("metrics.replay")
    release = metadata.version("milepost")
    runs, series = 0, ""
    rows: dict[str, int] = {}
    damaged: SpoolDamaged | None = None
    with (
        measurement_lock(replays),
        closing(open_store(request.store, "replay")) as db,
        resources.as_file(fault_files / "faults-standard.toml") as rates,
        resources.as_file(fault_files / "faults-stress.toml") as stress_rates,
        closing(ProgramTemplates(FIRST_IMPORTS)) as templates,
    ):
        counter = ProgressCounter(progress)
        templates.prepare()
        counter.begin("writing the input files")
        seed = fault_plan.read_faults(rates)["seed"]
        names = [name for name in FAULTS if name in request.faults]
        with ThreadPoolExecutor() as executor:
            builds = [
                executor.submit(workload.build_workload, folder, rates, name, request.weeks, request.year)
                for name in names
            ]
        workloads = {name: build.result() for name, build in zip(names, builds, strict=True)}
        spans = request.stress if STRESS in request.faults else {}
        stress = plan_stress(db, request.root, folder, stress_rates, spans, release)
        counter.total = sum(len(one.workload.files) for one in stress) + sum(
            request.rounds_under(name) * sum(first <= file.block <= last for file in load.files)
            for name, load in workloads.items()
            for label in subject_labels(request.subjects_under(name))
            for first, last in [request.spans_under(name).get(label, (0, request.year.blocks[-1]))]
        )

        def collect_spool() -> None:
            nonlocal damaged
            try:
                collect(spool, db, time.time_ns() // 1000)
            except SpoolDamaged as error:  # raised at the end; the other measurements are good
                damaged = error

        for name, load in workloads.items():
            first = next_round(db, "replay", name)
            numbers = tuple(range(first, first + request.rounds_under(name)))
            one_replay = ReplayRequest(
                request.root,
                folder,
                request.subjects_under(name),
                numbers,
                name,
                load,
                seed,
                release,
                request.spans_under(name),
            )
            recorder = SpoolRecorder(spool)
            remove = partial(remove_state, folder, [other for other in request.faults if other != name])
            for step in replay(one_replay, recorder, counter.add, counter.begin, templates, remove):
                runs += step.runs
                series = step.series
                collect_spool()
            recorder.close()
            rows = rows or rows_of_round(db, subject_labels(request.subjects)[-1], name, series, numbers[-1])
        if stress:
            counter.begin("stress series, rounds side by side")
        with ThreadPoolExecutor(1) as executor:
            executor.submit(remove_state, folder, workloads)
            for stress_runs, stress_series in replay_side_by_side(stress, spool, counter.add):
                runs += stress_runs
                series = series or stress_series
                collect_spool()
        remove_state(folder)
    if damaged is not None:
        raise damaged
    return MeasurementResult(runs, time.monotonic() - began, rows, series)


def remove_state(folder: Path, faults: Iterable[str] = ("*",)) -> None:
    """Remove the state of subjects and partner of replays that have ended, of all or under these fault sets."""
    for name in faults:
        for path in (*folder.glob(f"partner/*.{name}.r*"), *folder.glob(f"subjects/*.{name}.r*")):
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def measurement_lock(folder: Path) -> Iterator[None]:
    """Lock the replay's folder for one measurement at a time. The lock ends with its process. Raises TryLater."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TryLater(f"{folder}: another measurement is running; try again when it has ended") from error
        yield


def check_request(request: MeasurementRequest) -> None:
    """Check a request. Raises BadInput if it cannot be measured."""
    try:
        subject_labels(request.subjects)
    except ValueError as error:
        raise BadInput(str(error)) from error
    names = ",".join(request.subjects)
    if len(request.subjects) < 2 or request.subjects[0] != "monolith":
        raise BadInput(f"subjects are {names!r}; name the control first: monolith,service@1 (or monolith,monolith)")
    for name in request.subjects:
        level = parse_subject(name)[1]
        if level > request.built or "#" in name:
            levels = ", ".join(f"service@{n}" for n in range(1, request.built + 1))
            raise BadInput(f"{name} is not built; choose monolith, {levels}")
        if request.subjects.count(name) > (2 if name == "monolith" else 1):
            raise BadInput(f"subjects are {names!r}; each is named once, only monolith twice, against itself")
    if not 1 <= request.weeks <= input_files.BLOCKS:
        raise BadInput(f"weeks is {request.weeks}; choose 1 to {input_files.BLOCKS}")
    if not 1 <= request.rounds <= 100:
        raise BadInput(f"rounds is {request.rounds}; choose 1 to 100")
    if STRESS in request.faults and not any(parse_subject(name)[1] for name in request.stress):
        raise BadInput(f"subjects are {names!r}; the stress series replays services, so name one: monolith,service@4")
    if STRESS in request.faults and request.year != input_files.FIRST_YEAR:
        raise BadInput("the stress series replays the first year only; leave out `--year 2`, or choose other faults")
    check_spans(request)


def check_spans(request: MeasurementRequest) -> None:
    """Check the spans of a request. Raises BadInput if no block can be replayed in one."""
    faults = request.faults[0]
    others = subject_labels(request.subjects_under(faults))[1:]
    for name, (first, last) in request.spans_under(faults).items():
        if name not in others or not 0 <= first <= last:
            raise BadInput(
                f"span of {name} is {first} to {last}; choose blocks from 0 on, of a subject other than control"
            )
        if not range(max(first, request.year.blocks[0]), min(last + 1, request.year.blocks[0] + request.weeks)):
            raise BadInput(f"span of {name} starts with week {first + 1}; {request.weeks} weeks are replayed")


def expand_faults(name: str) -> tuple[str, ...]:
    """Return the fault sets to measure for `--faults`: `standard` includes the replay without faults, not `stress`."""
    return FAULTS if name == "standard" else (name,)


def split_subjects(text: str) -> Sequence[str]:
    """Split a text at commas into names."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
