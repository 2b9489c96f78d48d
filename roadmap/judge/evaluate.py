"""Judge the milestones of a plan: recorded, for a page, or as of an earlier day.

Evidence is gathered first (`evidence`), then judged (`status`); `records.evaluations` records the result, and
`plan.revisions` the plans.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from metrics.store.database import clock_of
from roadmap.judge.evidence import gather_evidence, load_windows, milestone_questions
from roadmap.judge.status import judge
from roadmap.plan import revisions
from roadmap.records import evaluations
from roadmap.records.checkpoint import with_inputs_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_utils import Database

    from metrics.measures.window import RowCache
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Plan

#: Statuses set by a decision.
SET_BY_DECISION = frozenset({"paused", "stopped"})


def evaluate(db: Database, plan: Plan, today: date, built: int, now_us: int) -> list[Verdict]:
    """Judge all milestones and record what is new: pinned weights, plans, evaluations and forecasts.

    The same evidence judged again on the same day adds nothing. A proof is recorded as of the day that gave it.

    Raises:
        PlanError: a milestone that has started was changed without a new revision.
    """
    revisions.check_revisions(db, plan)
    revisions.record_plans(db, plan, today, now_us)
    for milestone in plan.milestones:
        for question in milestone_questions(db, milestone, today).values():
            evaluations.pin_weights(db, question, now_us)
    verdicts = []
    cache: RowCache = {}
    for milestone in plan.milestones:
        windows = load_windows(db, milestone, today, cache)
        evidence = gather_evidence(db, milestone, windows, today)
        verdict = judge(milestone, evidence, today, built)
        checkpoint = with_inputs_hash(evidence.checkpoint, windows)
        if evidence.proven_on and evidence.proof:
            then = replace(evidence, readings=evidence.proof, decision=None, spent=None, stalled_before=False)
            proof = judge(milestone, then, evidence.proven_on, built)
            evaluations.record_evaluation(db, milestone, proof, None, checkpoint, now_us)
        evaluations.record_evaluation(db, milestone, verdict, evidence.decision, checkpoint, now_us)
        verdicts.append(verdict)
    return verdicts


def days_to_judge(db: Database, today: date) -> list[date]:
    """Return the days to judge as of, in order; the last of them is today.

    In production that is today alone. In a replay it is the end of every block after the newest evaluation. Where the
    newest evaluation is of today already, as after another round over the same weeks, only today is judged again.
    """
    if clock_of(db) == "live":
        return [today]
    sql = (
        "SELECT DISTINCT block_end FROM run_block WHERE block_end < ? "
        "AND block_end > (SELECT COALESCE(MAX(as_of), '') FROM evaluation) ORDER BY block_end"
    )
    rows = db.execute(sql, (today.isoformat(),)).fetchall()
    return [*(date.fromisoformat(end) for (end,) in rows), today]


def judge_all(db: Database, plan: Plan, today: date, built: int) -> list[Verdict]:
    """Judge all milestones for a page, recording nothing.

    Raises:
        PlanError: a milestone that has started was changed without a new revision.
    """
    revisions.check_revisions(db, plan)
    return _judge(db, plan, today, built)


def judge_as_of(db: Database, plan: Plan, day: date, built: int) -> tuple[Plan, list[Verdict]]:
    """Judge all milestones as of an earlier day, by the plans of that day, recording nothing.

    Returns:
        The plan of that day, and its verdicts.

    Raises:
        PlanError: a milestone that has started was changed without a new revision.
    """
    revisions.check_revisions(db, plan)
    then = tuple(revisions.plan_in_force(db, milestone, day) for milestone in plan.milestones)
    as_planned = plan.model_copy(update={"milestones": then})
    return as_planned, _judge(db, as_planned, day, built)


def _judge(db: Database, plan: Plan, today: date, built: int) -> list[Verdict]:
    cache: RowCache = {}
    return [
        judge(milestone, gather_evidence(db, milestone, load_windows(db, milestone, today, cache), today), today, built)
        for milestone in plan.milestones
    ]


def judge_without_decisions(
    db: Database, plan: Plan, verdicts: Sequence[Verdict], today: date, built: int
) -> tuple[Verdict, ...]:
    """Return the verdicts of a plan; those set by a decision (paused, stopped) are judged again without it.

    A page shows a decision beside the computed status, never instead of it.
    """
    result = []
    for milestone, verdict in zip(plan.milestones, verdicts, strict=True):
        if verdict.status not in SET_BY_DECISION:
            result.append(verdict)
            continue
        windows = load_windows(db, milestone, today)
        evidence = gather_evidence(db, milestone, windows, today)
        result.append(judge(milestone, replace(evidence, decision=None), today, built))
    return tuple(result)
