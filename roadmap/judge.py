"""A milestone and its evidence in, a verdict with reasons out. Pure: no database, no clock.

Statuses follow the table of evidence.md from the top, and the first that fits counts. Each reason carries its numbers
and says what would change it; no score mixes things that do not mix.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from metrics.measures import MEASURES
from roadmap import words
from roadmap.advice import Advice
from roadmap.criteria import Criterion, complete, criteria
from roadmap.forecast import forecasts
from roadmap.plan import BLOCK_DAYS
from roadmap.verdict import Decision, Evidence, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from roadmap.plan import Milestone

#: Working days without an evidence event after which a milestone has stalled.
QUIET_WORKING_DAYS = 10

__all__ = [
    "Criterion",
    "Decision",
    "Evidence",
    "Reason",
    "Verdict",
    "complete",
    "criteria",
    "gate",
    "judge",
    "working_days",
]


def judge(milestone: Milestone, evidence: Evidence, today: date, built: int) -> Verdict:
    """The verdict on a milestone; `built` is the highest service level that stands today."""
    done = criteria(milestone, evidence.readings, today, evidence.met_on)
    status, reasons = _status(milestone, evidence, done, today, built)
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
        reasons=tuple(reasons),
        criteria=done,
        forecasts=() if evidence.proven_on else forecasts(milestone, evidence.readings, today, evidence.last_day),
        proven_on=evidence.proven_on,
        spent=evidence.spent,
        budget=milestone.budget,
        advice=Advice(choice="continue", text=""),
    )


def gate(verdict: Verdict, *, allow_insufficient: bool = False) -> int:
    """Exit code of a gate: 0 proven, 5 failed (missed, not met, breached), 6 everything else.

    `allow_insufficient` lets pass what has not failed and merely lacks evidence yet: `insufficient` and `on_track`.
    """
    if verdict.status == "proven":
        return 0
    if verdict.status == "missed" or any(c.verdict in {"not_met", "breached"} for c in verdict.criteria):
        return 5
    return 0 if allow_insufficient and verdict.status in {"insufficient", "on_track"} else 6


def _status(
    milestone: Milestone, evidence: Evidence, done: tuple[Criterion, ...], today: date, built: int
) -> tuple[str, list[Reason]]:
    if evidence.proven_on is not None:
        return "proven", list(_proven(milestone, evidence.proven_on, done))
    decision = evidence.decision
    if decision and decision.choice in {"pause", "stop"}:
        return {"pause": "paused", "stop": "stopped"}[decision.choice], [_decided(decision)]
    waiting = list(_not_started(milestone, today, built))
    if waiting:
        return "not_started", waiting
    open_ones = [_open(c) for c in done if c.verdict not in {"met", "held"}]
    if today > milestone.due:
        late = words.days((today - milestone.due).days)
        text = f"due {words.day(milestone.due)}, {late} ago, and not proven"
        return "missed", [Reason(code="missed", text=text, change="a late proof, or a re-plan"), *open_ones]
    quiet = list(_stalled(milestone, evidence, today))
    if quiet:
        return "stalled", quiet
    facts = list(_facts(milestone, evidence, done, today))
    if facts:
        return "at_risk", facts
    lacking = sum(not c.enough for c in done)
    if lacking:
        text = f"{lacking} of {len(done)} targets have too little evidence for a verdict"
        return "insufficient", [Reason(code="insufficient", text=text, change=CHANGE["insufficient"]), *open_ones]
    text = (
        f"{sum(c.verdict in {'met', 'held'} for c in done)} of {len(done)} targets reached so far, none of them failed"
    )
    return "on_track", [
        Reason(code="on_track", text=text, change="a target found out of reach, or silence"),
        *open_ones,
    ]


def _proven(milestone: Milestone, proven_on: date, done: tuple[Criterion, ...]) -> Iterator[Reason]:
    late = (proven_on - milestone.due).days
    text = f"every target reached on {words.day(proven_on)}"
    stays = "nothing: a proof stays, with the evidence it was given on"
    if late > 0:
        text = f"proven, {words.days(late)} late: {text}; due {words.day(milestone.due)}"
        yield Reason(code="proven_late", text=text, change=stays)
    else:
        yield Reason(code="proven", text=text, change=stays)
    for lost in done:
        if lost.verdict not in {"met", "held"}:
            text = f"proven, regressed since: {_open(lost).text}"
            yield Reason(code=f"regressed:{lost.name}", text=text, change="weeks that reach the target again")


def _decided(decision: Decision) -> Reason:
    verb = {"pause": "paused", "stop": "stopped"}[decision.choice]
    until = f" until {decision.until}" if decision.until else ""
    text = f"{verb} on {words.day(decision.as_of)} by {decision.owner}{until}: {decision.why}"
    return Reason(code=verb, text=text, change="a recorded decision to resume")


def _not_started(milestone: Milestone, today: date, built: int) -> Iterator[Reason]:
    if built < milestone.level:
        text = f"not built: it needs service level {milestone.level}, and level {built} stands today"
        yield Reason(code="not_built", text=text, change=f"building service level {milestone.level}")
    if today < milestone.start:
        text = f"starts on {words.day(milestone.start)}, in {words.days((milestone.start - today).days)}"
        yield Reason(code="starts_later", text=text, change="its start")


def _stalled(milestone: Milestone, evidence: Evidence, today: date) -> Iterator[Reason]:
    subject = milestone.subject
    if evidence.first_day is None:
        length = (milestone.due - milestone.start).days + 1
        limit = min(21.0, max(14.0, length / 4))
        if (today - milestone.start).days + 1 >= limit:
            text = f"no evidence of {subject} by day {int(limit)} after the start on {words.day(milestone.start)}"
            yield Reason(code="no_first_evidence", text=text, change=f"one measured run of {subject}")
        return
    events = [evidence.last_day, evidence.decision.as_of if evidence.decision else None]
    last = max(event for event in events if event is not None)
    quiet = working_days(last, today)
    if quiet >= QUIET_WORKING_DAYS:
        text = f"no evidence of {subject} for {quiet} working days; the last is of {words.day(last)}"
        yield Reason(code="gone_quiet", text=text, change=f"a measured run of {subject}, or a decision")


def working_days(after: date, until: date) -> int:
    """Days from Monday to Friday after one day, up to and with another."""
    span = (until - after).days
    return sum((after + timedelta(days=i)).weekday() < 5 for i in range(1, span + 1))


def _facts(milestone: Milestone, evidence: Evidence, done: tuple[Criterion, ...], today: date) -> Iterator[Reason]:
    """Facts, not forecasts, that put a milestone at risk."""
    rules = milestone.evidence
    last_start = milestone.due - timedelta(days=rules.min_blocks * BLOCK_DAYS + rules.review_days - 1)
    if evidence.first_day is None and today > last_start:
        text = (
            f"fact: the last day to start was {words.day(last_start)}, for {rules.min_blocks} weeks of evidence by "
            f"{words.day(milestone.due)}, and {milestone.subject} has not run"
        )
        yield Reason(code="fact:started_too_late", text=text, change="a later due date, by a re-plan")
    short = max(
        (rules.min_blocks - c.reading.blocks for c in done if c.reading and c.reading.estimate is not None), default=0
    )
    left = (milestone.due - today).days // BLOCK_DAYS
    if evidence.first_day is not None and short > left:
        text = f"fact: {short} more weeks of evidence are needed, and {left} are left before {words.day(milestone.due)}"
        yield Reason(code="fact:too_few_weeks_left", text=text, change="a later due date, by a re-plan")
    for failed in done:
        if failed.verdict in {"not_met", "breached"}:
            reason = _open(failed)
            yield Reason(code=f"fact:{reason.code}", text=f"fact: {reason.text}", change=reason.change)
    if milestone.budget is not None and evidence.spent is not None and evidence.spent > milestone.budget:
        text = f"fact: {evidence.spent:,.0f} spent of a budget of {milestone.budget:,.0f}"
        yield Reason(code="fact:over_budget", text=text, change="a larger budget, by a re-plan")


CHANGE = {
    "not_met": "a service that is truly better; more of the same weeks will not do",
    "breached": "a service that is truly better; more of the same weeks will not do",
    "inconclusive": "more weeks, which narrow the range",
    "insufficient": "the evidence that is missing",
    "invalid": "evidence of the feeds or the grade that is asked for",
    "unproven": "more weeks of evidence",
}


def _open(done: Criterion) -> Reason:
    """Why a criterion is not reached."""
    said = words.said(done.reading, done.unit, done.kind, done.target)
    goal = words.target(done.direction, done.target, done.unit)
    title, verdict = MEASURES[done.name].title, words.VERDICT[done.verdict]
    text = f"{title}: {said}; target {goal}: {verdict}"
    if done.reading and done.why != done.reading.missing:
        text += f" ({done.why})"
    return Reason(code=f"{done.verdict}:{done.name}", text=text, change=CHANGE[done.verdict])
