"""What `GET /metrics` answers: the rollups and where the milestones stand, as OpenMetrics."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from metrics.errors import StoreDamaged, StoreMissing
from metrics.openmetrics import about, families, render, statuses
from metrics.store import clock_of, open_reader
from metrics.store import today as replayed_today
from roadmap.evidence import judge_all
from roadmap.plan import load
from roadmap.verdict import block_days
from roadmap.words import STATUS

if TYPE_CHECKING:
    from prometheus_client import Metric

    from dashboard.config import Config


def exposition(config: Config, accept: str) -> tuple[bytes, str]:
    """The text and its content type; without a store, the workspace alone.

    Raises:
        StoreDamaged: the store is not one, or of the other clock.
        PlanError: the milestone file cannot be used.
    """
    found: list[Metric] = [about(config.workspace_name, config.clock)]
    try:
        db = open_reader(config.store)
    except StoreMissing:
        return render(found, accept)
    with closing(db):
        if clock_of(db) != config.clock:
            raise StoreDamaged(f"{config.store}: holds {clock_of(db)} runs, not {config.clock} ones")
        live = config.clock == "live"
        found += families(db, int(datetime.now(UTC).timestamp() * 1e6) if live else None)
        last = replayed_today(db)
        if last is not None:
            today = config.today() if live and config.today else date.fromisoformat(last)
            verdicts = judge_all(db, load(config.milestones, block_days(config.clock)), today, config.built)
            found.append(statuses(((verdict.code, verdict.status) for verdict in verdicts), STATUS))
    return render(found, accept)
