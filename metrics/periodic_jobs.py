"""Jobs that a running process repeats in threads of their own, each at its own interval."""

from __future__ import annotations

import logging
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from metrics.process_end import end_process_after

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

#: Exit codes after Ctrl-C and after SIGTERM.
INTERRUPTED, TERMINATED = 130, 143


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodicJob:
    """A job that runs first after `first_s`, then every `every_s` seconds, never twice at once."""

    work: Callable[[], object]
    every_s: float
    first_s: float = 0.0


@contextmanager
def running_jobs(jobs: Mapping[str, PeriodicJob]) -> Iterator[None]:
    """Run jobs, by name, until the block ends; it ends when those under way have finished."""
    from apscheduler.schedulers.background import BackgroundScheduler

    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)  # a slow job is no error
    scheduler = BackgroundScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for name, job in jobs.items():
        start = datetime.now(UTC) + timedelta(seconds=job.first_s)
        scheduler.add_job(job.work, "interval", id=name, next_run_time=start, seconds=job.every_s)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=True)


def run_jobs_until_signal(jobs: Mapping[str, PeriodicJob], stopping: threading.Event, stop_s: float) -> int:
    """Run jobs in a process of their own until a signal comes; running jobs may finish first.

    Args:
        jobs: the jobs by name.
        stopping: set as soon as a signal comes, so that jobs can end early.
        stop_s: seconds in which jobs may finish; after them the process ends as if it were killed.

    Returns:
        130 after Ctrl-C, 143 after SIGTERM.
    """
    codes = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
    received: list[int] = []

    def on_signal(number: int, _: object) -> None:
        received.append(codes[signal.Signals(number)])
        for one in codes:
            signal.signal(one, signal.SIG_IGN)  # once is enough
        stopping.set()

    for one in codes:
        signal.signal(one, on_signal)
    with running_jobs(jobs):
        stopping.wait()
        code = received[0] if received else 0
        end_process_after(stop_s, code)
    return code
