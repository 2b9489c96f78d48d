"""`milepost serve`: the dashboard, and the work a running service does by itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from milepost.errors import BUSY, describe_error

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from milepost.context import WorkspaceContext
    from roadmap.model import Verdict


#: Seconds until a job that found the database in use is tried again, where its next turn is far off.
RETRY_BUSY_S = 60.0


#: Seconds for which the dashboard shows what it has read before it reads what came since.
VIEW_KEPT_S = 2.0


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address; no other is served.")
@click.option("--port", default=8765, show_default=True, help="0 takes a free one.")
@click.pass_obj
def serve(front: WorkspaceContext, host: str, port: int) -> None:
    """Show the dashboard, exchange what arrives in the inboxes, collect, and judge once a day."""
    from dashboard.server import address_of, listen

    _ = front.workspace  # a mistake in it is told before anything is served
    listener = listen(host, port)
    click.echo(f"Dashboard: {address_of(listener)} (Ctrl-C ends it)")
    sys.exit(serve_until_signal(front, listener))


def judge_today(front: WorkspaceContext) -> list[Verdict]:
    """Judge the milestones as of today, on the workspace's clock, and keep the evaluations."""
    from roadmap.cli.main import judge_workspace

    return judge_workspace(front)


def background_jobs(front: WorkspaceContext, stop: Callable[[], bool]) -> dict[str, Callable[[], object]]:
    """The work that a running service does by itself, one function a job."""
    from contextlib import closing
    from datetime import UTC, datetime
    from time import time_ns

    from metrics.collector.collect import collect
    from metrics.export.data_dictionary import write_beside
    from metrics.store.database import open_store
    from poc.service.worker import InboxWorker

    def say(line: str) -> None:
        click.echo(f"milepost: {line}", err=True)

    def collect_spool() -> None:
        if front.workspace.spool.is_dir():
            with closing(open_store(front.store_of("live"), "live")) as db:
                collect(front.workspace.spool, db, time_ns() // 1000)

    write_beside(front.store_of("live"))
    inboxes = InboxWorker(front.workspace, lambda: datetime.now(UTC), front.release, stop, say)
    return {"exchange": inboxes.turn, "collect": collect_spool, "judge": lambda: judge_today(front)}


def serve_until_signal(front: WorkspaceContext, listener: socket.socket) -> int:
    """Serve the dashboard and do the jobs until a signal comes; what is under way is ended first.

    Returns:
        130 after Ctrl-C, 143 after SIGTERM.
    """
    import threading
    from datetime import UTC, datetime

    from dashboard.config import Config
    from dashboard.server import PeriodicJob, serve_with

    told = threading.Event()
    todo = background_jobs(front, told.is_set)
    config = Config(
        store=front.store,
        milestones=front.milestones,
        built=front.built,
        workspace_name=front.workspace.settings.name,
        clock=front.clock,
        today=lambda: datetime.now(UTC).date(),
        now=lambda: datetime.now(UTC),
        spool=front.workspace.spool if front.clock == "live" else None,
        keep_s=VIEW_KEPT_S,
    )
    turns = {  # what is judged has been collected
        "exchange": PeriodicJob(work=reporting_errors(todo["exchange"]), every_s=5, first_s=0),
        "collect": PeriodicJob(work=reporting_errors(todo["collect"]), every_s=2, first_s=1),
        "judge": PeriodicJob(
            work=reporting_errors(todo["judge"], told.wait), every_s=86_400, first_s=3
        ),  # the others soon have another
    }
    return serve_with(config, listener, turns, told)


def reporting_errors(job: Callable[[], object], pause: Callable[[float], bool] | None = None) -> Callable[[], None]:
    """The job, saying on stderr in one line what it could not do; it is tried again at its next turn.

    With a `pause` (seconds in, whether to stop out) a job that found the database in use is tried again after
    `SOON_S`, until it was done or the pause says to stop.
    """

    def turn() -> int | None:
        try:
            job()
        except Exception as error:
            said, code = describe_error(error)
            if code is None:
                raise
            click.echo(f"milepost: {said}", err=True)
            return code
        return None

    def run() -> None:
        while turn() == BUSY and pause is not None and not pause(RETRY_BUSY_S):
            pass

    return run
