"""The page of one milestone: criteria, forecasts, gains by partner, events, decisions and spending."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from dashboard.presenters import milestone_list
from dashboard.presenters.advice import advice_rows
from dashboard.presenters.decisions import decision_rows, decisions_by_milestone, last_decisions
from dashboard.queries import partner_gains, weekly
from dashboard.queries.plan_history import plan_history
from dashboard.queries.verdicts import verdicts_without_decisions
from metrics.measures.registry import MEASURES
from roadmap.plan.revisions import describe_changes
from roadmap.records.checkins import checkins
from roadmap.records.decisions import cost_entries
from roadmap.wording import dates, numbers
from roadmap.wording.verdicts import STATUS, spent_text, target_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from dashboard.presenters.advice import AdviceRow
    from dashboard.presenters.decisions import DecisionRow
    from dashboard.presenters.milestone_list import CriterionRow, MilestoneRow
    from dashboard.queries.partner_gains import MilestoneGains, PartnerGain
    from dashboard.queries.plan_history import MilestoneHistory
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Milestone
    from roadmap.plan.revisions import Revision

ISO_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneEvent:
    """An event in the history of a milestone."""

    date: date
    kind: str  #: plan, evidence, status, met, proven or decision
    text: str
    why: str = ""

    @property
    def day(self) -> str:
        """The day as text."""
        return dates.day(self.date)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Spending against the budget, as text."""

    spent: str
    recorded: bool
    over: bool  #: whether it exceeds the budget
    entries: tuple[tuple[str, str, str], ...]  #: day, amount, note


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestonePage:
    """The page of one milestone, without its chart."""

    milestone: MilestoneRow
    owner: str
    advice: AdviceRow
    targets: tuple[CriterionRow, ...]
    guardrails: tuple[CriterionRow, ...]
    forecasts: tuple[tuple[str, str], ...]  #: measure and forecast
    no_forecast: str  #: why there is none; "" where there is one
    gains: MilestoneGains | None
    too_few: tuple[PartnerGain, ...]
    events: tuple[MilestoneEvent, ...]
    decisions: tuple[DecisionRow, ...]
    spending: Spending
    checkins: tuple[str, ...]  #: newest first, in words
    is_measured: bool


def milestone_page(db: Database, view: View, code: str) -> MilestonePage:
    """Build the page of one milestone of the plan."""
    pairs = zip(view.plan.milestones, view.cached(verdicts_without_decisions), strict=True)
    milestone, verdict = next(pair for pair in pairs if pair[0].code == code)
    return _build_page(db, view, milestone, verdict)


def preload_milestone_pages(db: Database, view: View) -> None:
    """Make the page of every milestone before a reader asks for it."""
    del db
    for milestone in view.plan.milestones:
        view.cached(milestone_page, milestone.code)


def _build_page(db: Database, view: View, milestone: Milestone, verdict: Verdict) -> MilestonePage:
    code, today = milestone.code, view.today
    decisions = decisions_by_milestone(db, today)
    last = last_decisions(decisions)
    row = milestone_list.milestone_row(
        milestone, verdict, weekly.spent_by_milestone(db, today).get(code), today, last.get(code), view.mode
    )
    history = next(history for history in view.cached(plan_history).milestones if history.code == code)
    gains = view.cached(partner_gains.gains_by_milestone).get(code)
    made = decision_rows(view, {code: decisions.get(code, ())})
    return MilestonePage(
        milestone=row,
        owner=milestone.owner or "not named",
        advice=next(advice for advice in view.cached(advice_rows) if advice.code == code),
        targets=tuple(criterion for criterion in row.criteria if criterion.role == "Target"),
        guardrails=tuple(criterion for criterion in row.criteria if criterion.role != "Target"),
        forecasts=tuple(
            (
                MEASURES[forecast.name].title,
                f"{forecast.role.replace('metric', 'target').capitalize()}: {forecast.text}.",
            )
            for forecast in verdict.forecasts
        ),
        no_forecast=_no_forecast(verdict),
        gains=gains,
        too_few=tuple(gain for gain in gains.partners if not gain.has_range) if gains else (),
        events=tuple(sorted(_events(db, history, verdict, made, today), key=lambda event: event.date)),
        decisions=made,
        spending=_spending(db, milestone, verdict, today),
        checkins=tuple(
            milestone_list.describe_checkin(made, verdict.counts) for made in reversed(checkins(db, code, today))
        ),
        is_measured=milestone.is_measured,
    )


