"""Give the reasons for each status: a code, the numbers in words, and what would change it. Pure."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from metrics.measures.registry import MEASURES
from metrics.question import block_noun
from roadmap.criteria import reaches_target
from roadmap.forecast.forecast import best_possible_text
from roadmap.forecast.probability import blocks_left, last_counted_day
from roadmap.model import Reason
from roadmap.wording.checkins import checkin_text
from roadmap.wording.dates import day
from roadmap.wording.decisions import DECIDED, decision_text
from roadmap.wording.numbers import plural
from roadmap.wording.verdicts import VERDICT, reading_text, target_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from roadmap.criteria import Criterion
    from roadmap.model import Checkin, Decision, Evidence, Forecast
    from roadmap.plan.milestones import Milestone
    from roadmap.plan.targets import Target

#: Working days without evidence or a decision after which a milestone has stalled.
QUIET_WORKING_DAYS = 10

#: First evidence is due after this share of a milestone's time, within these limits.
FIRST_SHARE, FIRST_LEAST_DAYS, FIRST_MOST_DAYS = 1 / 4, 14, 21

RE_PLAN = "a later due date, by a re-plan"

Criteria = tuple["Criterion", ...]


def proven(
    milestone: Milestone, proven_on: date, done: Criteria, block_days: int, planned_on: date | None = None
) -> Iterator[Reason]:
    """Yield when it was proven, how late, whether its plan is younger than the proof, and which targets were lost."""
    late = (proven_on - milestone.due).days
    text = f"every target reached on {day(proven_on)}"
    if planned_on and planned_on > proven_on:
        text += f"; its plan was recorded on {day(planned_on)}, when that evidence existed already"
    stays = "nothing: a proof stays, with its evidence"
    if late > 0:
        text = f"proven, {plural(late, 'day')} late: {text}; due {day(milestone.due)}"
        yield Reason(code="proven_late", text=text, change=stays)
    else:
        yield Reason(code="proven", text=text, change=stays)
    for lost in done:
        if lost.verdict not in {"met", "held"}:
            text = f"proven, regressed since: {open_criterion(lost, block_days).text}"
            change = f"{block_noun(block_days)}s that reach the target again"
            yield Reason(code=f"regressed:{lost.name}", text=text, change=change)


def reported(milestone: Milestone, checkin: Checkin | None, today: date) -> Reason:
    """Return what the latest check-in says of a milestone without a measure, and whether its due date is past."""
    rules = milestone.checkin
    text = "no check-in yet"
    done = False
    if checkin:
        done = checkin.done is not None and checkin.done == checkin.of
        text = checkin_text(
            checkin.text, checkin.by, checkin.as_of, checkin.done, checkin.of, rules.what if rules else ""
        )
    if today > milestone.due and not done:
        text += f"; due {day(milestone.due)}, {plural((today - milestone.due).days, 'day')} ago"
    return Reason(
        code="checkin" if checkin else "no_checkin",
        text=text,
        change="a further check-in: nothing of it is measured, so it is never proven",
    )


def paused_or_stopped(decision: Decision) -> Reason:
    """Return who paused or stopped it, and why."""
    verb = DECIDED[decision.choice]
    text = decision_text(decision.choice, decision.owner, until=decision.until, as_of=decision.as_of, why=decision.why)
    return Reason(code=verb, text=text, change="a recorded decision to resume")


def pause_over(decision: Decision | None, today: date) -> Iterator[Reason]:
    """Yield that a pause has ended and no decision was made since."""
    if decision and decision.last_day and decision.ended(today):
        text = (
            f"the pause that {decision.owner} decided on {day(decision.as_of)} ended on "
            f"{day(decision.last_day)}, and no decision was made since"
        )
        yield Reason(code="pause_over", text=text, change="a recorded decision")


def starts_later(milestone: Milestone, today: date) -> Iterator[Reason]:
    """Yield that the start lies ahead."""
    if today < milestone.start:
        text = f"starts on {day(milestone.start)}, in {plural((milestone.start - today).days, 'day')}"
        yield Reason(code="starts_later", text=text, change="its start")


def not_built(milestone: Milestone, built: int) -> Iterator[Reason]:
    """Yield that its service level is not built."""
    if built < milestone.level:
        text = f"not built: it needs service level {milestone.level}, and level {built} is built today"
        yield Reason(code="not_built", text=text, change=f"building service level {milestone.level}")


def first_evidence_limit_days(milestone: Milestone) -> int:
    """Return the days within which first evidence is due: a quarter of the time, from 14 to 21."""
    length = (milestone.due - milestone.start).days + 1
    return math.ceil(min(FIRST_MOST_DAYS, max(FIRST_LEAST_DAYS, length * FIRST_SHARE)))


def first_evidence_overdue(milestone: Milestone, evidence: Evidence, today: date) -> bool:
    """Return whether the day by which first evidence was due has come; the first day counts as one.

    The end of a pause and a decision to resume restart the count.
    """
    decision, begins = evidence.decision, milestone.start
    if decision and decision.choice == "resume":
        begins = max(begins, decision.as_of)
    elif decision and decision.last_day and decision.ended(today):
        begins = max(begins, decision.last_day + timedelta(days=1))
    return (today - begins).days + 1 >= first_evidence_limit_days(milestone)


def stalled(milestone: Milestone, evidence: Evidence, today: date, built: int) -> Iterator[Reason]:
    """Yield that no first evidence came in time, or none for ten working days."""
    subject = milestone.subject
    missing = list(not_built(milestone, built))
    if evidence.first_day is None:
        if not first_evidence_overdue(milestone, evidence, today):
            return
        text = f"no evidence of {subject} by day {first_evidence_limit_days(milestone)} after the start on "
        text += day(milestone.start)
        for reason in missing:
            yield Reason(code=reason.code, text=f"{reason.text}; {text}", change=reason.change)
        if not missing:
            yield Reason(code="no_first_evidence", text=text, change=f"one measured run of {subject}")
        return
    last = _last_event(evidence, today)
    quiet_days = working_days(last, today)
    if quiet_days >= QUIET_WORKING_DAYS:
        text = f"no evidence of {subject} for {quiet_days} working days; the last is of {day(last)}"
        yield Reason(code="gone_quiet", text=text, change=f"a measured run of {subject}, or a decision")
        yield from missing


def _last_event(evidence: Evidence, today: date) -> date:
    """Return the day of the last evidence or decision, or the last day of an ended pause."""
    decision = evidence.decision
    events = [evidence.last_day, evidence.first_day, decision.as_of if decision else None]
    if decision and decision.ended(today):
        events.append(decision.last_day)
    return max(event for event in events if event is not None)


def working_days(after: date, until: date) -> int:
    """Return the days from Monday to Friday after one day, up to and including another; 0 if it is not later."""
    weeks, rest = divmod(max((until - after).days, 0), 7)
    return 5 * weeks + sum((after.weekday() + i) % 7 < 5 for i in range(1, rest + 1))


def fact_risks(
    milestone: Milestone, evidence: Evidence, done: Criteria, foreseen: tuple[Forecast, ...], today: date
) -> Iterator[Reason]:
    """Yield the facts, not forecasts, that put a milestone at risk."""
    days = evidence.block_days
    yield from _too_little_time(milestone, evidence, done, today)
    forecasts = {(f.role, f.name, f.faults): f for f in foreseen}
    for criterion in done:
        if criterion.verdict in {"not_met", "breached"}:
            reason = open_criterion(criterion, days)
            yield Reason(code=f"fact:{reason.code}", text=f"fact: {reason.text}", change=reason.change)
            continue
        forecast = forecasts.get((criterion.role, criterion.name, criterion.faults))
        target, measure = _target(milestone, criterion), MEASURES[criterion.name]
        if forecast is not None and forecast.ceiling is not None and not reaches_target(target, forecast.ceiling):
            goal = target_text(criterion.direction, criterion.target, criterion.unit)
            best = best_possible_text(target, measure, forecast.ceiling, forecast.estimate, days)
            text = f"fact: {measure.title}: {best}; target {goal}"
            code = "ceiling" if criterion.direction == "at_least" else "floor"
            yield Reason(code=f"fact:{code}:{criterion.name}", text=text, change=RE_PLAN)
    if milestone.budget is not None and evidence.spent is not None and evidence.spent > milestone.budget:
        text = f"fact: {evidence.spent:,.0f} spent of a budget of {milestone.budget:,.0f}"
        yield Reason(code="fact:over_budget", text=text, change="a larger budget, by a re-plan")


def _too_little_time(milestone: Milestone, evidence: Evidence, done: Criteria, today: date) -> Iterator[Reason]:
    days, need, due = evidence.block_days, milestone.evidence.min_blocks, day(milestone.due)
    last_start = milestone.last_start(days)
    if evidence.first_day is None:
        if today > last_start:
            text = (
                f"fact: the last day to start was {day(last_start)}, for {plural(need, block_noun(days))} of "
                f"evidence by {due}, and {milestone.subject} has not run"
            )
            yield Reason(code="fact:started_too_late", text=text, change=RE_PLAN)
        return
    short = max((need - c.reading.blocks for c in done if c.reading and c.reading.estimate is not None), default=0)
    left = blocks_left(milestone.due, last_counted_day(today, days, evidence.last_day), days)
    if short > left:
        text = (
            f"fact: {plural(short, f'more {block_noun(days)}')} of evidence {_is(short)} needed, and {left} "
            f"{_is(left)} left before {due}"
        )
        yield Reason(code="fact:too_few_blocks_left", text=text, change=RE_PLAN)


def forecast_risks(
    milestone: Milestone, done: Criteria, foreseen: tuple[Forecast, ...], block_days: int
) -> Iterator[Reason]:
    """Yield the forecasts that put a milestone at risk: odds below 50%, or a proof expected after the due date."""
    open_ones = {
        (c.role, c.name, c.faults): c for c in done if c.verdict in {"inconclusive", "insufficient", "unproven"}
    }
    for forecast in foreseen:
        criterion = open_ones.get((forecast.role, forecast.name, forecast.faults))
        if criterion is None or forecast.odds is None:
            continue
        if forecast.ceiling is not None and not reaches_target(_target(milestone, criterion), forecast.ceiling):
            continue  # it is a fact already
        late = forecast.expected_on is None or forecast.expected_on > milestone.due
        if forecast.odds < 0.5 or late:
            kind = "unlikely" if forecast.odds < 0.5 else "late"
            text = f"forecast: {MEASURES[forecast.name].title}: {forecast.text}"
            change = f"a better service, more even {block_noun(block_days)}s, or a later due date"
            yield Reason(code=f"forecast:{kind}:{forecast.name}", text=text, change=change)


def open_criterion(done: Criterion, block_days: int) -> Reason:
    """Return why a criterion is not reached."""
    measured = reading_text(done.reading, done.unit, done.kind, done.target)
    goal = target_text(done.direction, done.target, done.unit)
    title, verdict = MEASURES[done.name].title, VERDICT[done.verdict]
    text = f"{title}: {measured}; target {goal}: {verdict}"
    if done.reading and done.why != done.reading.missing:
        text += f" ({done.why})"
    return Reason(code=f"{done.verdict}:{done.name}", text=text, change=would_change(done.verdict, block_days))


def would_change(verdict: str, block_days: int) -> str:
    """Return what would change the verdict on a target that is not reached."""
    blocks = f"{block_noun(block_days)}s"
    return {
        "not_met": f"a better service; more of the same {blocks} will not do",
        "breached": f"a better service; more of the same {blocks} will not do",
        "inconclusive": f"more {blocks}, which narrow the range",
        "insufficient": "the missing evidence",
        "invalid": "evidence of the required feeds or grade",
        "unproven": f"more {blocks} of evidence",
    }[verdict]


def _target(milestone: Milestone, done: Criterion) -> Target:
    targets = milestone.metrics if done.role == "metric" else milestone.guardrails
    return next(target for target in targets if (target.name, target.faults) == (done.name, done.faults))


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
