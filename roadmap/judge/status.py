"""Judge a milestone on its evidence: status, criteria, forecasts, reasons and advice. Pure: no database, no clock.

The statuses form a table; the first row that fits counts. Each reason carries its numbers and says what would change
it; there is no combined score.

A capability that is not built excuses its milestone only until first evidence was due. From then on the milestone has
stalled, and past its due date it is missed; otherwise a capability that is never built would stay "not started" for
ever, never stalled and never late. A capability that was measured has been built, whatever level is built today, and is
judged by its evidence.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from roadmap.criteria import Criterion, judge_criteria
from roadmap.forecast.forecast import forecast_targets
from roadmap.judge import reasons
from roadmap.judge.advice import advise
from roadmap.model import Evidence, Reason, Verdict, last_finished_day
from roadmap.wording.dates import day
from roadmap.wording.decisions import DECIDED
from roadmap.wording.numbers import plural

if TYPE_CHECKING:
    from datetime import date

    from roadmap.model import Forecast
    from roadmap.plan.milestones import Milestone


def judge(milestone: Milestone, evidence: Evidence, today: date, built: int) -> Verdict:
    """Return the verdict on a milestone; `built` is the highest service level built today."""
    # the one evaluation of `fixed`, on the due date, waits until that day is complete; a proof did
    last_day = today if evidence.proven_on else last_finished_day(evidence.mode, today)
    done = judge_criteria(milestone, evidence.readings, last_day, evidence.met_on)
    foreseen = () if evidence.proven_on else forecast_targets(milestone, evidence.readings, today, evidence.last_day)
    status, why = _status(milestone, evidence, done, foreseen, today, built)
    if status not in {"proven", "stopped"}:
        why += reasons.pause_over(evidence.decision, today)
    computed = status
    if evidence.decision and evidence.decision.holds(today):  # the advice is on the status without it
        computed, _ = _status(milestone, replace(evidence, decision=None), done, foreseen, today, built)
    return Verdict(
        code=milestone.code,
        title=milestone.title,
        objective=milestone.objective,
        subject=milestone.subject,
        owner=milestone.owner,
        start=milestone.start,
        due=milestone.due,
        first_due=evidence.first_due or milestone.due,
        revision=max(milestone.revision, evidence.plan_revision),
        last_start=milestone.last_start(evidence.block_days),
        status=status,
        as_of=today,
        reasons=tuple(why),
        criteria=done,
        forecasts=foreseen,
        proven_on=evidence.proven_on,
        measured_from=evidence.first_day,
        measured_to=evidence.last_day,
        spent=evidence.spent,
        budget=milestone.budget,
        checkin=evidence.checkin,
        counts=milestone.checkin.what if milestone.checkin else "",
        advice=advise(computed, stalled_before=evidence.stalled_before, decision=evidence.decision, today=today),
    )


def gate_exit_code(verdict: Verdict, *, allow_insufficient: bool = False) -> int:
    """Return the exit code of a gate: 0 proven, 5 failed (missed, not met, breached), 6 everything else.

    `allow_insufficient` lets a milestone pass that has not failed and only lacks evidence: `insufficient` and
    `on_track`, but not if some of its evidence is of a kind that can never count.
    """
    if verdict.status == "proven":
        return 0
    if verdict.status == "missed" or any(c.verdict in {"not_met", "breached"} for c in verdict.criteria):
        return 5
    waiting = verdict.status in {"insufficient", "on_track"} and all(c.valid for c in verdict.criteria)
    return 0 if allow_insufficient and waiting else 6


def _status(
    milestone: Milestone,
    evidence: Evidence,
    done: tuple[Criterion, ...],
    foreseen: tuple[Forecast, ...],
    today: date,
    built: int,
) -> tuple[str, list[Reason]]:
    """Return the status of the first row of the table that fits, with its reasons."""
    days, decision = evidence.block_days, evidence.decision
    if evidence.proven_on is not None:
        return "proven", list(reasons.proven(milestone, evidence.proven_on, done, days, evidence.planned_on))
    if decision and decision.holds(today):
        return DECIDED[decision.choice], [reasons.paused_or_stopped(decision)]
    unbuilt = list(reasons.not_built(milestone, built))
    if today < milestone.start:
        return "not_started", [*unbuilt, *reasons.starts_later(milestone, today)]
    if not milestone.is_measured:
        return "reported", [reasons.reported(milestone, evidence.checkin, today)]
    open_ones = [reasons.open_criterion(c, days) for c in done if c.verdict not in {"met", "held"}]
    if today > milestone.due:
        late = plural((today - milestone.due).days, "day")
        text = f"due {day(milestone.due)}, {late} ago, and not proven"
        return "missed", [Reason(code="missed", text=text, change="a late proof, or a re-plan"), *unbuilt, *open_ones]
    if unbuilt and evidence.first_day is None and not reasons.first_evidence_overdue(milestone, evidence, today):
        return "not_started", unbuilt
    if stall := list(reasons.stalled(milestone, evidence, today, built)):
        return "stalled", stall
    risks = [
        *reasons.fact_risks(milestone, evidence, done, foreseen, today),
        *reasons.forecast_risks(milestone, done, foreseen, days),
    ]
    if risks:
        return "at_risk", risks
    return _open_status(done, open_ones, days)


def _open_status(done: tuple[Criterion, ...], open_ones: list[Reason], days: int) -> tuple[str, list[Reason]]:
    """Return the status of a milestone with time left, and nothing known against it."""
    if lacking := sum(not c.enough for c in done):
        verb = "has" if len(done) == 1 else "have"
        targets = plural(len(done), "target")
        text = f"{lacking} of {targets} {verb} too little evidence for a verdict"
        if wrong := [c for c in done if not c.valid]:
            text = f"{len(wrong)} of {targets} {verb} evidence that cannot count: {wrong[0].why}"
        change = reasons.would_change("insufficient", days)
        return "insufficient", [Reason(code="insufficient", text=text, change=change), *open_ones]
    reached = sum(c.verdict in {"met", "held"} for c in done)
    text = f"{reached} of {plural(len(done), 'target')} reached so far, none of them failed"
    change = "a target found out of reach, or silence"
    return "on_track", [Reason(code="on_track", text=text, change=change), *open_ones]
