"""The background jobs of a running service, in the groups that a process of their own can run."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import time_ns
from typing import TYPE_CHECKING

from metrics.periodic_jobs import PeriodicJob

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from milepost.context import WorkspaceContext
    from poc.alerts.open_alerts import SharedAlerts
    from poc.logs.exchange_log import ExchangeLog
    from poc.pickup.threads import PickupThreads
    from poc.validation.live_workspace import LiveWorkspace
    from roadmap.model import Verdict

#: Seconds between two looks into the inboxes.
SCAN_S = 1.0

#: Seconds between two looks whether files of the workspace have changed, in a process without inboxes.
REFRESH_S = 1.0

#: Seconds between two judgements of the files that are expected.
EXPECT_S = 5.0

#: Seconds between two checks whether each place has its thread, and none hangs.
PICKUP_S = 5.0

#: Seconds between two comparisons of the open alerts with those that people were told of.
NOTIFY_S = 10.0

#: Seconds between two looks for receipts that are to be written.
RECEIPTS_S = 2.0

#: Seconds between two looks whether the digest by mail is due.
DIGEST_S = 60.0

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Service:
    """What the jobs of a process share: its workspace, log and open alerts. `resources` ends what the jobs begin."""

    context: WorkspaceContext
    live: LiveWorkspace
    stop: Callable[[], bool]
    resources: ExitStack
    logger: logging.Logger
    log: ExchangeLog
    alerts: SharedAlerts


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


def refresh_jobs(service: Service) -> dict[str, PeriodicJob]:
    """Return the job that reads changed files of the workspace, for a process without `exchange_jobs`."""
    return {"refresh": PeriodicJob(work=service.live.refresh, every_s=REFRESH_S)}


def exchange_jobs(service: Service) -> dict[str, PeriodicJob]:
    """Return the job that exchanges the files in the inboxes, and what is due."""
    from poc.service.worker import InboxWorker

    live, log = service.live, service.log
    for problem in live.current.problems.values():
        log.problem(f"{problem}; this partner is left out")
    worker = InboxWorker(
        live.current, utc_now, service.context.release, service.stop, log.problem, log.result, refresh=live.refresh
    )
    inboxes = service.resources.enter_context(worker)
    return {"exchange": PeriodicJob(work=inboxes.scan, every_s=SCAN_S)}


def fetch_jobs(service: Service) -> dict[str, PeriodicJob]:
    """Return the job that fetches files from places; it does and imports nothing before some feed has a pick-up."""
    live = service.live
    threads: list[PickupThreads] = []

    def pick_up() -> None:
        if not threads:
            workspace = live.current
            if not any(workspace.get_feed(*key)[1].pickup for key in workspace.select_feeds(None)):
                return
            from poc.pickup.threads import PickupThreads

            made = PickupThreads(lambda: live.current, lambda: time_ns() // 1000, os.environ, service.log.problem)
            threads.append(service.resources.enter_context(made))
        threads[0]()

    return {"pickup": PeriodicJob(work=pick_up, every_s=PICKUP_S)}


def schedule_jobs(service: Service) -> dict[str, PeriodicJob]:
    """Return the jobs that go by the clock: what is expected, whom to notify, what to write, to log and to remove."""
    from milepost.receipts import make_receipt_job
    from poc.alerts.read_ledger import open_ledger_read_only
    from poc.ledger.opening import open_ledger
    from poc.logs.alert_log import AlertLog
    from poc.maintenance.retention import tidy
    from poc.notify.notifier import Notifier
    from poc.schedule.expectation_job import ExpectationJob

    context, live, report = service.context, service.live, service.log.problem
    alert_log = AlertLog(service.logger, service.log.run_id)
    notifier = Notifier(
        lambda: live.current, utc_now, os.environ, context.milestone_statuses, service.stop, service.alerts
    )

    def log_alerts() -> None:
        ledger = open_ledger_read_only(live.current.ledger)
        with closing(ledger) if ledger is not None else nullcontext():
            alert_log.update(service.alerts(live.current, ledger, utc_now(), os.environ))

    def notify() -> None:
        for attempt in notifier.turn():
            if attempt.error:
                report(f"{attempt.notification.target}: not told: {attempt.error}; see `milepost notify ls`")

    def tidy_daily() -> None:
        if any(live.current.settings.keep.model_dump().values()):
            with closing(open_ledger(live.current.ledger)) as ledger:
                tidy(live.current, ledger, utc_now(), partial(context.remove_old_runs, dry_run=False))

    return {
        "expect": PeriodicJob(work=ExpectationJob(lambda: live.current, utc_now, report), every_s=EXPECT_S),
        "notify": PeriodicJob(work=notify, every_s=NOTIFY_S, first_s=5),
        "alerts": PeriodicJob(work=log_alerts, every_s=NOTIFY_S, first_s=5),
        "receipts": PeriodicJob(
            work=make_receipt_job(lambda: live.current, service.stop), every_s=RECEIPTS_S, first_s=2
        ),
        "tidy": PeriodicJob(work=tidy_daily, every_s=DAY_S, first_s=60),
    }


def evidence_jobs(service: Service) -> dict[str, PeriodicJob]:
    """Return the jobs of measuring: collect runs, judge the milestones once a day, mail the digest."""
    from metrics.collector.collect import collect
    from metrics.export.data_dictionary import write_beside
    from metrics.store.database import open_store
    from milepost.digest import make_digest_job

    context, live = service.context, service.live

    def collect_spool() -> None:
        if context.workspace.spool.is_dir():
            with closing(open_store(context.store_of("live"), "live")) as db:
                collect(context.workspace.spool, db, time_ns() // 1000)

    write_beside(context.store_of("live"))
    digest = make_digest_job(context, lambda: live.current.settings.digest, service.log.problem)
    return {  # in this order at the start, so that the judge sees collected runs
        "collect": PeriodicJob(work=collect_spool, every_s=2, first_s=1),
        "judge": PeriodicJob(work=partial(judge_today, context), every_s=DAY_S, first_s=3),
        "digest": PeriodicJob(work=digest, every_s=DIGEST_S, first_s=10),
    }


def judge_today(context: WorkspaceContext) -> list[Verdict]:
    """Judge the milestones as of today, on the workspace's clock, and store the evaluations."""
    from roadmap.cli.main import judge_workspace

    return judge_workspace(context)
