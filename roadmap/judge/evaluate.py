"""From a store to verdicts: judged and kept, judged for a page, or judged as of an earlier day.

How evidence is found is told in `looks`, what is kept of it in `keeping`, and how plans stay visible in `revisions`.
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

    from metrics.measures.window import Read
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Plan

#: Statuses that a decision sets.
SET_BY_DECISION = frozenset({"paused", "stopped"})


def evaluate(db: Database, plan: Plan, today: date, built: int, now_us: int) -> list[Verdict]:
    """Judge all milestones and keep what is new: baselines are pinned, plans, evaluations and forecasts appended.

    The same evidence judged again on the same day adds nothing. A proof is kept as of the look that gave it.

    Raises:
        PlanError: a milestone that has started was changed without a new revision.
    """
    revisions.check_revisions(db, plan)
    revisions.record_plans(db, plan, today, now_us)
    for milestone in plan.milestones:
        for asked in milestone_questions(db, milestone, today).values():
            evaluations.pin_weights(db, asked, now_us)
    verdicts = []
    known: Read = {}
    for milestone in plan.milestones:
        windows = load_windows(db, milestone, today, known)
        evidence = gather_evidence(db, milestone, windows, today)
        verdict = judge(milestone, evidence, today, built)
        looked = with_inputs_hash(evidence.looked, windows)
        if evidence.proven_on and evidence.proof:
            then = replace(evidence, readings=evidence.proof, decision=None, spent=None, stalled_before=False)
            evaluations.record_evaluation(
                db, milestone, judge(milestone, then, evidence.proven_on, built), None, looked, now_us
            )
        evaluations.record_evaluation(db, milestone, verdict, evidence.decision, looked, now_us)
        verdicts.append(verdict)
    return verdicts


def days_to_judge(db: Database, today: date) -> list[date]:
    """The days to judge as of, in order; the last of them is today.

    In production that is today alone. A replay's calendar turns from block end to block end: those after the newest
    evaluation are judged first. Where that is today's already, as after another round over the same weeks, only today
    is judged: what was judged stays judged.
    """
    if clock_of(db) == "live":
        return [today]
    sql = (
        "SELECT DISTINCT block_end FROM run_block WHERE block_end < ? "
        "AND block_end > (SELECT COALESCE(MAX(as_of), '') FROM evaluation) ORDER BY block_end"
    )
    found = db.execute(sql, (today.isoformat(),)).fetchall()
    return [*(date.fromisoformat(end) for (end,) in found), today]


def judge_all(db: Database, plan: Plan, today: date, built: int) -> list[Verdict]:
    """Judge all milestones on a reader, keeping nothing: what pages show.

    Raises:
        PlanError: a milestone that has started was changed without a new revision.
    """
    revisions.check_revisions(db, plan)
    return _judge(db, plan, today, built)


def judge_as_of(db: Database, plan: Plan, day: date, built: int) -> tuple[Plan, list[Verdict]]:
    """Judge all milestones as they stood on an earlier day, by the plans of that day, keeping nothing.

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
    known: Read = {}
    return [
        judge(milestone, gather_evidence(db, milestone, load_windows(db, milestone, today, known), today), today, built)
        for milestone in plan.milestones
    ]


def judge_without_decisions(
    db: Database, plan: Plan, verdicts: Sequence[Verdict], today: date, built: int
) -> tuple[Verdict, ...]:
    """Return the verdicts of a plan, those set by a decision (paused, stopped) judged again without it.

    A decision stands beside what was computed, never instead of it.
    """
    found = []
    for milestone, verdict in zip(plan.milestones, verdicts, strict=True):
        if verdict.status not in SET_BY_DECISION:
            found.append(verdict)
            continue
        windows = load_windows(db, milestone, today)
        evidence = gather_evidence(db, milestone, windows, today)
        found.append(judge(milestone, replace(evidence, decision=None), today, built))
    return tuple(found)
