"""The stress series: services alone, in a fixed number of rounds that each have faults of their own.

It answers what a quarter of the standard faults cannot: how a service recovers from failures, and what it does while a
partner is down. Nothing of it is compared with the control and no time is judged, so its rounds run side by side, and
its subjects are forked from a template and not warmed up.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from metrics.events import SpoolRecorder
from metrics.replay.fault_plan import read_faults
from metrics.replay.harness import replay, series_hash
from metrics.replay.input_files import block_range
from metrics.replay.program_template import ProgramTemplates
from metrics.replay.subject_run import ReplayRequest
from metrics.replay.workload import build_rounds
from metrics.store.series import blocks_by_round

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sqlite_utils import Database

#: The name of the fault set.
STRESS = "stress"

#: Days after the last block on which a service may finish what it began: a retry of the last day is due on the next.
DAYS_AFTER = 7

#: Rounds at once on each processor: one of them may wait for a partner that hangs.
ROUNDS_A_PROCESSOR = 2


def plan_stress(
    db: Database, root: Path, folder: Path, rates: Path, spans: Mapping[str, tuple[int, int]], release: str
) -> list[ReplayRequest]:
    """Return the replays that the stress series lacks: one for each service and round, of the blocks not begun before.

    The number of rounds is fixed by the file of rates. What was measured is not measured again: to add rounds until a
    target is met would prove nothing.

    Args:
        db: the store.
        root: the workspace.
        folder: the folder of the replay, for input files, plans, and the state of subjects and partner.
        rates: the file of fault rates.
        spans: the first and last block of each service, both inclusive.
        release: the release that is recorded with each run.
    """
    faults = read_faults(rates)
    numbers = range(1, int(faults["rounds"]) + 1)
    weeks = max((last + 1 for _, last in spans.values()), default=0)
    earliest = min((first for first, _ in spans.values()), default=0)
    workloads = build_rounds(folder, rates, STRESS, weeks, numbers, earliest) if spans else {}
    requests = []
    for subject, (first, last) in spans.items():
        measured = blocks_by_round(db, subject, STRESS, series_hash(workloads[1], "", root))
        for number in numbers:
            begun = measured.get(number, set())
            blocks = {n for n in range(first, last + 1) if block_range(n)[0].isoformat() not in begun}
            files = tuple(file for file in workloads[number].files if file.block in blocks)
            if files:
                requests.append(
                    ReplayRequest(
                        workspace=root,
                        folder=folder,
                        subjects=(subject,),
                        rounds=(number,),
                        faults=STRESS,
                        workload=replace(workloads[number], files=files),
                        seed=faults["seed"],
                        release=release,
                        plan_name=f"plan-{STRESS}-{number}.json",
                        days_after=DAYS_AFTER,
                        warm_up=False,
                    )
                )
    return requests


def replay_side_by_side(
    requests: list[ReplayRequest], spool: Path, on_file: Callable[[], None]
) -> Iterator[tuple[int, str]]:
    """Replay the requests, some at once on each processor; yield runs and series of each as it ends.

    Args:
        requests: replays whose subjects have namespaces of their own.
        spool: the folder for the recorded events.
        on_file: called once for every file, from several threads.

    Raises:
        SubjectFailed: a program did not start, or broke the protocol; replays that have not begun are left out.
    """
    with (
        closing(ProgramTemplates()) as templates,
        ThreadPoolExecutor(ROUNDS_A_PROCESSOR * (os.cpu_count() or 1)) as executor,
    ):
        try:
            for future in as_completed(
                [executor.submit(_replay, request, spool, on_file, templates) for request in requests]
            ):
                yield future.result()
        finally:
            executor.shutdown(cancel_futures=True)


def _replay(
    request: ReplayRequest, spool: Path, on_file: Callable[[], None], templates: ProgramTemplates
) -> tuple[int, str]:
    recorder = SpoolRecorder(spool)
    try:
        steps = list(replay(request, recorder, on_file, templates=templates))
    finally:
        recorder.close()
    return sum(step.runs for step in steps), steps[-1].series