def _no_forecast(verdict: Verdict) -> str:
    if verdict.forecasts:
        return ""
    return "Proven: no forecast is needed." if verdict.proven_on else "There is no forecast before there is evidence."


def _events(
    db: Database, history: MilestoneHistory, verdict: Verdict, decisions: Sequence[DecisionRow], today: date
) -> Iterator[MilestoneEvent]:  # fmt: skip
    yield from _plan_events(history)
    if verdict.start <= today:
        yield MilestoneEvent(date=verdict.start, kind="plan", text="Start, by the plan")
    if history.measured_from:
        yield MilestoneEvent(date=history.measured_from, kind="evidence", text=f"First evidence of {verdict.subject}")
    for criterion in verdict.criteria:
        if criterion.met_on:
            title, role = MEASURES[criterion.name].title, "target" if criterion.role == "metric" else "guardrail"
            yield MilestoneEvent(
                date=criterion.met_on,
                kind="met",
                text=f"{title}: {role} first {'reached' if role == 'target' else 'held'}",
            )
    yield from _status_events(db, verdict.code, today)
    if verdict.proven_on:
        yield MilestoneEvent(
            date=verdict.proven_on, kind="proven", text="Proven", why=milestone_list.describe_slip(verdict, today)
        )
    for decision in decisions:
        why = f"{decision.owner}: {decision.why}"
        yield MilestoneEvent(date=decision.as_of, kind="decision", text=f"Decided: {decision.text}", why=why)


def _plan_events(history: MilestoneHistory) -> Iterator[MilestoneEvent]:
    for first in history.plans[:1]:
        yield MilestoneEvent(date=first.as_of, kind="plan", text="First plan recorded", why=_describe_plan(first))
    for before, plan in pairwise(history.plans):
        changed = _with_readable_days("; ".join(describe_changes(before.plan, plan.plan)) or "nothing changed")
        yield MilestoneEvent(date=plan.as_of, kind="plan", text=f"Re-planned, revision {plan.revision}", why=changed)


def _with_readable_days(text: str) -> str:
    """Return a text with its ISO dates written as on the pages."""
    return ISO_DAY.sub(lambda match: dates.day(date.fromisoformat(match[0])), text)


def _describe_plan(revision: Revision) -> str:
    """Return the due date and the targets of a plan."""
    targets = []
    for target in (*revision.plan["metrics"], *revision.plan["guardrails"]):
        direction = "at_least" if target.get("at_least") is not None else "at_most"
        measure = MEASURES[target["name"]]
        targets.append(f"{measure.title.lower()} {target_text(direction, target[direction], measure.unit)}")
    return f"due {dates.day(revision.due)}; {', '.join(dict.fromkeys(targets))}"


def _status_events(db: Database, code: str, today: date) -> Iterator[MilestoneEvent]:
    """Yield each recorded change of the computed status; start and proof are events of their own."""
    sql = "SELECT as_of, status FROM evaluation WHERE code = ? AND as_of <= ? ORDER BY as_of, id"
    before = ""
    for as_of, status in db.execute(sql, (code, today.isoformat())).fetchall():
        if status != before and before and status != "proven":
            was, now = STATUS.get(before, before), STATUS.get(status, status)
            yield MilestoneEvent(date=date.fromisoformat(as_of), kind="status", text=f"Status: {now}", why=f"was {was}")
        before = status


def _spending(db: Database, milestone: Milestone, verdict: Verdict, today: date) -> Spending:
    spent, budget = verdict.spent, verdict.budget
    return Spending(
        spent=spent_text(spent, budget).capitalize(),
        recorded=spent is not None,
        over=spent is not None and budget is not None and spent > budget,
        entries=tuple(
            (dates.day(entry.as_of), f"{entry.amount:,.2f}".replace("-", numbers.MINUS), entry.note)
            for entry in cost_entries(db, milestone.code, today)
        ),
    )
