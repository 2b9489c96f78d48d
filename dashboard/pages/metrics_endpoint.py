"""`GET /metrics`: the rollups, the status of the milestones and the state of the service as OpenMetrics.

If the milestone file cannot be used, the rollups are still exported, and a gauge says that the plan is invalid. The
pages say what is wrong in the file.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from dashboard.cache.scoped_plan import scope_plan
from dashboard.cache.scoped_store import open_scoped
from dashboard.service_state import ServiceUnreadable
from metrics.errors import StoreDamaged, StoreMissing
from metrics.export.openmetrics import metric_families, plan_valid_family, render, status_family, workspace_family
from metrics.export.service_gauges import GAUGES, breaker_family, gauge_families
from metrics.question import block_days
from metrics.store.database import clock_of
from metrics.store.series import last_evidence_day as replayed_today
from roadmap.errors import PlanError
from roadmap.judge.evaluate import judge_all
from roadmap.plan.loader import load_plan
from roadmap.plan.revisions import check_revisions
from roadmap.wording.verdicts import STATUS

if TYPE_CHECKING:
    from prometheus_client import Metric
    from sqlite_utils import Database

    from dashboard.cache.service_reader import ServiceReader
    from dashboard.config import Config
    from dashboard.service_state import ServiceState


def exposition(config: Config, service: ServiceReader[ServiceState], accept: str) -> tuple[bytes, str]:
    """Return the text and its content type; without a store, the workspace, whether its plan is valid, and the service.

    Raises:
        StoreDamaged: the file is not a metrics database, or one of the other clock.
    """
    families: list[Metric] = [workspace_family(config.workspace_name, config.clock), *service_families(service)]
    try:
        db = open_scoped(config.store, config.scope)
    except StoreMissing:
        return render([*families, *_plan_families(config, None)], accept)
    with closing(db):
        if clock_of(db) != config.clock:
            raise StoreDamaged(f"{config.store}: holds {clock_of(db)} runs, not {config.clock} ones")
        live = config.clock == "live"
        families += metric_families(db, int(datetime.now(UTC).timestamp() * 1e6) if live else None)
        families += _plan_families(config, db)
    return render(families, accept)


def _plan_families(config: Config, db: Database | None) -> list[Metric]:
    """Return whether the plan is valid, and the status of its milestones once a run was measured."""
    statuses: list[Metric] = []
    try:
        plan = scope_plan(load_plan(config.milestones, block_days(config.clock)), config.scope)
        last = replayed_today(db) if db else None
        if db and last is not None:
            today = config.today() if config.clock == "live" and config.today else date.fromisoformat(last)
            verdicts = judge_all(db, plan, today, config.built)
            statuses.append(status_family(((verdict.code, verdict.status) for verdict in verdicts), STATUS))
        elif db:
            check_revisions(db, plan)
    except PlanError:
        return [plan_valid_family(is_valid=False)]
    return [plan_valid_family(is_valid=True), *statuses]


def service_families(service: ServiceReader[ServiceState]) -> list[Metric]:
    """Return the gauges of the service; none where there is no service, only one where its state cannot be read."""
    try:
        state = service.current()
    except ServiceUnreadable:
        return gauge_families({"milepost_service_readable": [((), 0)]})
    if state is None:
        return []
    samples: dict[str, list[tuple[tuple[str, ...], float]]] = {name: [] for name in GAUGES}
    samples["milepost_service_readable"].append(((), 1))
    for problem in state.problems:
        labels = (problem.kind, problem.severity, problem.partner, problem.feed)
        samples["milepost_open_alerts"].append((labels, problem.alerts))
    for feed in state.feeds:
        name = (feed.partner, feed.feed)
        for outcome, count in (("due", feed.due), ("failed", feed.failed), ("refused", feed.refused)):
            samples["milepost_exchanges_waiting"].append(((*name, outcome), count))
        samples["milepost_ambiguous_requests"].append((name, feed.ambiguous))
        samples["milepost_quarantined_rows_held"].append((name, feed.held_rows))
        samples["milepost_overdue_files"].append((name, feed.overdue))
        if feed.oldest_due_at is not None:
            age_s = (state.at - feed.oldest_due_at).total_seconds()
            samples["milepost_oldest_due_age_seconds"].append((name, age_s))
        if feed.last_good_at is not None:
            samples["milepost_last_good_exchange_timestamp_seconds"].append((name, feed.last_good_at.timestamp()))
    breakers = [(breaker.partner, breaker.feed, breaker.state) for breaker in state.breakers]
    return [*gauge_families(samples), breaker_family(breakers)]
