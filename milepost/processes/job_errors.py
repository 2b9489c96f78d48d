"""Background jobs of a running service: their expected errors are reported, and one that has stopped is named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from metrics.terminal import print_line
from milepost.errors import BUSY, describe_error

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from metrics.periodic_jobs import PeriodicJob

#: Seconds until a job that found the database in use is repeated, where its next turn is far off.
RETRY_BUSY_S = 60.0


class JobWatch:
    """When background jobs last succeeded.

    Args:
        limit_s: seconds without a success after which a job counts as stopped.
        clock_s: a monotonic clock, in seconds.
    """

    def __init__(self, limit_s: float, clock_s: Callable[[], float]) -> None:
        self._limit_s, self._clock_s = limit_s, clock_s
        self._succeeded_s: dict[str, float] = {}

    def of(self, name: str, job: Callable[[], object]) -> Callable[[], object]:
        """Return the job with its successes noted under a name."""
        self._succeeded_s[name] = self._clock_s()

        def run() -> None:
            job()
            self._succeeded_s[name] = self._clock_s()

        return run

    def stopped(self) -> str:
        """Return which job has not succeeded for too long; empty while all do."""
        waits_s = {name: self._clock_s() - at_s for name, at_s in self._succeeded_s.items()}
        stopped = [
            f"the job {name} has not succeeded for {s:.0f} s" for name, s in waits_s.items() if s > self._limit_s
        ]
        return "; ".join(stopped)


def print_problem(text: str) -> None:
    """Print a problem to stderr."""
    print_line(f"milepost: {text}", err=True)


def reporting_errors(
    job: Callable[[], object],
    pause: Callable[[float], bool] | None = None,
    report: Callable[[str], None] = print_problem,
) -> Callable[[], None]:
    """Return the job with its expected errors reported, one line each; its next turn tries again.

    With `pause`, which waits for seconds and returns whether to stop, a job that found the database in use is repeated
    after `RETRY_BUSY_S`, until it succeeds or the pause returns True.
    """

    def turn() -> int | None:
        try:
            job()
        except Exception as error:
            message, code = describe_error(error)
            if code is None:
                raise
            report(str(message))
            return code
        return None

    def run() -> None:
        while turn() == BUSY and pause is not None and not pause(RETRY_BUSY_S):
            pass

    return run


def guard_jobs(
    jobs: Mapping[str, PeriodicJob], watch: JobWatch, stop: threading.Event, report: Callable[[str], None]
) -> dict[str, PeriodicJob]:
    """Return the jobs with their expected errors reported; where files are exchanged, `watch` tells if that stops.

    Only a job that runs once a day waits for a busy database: the next turn of the others comes soon.
    """
    guarded = {}
    for name, job in jobs.items():
        work = watch.of(name, job.work) if name == "exchange" else job.work
        pause = stop.wait if name == "judge" else None
        guarded[name] = replace(job, work=reporting_errors(work, pause, report))
    return guarded
