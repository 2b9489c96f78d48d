"""`milepost work | watch | schedule`: the jobs of a running service, each group in a process of its own."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from metrics.periodic_jobs import run_jobs_until_signal
from metrics.process_end import STOP_S
from metrics.terminal import print_line
from milepost.processes.background_jobs import Service, exchange_jobs, fetch_jobs, refresh_jobs, schedule_jobs
from milepost.processes.job_errors import JobWatch, guard_jobs
from poc.cli.operations.log_options import log_options, logger_of, new_run_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from metrics.periodic_jobs import PeriodicJob
    from milepost.context import WorkspaceContext

    JobGroup = Callable[[Service], dict[str, PeriodicJob]]

#: Seconds without a success after which the job of a process counts as stopped.
STOPPED_S = 60.0


@click.command()
@log_options
@click.pass_obj
def work(context: WorkspaceContext, log_format: str | None, log_level: str | None, log_file: Path | None) -> None:
    """Exchange files from the inboxes until a signal comes: any number of these processes share the work.

    Each feed is worked on by one of them at a time, in the order of its files. One that is killed loses its feeds to
    the others at once on the same machine, and within 15 seconds on another.
    """
    _run(context, (exchange_jobs,), log_format, log_level, log_file)


@click.command()
@log_options
@click.pass_obj
def watch(context: WorkspaceContext, log_format: str | None, log_level: str | None, log_file: Path | None) -> None:
    """Fetch files from the places of partners into the inboxes until a signal comes."""
    _run(context, (refresh_jobs, fetch_jobs), log_format, log_level, log_file)


@click.command()
@log_options
@click.pass_obj
def schedule(context: WorkspaceContext, log_format: str | None, log_level: str | None, log_file: Path | None) -> None:
    """Do what goes by the clock until a signal comes: expected files, notifications, the log of alerts, `[keep]`.

    Two of these processes at once miss nothing and tell nobody twice.
    """
    _run(context, (refresh_jobs, schedule_jobs), log_format, log_level, log_file)


def _run(
    context: WorkspaceContext,
    groups: Sequence[JobGroup],
    log_format: str | None,
    log_level: str | None,
    log_file: Path | None,
) -> None:
    """Run groups of jobs in this process until a signal comes, and end it with the exit code of the signal."""
    from poc.alerts.open_alerts import SharedAlerts
    from poc.logs.exchange_log import ExchangeLog
    from poc.logs.logger import close_logger
    from poc.service.private_files import make_private
    from poc.service.runner import tune_garbage_collector
    from poc.validation.live_workspace import LiveWorkspace

    note = make_private(context.workspace.root / "var")
    if note:
        print_line(f"milepost: {note}", err=True)
    logger = logger_of(log_format, log_level, log_file)
    stop = threading.Event()
    with ExitStack() as resources:
        resources.callback(close_logger, logger)
        log = ExchangeLog(logger, new_run_id())
        live = LiveWorkspace(context.workspace, log.problem, log.change)
        service = Service(context, live, stop.is_set, resources, logger, log, SharedAlerts())
        jobs = {name: job for group in groups for name, job in group(service).items()}
        tune_garbage_collector()
        code = run_jobs_until_signal(
            guard_jobs(jobs, JobWatch(STOPPED_S, time.monotonic), stop, log.problem), stop, STOP_S
        )
    sys.exit(code)
