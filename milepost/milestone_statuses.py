"""The statuses of the milestones, as notifications tell of them: the newest that a judgement has recorded."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from poc.notify.notification import StatusReport

#: Statuses of which people hear as of a critical alert.
CRITICAL = {"missed", "stalled"}


def read_statuses(store: Path, milestones: Path, clock: str) -> list[StatusReport]:
    """Return the newest recorded status of each milestone of a plan.

    Empty while none is recorded, or the plan or the metrics database cannot be used, as judging reports.
    """
    import sqlite3

    from metrics.errors import MetricsError
    from metrics.question import block_days
    from metrics.store.database import open_reader
    from poc.notify.notification import StatusReport
    from roadmap.errors import PlanError
    from roadmap.plan.loader import load_plan
    from roadmap.records.evaluations import newest_evaluations
    from roadmap.wording.verdicts import STATUS

    if not store.is_file():
        return []
    try:
        plan = {milestone.code for milestone in load_plan(milestones, block_days(clock)).milestones}
        with closing(open_reader(store)) as db:
            evaluations = newest_evaluations(db)
    except (PlanError, MetricsError, sqlite3.DatabaseError):
        return []
    return [
        StatusReport(
            kind="milestone_status",
            subject=evaluation["code"],
            status=STATUS.get(evaluation["status"], evaluation["status"]),
            severity="critical" if evaluation["status"] in CRITICAL else "warning",
            summary=": ".join([f"{evaluation['code']} {evaluation['title']}", *evaluation["reasons"][:1]]),
            next_step=f"milepost roadmap show {evaluation['code']}",
        )
        for evaluation in evaluations
        if evaluation["code"] in plan
    ]
