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
from milepost.jobs import JobWatch, reporting_errors
from milepost.migration import read_feed_migration, read_migration, routed_partners
from milepost.repairs import list_held, read_held
from milepost.service_state import read_exchange_notes, read_service_state
from milepost.web_access import make_access, make_tls
from poc.cli.operations.log_options import log_options, logger_of, new_run_id

if TYPE_CHECKING:
    import logging
    import socket
    from collections.abc import Callable

    from dashboard.tls import TlsFront
    from milepost.context import WorkspaceContext
    from poc.alerts.open_alerts import SharedAlerts
    from poc.logs.exchange_log import ExchangeLog
    from poc.pickup.threads import PickupThreads
    from poc.validation.live_workspace import LiveWorkspace
    from roadmap.model import Verdict


#: Seconds between two looks into the inboxes.
SCAN_S = 1.0

#: Seconds between two judgements of the files that are expected.
EXPECT_S = 5.0

#: Seconds between two checks whether each place has its thread, and none hangs.
PICKUP_S = 5.0

#: Seconds without a look into the inboxes after which the service counts as stopped.
STOPPED_S = 60.0

#: Seconds between two comparisons of the open alerts with those that people were told of.
NOTIFY_S = 10.0

#: Seconds between two looks whether the digest by mail is due.
DIGEST_S = 60

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
@log_options
@click.pass_obj
def serve(
    context: WorkspaceContext,
    host: str,
    port: int,
    cert: Path | None,
    key: Path | None,
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
    tls = make_tls(context.workspace.settings.web, listener, cert, key)
    print_line(f"Dashboard: {url_of(listener) if tls is None else context.public_url} (Ctrl-C ends it)")
    sys.exit(serve_until_signal(context, listener, logger, tls))


def judge_today(context: WorkspaceContext) -> list[Verdict]:
    """Judge the milestones as of today, on the workspace's clock, and store the evaluations."""
    from roadmap.cli.main import judge_workspace

    return judge_workspace(context)


def make_pickup_job(live: LiveWorkspace, resources: ExitStack, report: Callable[[str], None]) -> Callable[[], object]:
    """Return the job that fetches files; it does and imports nothing before some feed has a pick-up."""
    threads: list[PickupThreads] = []

    def pick_up() -> None:
        if not threads:
            workspace = live.current
            if not any(workspace.get_feed(*key)[1].pickup for key in workspace.select_feeds(None)):
                return
            from time import time_ns

            from poc.pickup.threads import PickupThreads

            made = PickupThreads(lambda: live.current, lambda: time_ns() // 1000, os.environ, report)
            threads.append(resources.enter_context(made))
        threads[0]()

    return pick_up


def background_jobs(
    context: WorkspaceContext,
    live: LiveWorkspace,
    stop: Callable[[], bool],
    resources: ExitStack,
    logger: logging.Logger,
    log: ExchangeLog,
    alerts: SharedAlerts,
) -> dict[str, Callable[[], object]]:
    """Return the jobs of a running service by name, one function each; `resources` ends them, and `alerts` reads."""
    from contextlib import closing, nullcontext
    from datetime import UTC, datetime
    from functools import partial
    from time import time_ns

    from metrics.collector.collect import collect
    from metrics.export.data_dictionary import write_beside
    from metrics.store.database import open_store
    from milepost.digest import make_digest_job
    from poc.alerts.read_ledger import open_ledger_read_only
    from poc.ledger.opening import open_ledger
    from poc.logs.alert_log import AlertLog
    from poc.maintenance.retention import tidy
    from poc.notify.notifier import Notifier
    from poc.schedule.expectation_job import ExpectationJob
    from poc.service.worker import InboxWorker

    report = log.problem
    alert_log = AlertLog(logger, log.run_id)

    def log_alerts() -> None:
        ledger = open_ledger_read_only(live.current.ledger)
        with closing(ledger) if ledger is not None else nullcontext():
            alert_log.update(alerts(live.current, ledger, datetime.now(UTC), os.environ))

    def collect_spool() -> None:
        if context.workspace.spool.is_dir():
            with closing(open_store(context.store_of("live"), "live")) as db:
                collect(context.workspace.spool, db, time_ns() // 1000)

    now = partial(datetime.now, UTC)
    notifier = Notifier(lambda: live.current, now, os.environ, context.milestone_statuses, stop, alerts)

    def notify() -> None:
        for attempt in notifier.turn():
            if attempt.error:
                report(f"{attempt.notification.target}: not told: {attempt.error}; see `milepost notify ls`")

    def tidy_daily() -> None:
        if any(live.current.settings.keep.model_dump().values()):
            with closing(open_ledger(live.current.ledger)) as ledger:
                tidy(live.current, ledger, datetime.now(UTC), partial(context.remove_old_runs, dry_run=False))

    write_beside(context.store_of("live"))
    for problem in live.current.problems.values():
        report(f"{problem}; this partner is left out")
    worker = InboxWorker(
        live.current, lambda: datetime.now(UTC), context.release, stop, report, log.result, refresh=live.refresh
    )
    inboxes = resources.enter_context(worker)
    return {
        "exchange": inboxes.scan,
        "pickup": make_pickup_job(live, resources, report),
        "expect": ExpectationJob(lambda: live.current, lambda: datetime.now(UTC), report),
        "collect": collect_spool,
        "judge": partial(judge_today, context),
        "notify": notify,
        "alerts": log_alerts,
        "tidy": tidy_daily,
        "digest": make_digest_job(context, lambda: live.current.settings.digest, report),
    }


def serve_until_signal(
    context: WorkspaceContext, listener: socket.socket, logger: logging.Logger, tls: TlsFront | None = None
) -> int:
    """Serve the dashboard and run the jobs until a signal comes; the current job is finished first.

    Returns:
        130 after Ctrl-C, 143 after SIGTERM.
    """
    import threading
    from datetime import UTC, datetime
    from functools import partial

    from dashboard.config import Config
    from dashboard.server import run_server
    from metrics.periodic_jobs import PeriodicJob
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
    jobs = background_jobs(context, live, stop.is_set, resources, logger, log, alerts)
    watch = JobWatch(STOPPED_S, time.monotonic)
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
    guarded = partial(reporting_errors, report=log.problem)
    periodic_jobs = {  # in this order at the start, so that the judge sees collected runs
        "exchange": PeriodicJob(work=guarded(watch.of("exchange", jobs["exchange"])), every_s=SCAN_S, first_s=0),
        "pickup": PeriodicJob(work=guarded(jobs["pickup"]), every_s=PICKUP_S, first_s=0),
        "expect": PeriodicJob(work=guarded(jobs["expect"]), every_s=EXPECT_S, first_s=0),
        "collect": PeriodicJob(work=guarded(jobs["collect"]), every_s=2, first_s=1),
        # only the judge waits for a busy database: the next turn of the others comes soon
        "judge": PeriodicJob(work=guarded(jobs["judge"], stop.wait), every_s=86_400, first_s=3),
        "notify": PeriodicJob(work=guarded(jobs["notify"]), every_s=NOTIFY_S, first_s=5),
        "alerts": PeriodicJob(work=guarded(jobs["alerts"]), every_s=NOTIFY_S, first_s=5),
        "tidy": PeriodicJob(work=guarded(jobs["tidy"]), every_s=86_400, first_s=60),
        "digest": PeriodicJob(work=guarded(jobs["digest"]), every_s=DIGEST_S, first_s=10),
    }
    with resources:
        return run_server(config, listener, periodic_jobs, stop, STOP_S, gc_threshold=GC_THRESHOLD, tls=tls)
