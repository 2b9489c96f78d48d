"""`milepost serve`: the dashboard, and the background jobs of a running service."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metrics.process_end import STOP_S
from metrics.terminal import print_line
from milepost.acts import find_target, make_doers
from milepost.intake import make_intake
from milepost.migration import read_feed_migration, read_migration, routed_partners
from milepost.processes.background_jobs import (
    Service,
    evidence_jobs,
    exchange_jobs,
    fetch_jobs,
    refresh_jobs,
    schedule_jobs,
)
from milepost.processes.job_errors import JobWatch, guard_jobs
from milepost.repairs import list_held, read_held
from milepost.service_state import read_exchange_notes, read_service_state
from milepost.web_access import make_access, make_tls
from poc.cli.operations.log_options import log_options, logger_of, new_run_id

if TYPE_CHECKING:
    import logging
    import socket

    from dashboard.tls import TlsFront
    from milepost.context import WorkspaceContext


#: Seconds without a look into the inboxes after which the service counts as stopped.
STOPPED_S = 60.0

#: Seconds for which the dashboard shows a view before it reads newer data.
VIEW_KEPT_S = 2.0

#: New objects after which garbage is collected, once the pages are warm. Python's default, 700, collects several times
#: while a view is made; a higher one makes each pause longer, by about 1 ms for 1,000 objects.
GC_THRESHOLD = 2_000


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on; any but loopback needs a sign-in, `[web]` in `milepost.toml`.",
)
@click.option("--port", default=8765, show_default=True, help="0 takes a free one.")
@click.option(
    "--cert",
    type=click.Path(path_type=Path),
    help="Speak TLS with this certificate and its chain, PEM; a renewed one is taken within a minute.",
)
@click.option("--key", type=click.Path(path_type=Path), help="The key of the certificate, PEM, without a password.")
@click.option(
    "--pages-only",
    is_flag=True,
    help="Only show the dashboard, collect and judge: `milepost work`, `watch` and `schedule` do the rest.",
)
@log_options
@click.pass_obj
def serve(
    context: WorkspaceContext,
    host: str,
    port: int,
    cert: Path | None,
    key: Path | None,
    pages_only: bool,
    log_format: str | None,
    log_level: str | None,
    log_file: Path | None,
) -> None:
    """Show the dashboard, exchange files from the inboxes, collect, and judge once a day.

    Each exchange is a line in the log, as is each problem when it begins and when it ends.
    """
    from dashboard.server import listen, url_of
    from poc.service.private_files import make_private

    note = make_private(context.workspace.root / "var")  # a mistake in the workspace is reported before it is served
    if note:
        print_line(f"milepost: {note}", err=True)
    logger = logger_of(log_format, log_level, log_file)
    listener = listen(host, port, has_accounts=context.workspace.settings.web.sign_in != "none")
    with ExitStack() as refused:
        refused.callback(listener.close)
        tls = make_tls(context.workspace.settings.web, listener, cert, key)
        refused.pop_all()
    print_line(f"Dashboard: {url_of(listener) if tls is None else context.public_url} (Ctrl-C ends it)")
    sys.exit(serve_until_signal(context, listener, logger, tls, pages_only=pages_only))


def serve_until_signal(
    context: WorkspaceContext,
    listener: socket.socket,
    logger: logging.Logger,
    tls: TlsFront | None = None,
    *,
    pages_only: bool = False,
) -> int:
    """Serve the dashboard and run the jobs until a signal comes; the current job is finished first.

    With `pages_only`, other processes exchange, fetch and do what goes by the clock.

    Returns:
        130 after Ctrl-C, 143 after SIGTERM.
    """
    import threading
    from datetime import UTC, datetime
    from functools import partial

    from dashboard.config import Config
    from dashboard.server import run_server
    from poc.alerts.open_alerts import SharedAlerts
    from poc.logs.exchange_log import ExchangeLog
    from poc.logs.logger import close_logger
    from poc.validation.live_workspace import LiveWorkspace

    stop = threading.Event()
    resources = ExitStack()
    resources.callback(close_logger, logger)
    log = ExchangeLog(logger, new_run_id())
    live = LiveWorkspace(context.workspace, log.problem, log.change)
    alerts = SharedAlerts()
    service = Service(context, live, stop.is_set, resources, logger, log, alerts)
    parts = (refresh_jobs, evidence_jobs) if pages_only else (exchange_jobs, fetch_jobs, schedule_jobs, evidence_jobs)
    watch = JobWatch(STOPPED_S, time.monotonic)
    jobs = guard_jobs({name: job for part in parts for name, job in part(service).items()}, watch, stop, log.problem)
    config = Config(
        store=context.store,
        milestones=context.milestones,
        built=context.built,
        workspace_name=context.workspace.settings.name,
        clock=context.clock,
        today=lambda: datetime.now(UTC).date(),
        now=lambda: datetime.now(UTC),
        spool=context.workspace.spool if context.clock == "live" else None,
        keep_s=VIEW_KEPT_S,
        doers=make_doers(context),
        find_target=partial(find_target, context),
        intake=make_intake(lambda: live.current) if context.clock == "live" else None,
        list_held=partial(list_held, context),
        read_held=partial(read_held, context),
        access=make_access(context.workspace.settings.web, context.root),
        service=(lambda: read_service_state(live.current, datetime.now(UTC), os.environ, alerts))
        if context.clock == "live"
        else None,
        routed_partners=(lambda: routed_partners(live.current)) if context.clock == "live" else tuple,
        migration=(lambda: read_migration(live.current, datetime.now(UTC))) if context.clock == "live" else None,
        read_route=(lambda partner, feed: read_feed_migration(live.current, partner, feed, datetime.now(UTC)))
        if context.clock == "live"
        else None,
        stopped_jobs=watch.stopped,
        exchange_notes=lambda: read_exchange_notes(live.current),
    )
    with resources:
        return run_server(config, listener, jobs, stop, STOP_S, gc_threshold=GC_THRESHOLD, tls=tls)
