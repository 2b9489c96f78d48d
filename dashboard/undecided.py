"""Verdicts as the numbers alone have them: where somebody paused or stopped a milestone, as if nobody had.

A decision stands beside what was computed, never instead of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from roadmap.judge.evidence import gather, windows_of
from roadmap.judge.status import judge

if TYPE_CHECKING:
    from sqlite_utils import Database

    from dashboard.view import View
    from roadmap.model import Verdict

#: Statuses that a decision sets.
SET_BY_DECISION = frozenset({"paused", "stopped"})


def undecided(db: Database, view: View) -> tuple[Verdict, ...]:
    """The verdicts of a view in the plan's order, those that a decision has set judged again without it."""
    found = []
    for milestone, verdict in zip(view.plan.milestones, view.verdicts, strict=True):
        if verdict.status not in SET_BY_DECISION:
            found.append(verdict)
            continue
        windows = windows_of(db, milestone, view.today)
        evidence = gather(db, milestone, windows, view.today, view.built)
        found.append(judge(milestone, replace(evidence, decision=None), view.today, view.built))
    return tuple(found)
