"""What the page of one milestone says: what happened when, its decisions, plans, spending, and what is foreseen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from dashboard.presenters import decisions as presenters_decisions
from dashboard.presenters import milestone_list
from dashboard.presenters.advice import advice_rows
from dashboard.queries import partner_gains, weekly
from dashboard.queries.plan_history import plan_history
from dashboard.queries.verdicts import verdicts_without_decisions
from metrics.measures.registry import MEASURES
from roadmap.plan.revisions import describe_changes
from roadmap.records.decisions import cost_entries
from roadmap.wording import dates, numbers
from roadmap.wording import verdicts as roadmap_words

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
    """Something that happened on a day."""

    on: date
    kind: str  #: plan, evidence, status, met, proven or decision
    said: str
    why: str = ""

    @property
    def day(self) -> str:
        """The day as people read it."""
        return dates.day(self.on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What was spent of the budget, in words."""

    spent: str
    recorded: bool
    over: bool  #: whether more than the budget was spent
    entries: tuple[tuple[str, str, str], ...]  #: day, amount, note


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestonePage:
    """The page of one milestone, without its chart."""

    stone: MilestoneRow
    owner: str
    advice: AdviceRow
    targets: tuple[CriterionRow, ...]
    guardrails: tuple[CriterionRow, ...]
    forecasts: tuple[tuple[str, str], ...]  #: measure, what is foreseen
    no_forecast: str  #: why there is none; "" where there is one
    gains: MilestoneGains | None
    too_few: tuple[PartnerGain, ...]
    events: tuple[MilestoneEvent, ...]
    decisions: tuple[DecisionRow, ...]
    spending: Spending


def milestone_page(db: Database, view: View, code: str) -> MilestonePage:
    """Build the page of one milestone of the plan."""
    pairs = zip(view.plan.milestones, view.cached(verdicts_without_decisions), strict=True)
    milestone, verdict = next(pair for pair in pairs if pair[0].code == code)
    return _build_page(db, view, milestone, verdict)


def preload_milestone_pages(db: Database, seen: View) -> None:
    """Make the page of every milestone, so that no reader waits for it."""
    del db
    for milestone in seen.plan.milestones:
        seen.cached(milestone_page, milestone.code)


def _build_page(db: Database, seen: View, milestone: Milestone, verdict: Verdict) -> MilestonePage:
    code, today = milestone.code, seen.today
    taken = presenters_decisions.decisions_by_milestone(db, today)
    last = presenters_decisions.last_decisions(taken)
    stone = milestone_list.milestone_row(
        milestone, verdict, weekly.spent_by_milestone(db, today).get(code), today, last.get(code), seen.mode
    )
    track = next(one for one in seen.cached(plan_history).milestones if one.code == code)
    found = seen.cached(partner_gains.gains_by_milestone).get(code)
    made = presenters_decisions.decision_rows(seen, {code: taken.get(code, ())})
    return MilestonePage(
        stone=stone,
        owner=milestone.owner or "nobody named",
        advice=next(one for one in seen.cached(advice_rows) if one.code == code),
        targets=tuple(row for row in stone.criteria if row.role == "Target"),
        guardrails=tuple(row for row in stone.criteria if row.role != "Target"),
        forecasts=tuple(
            (
                MEASURES[one.name].title,
                f"{one.role.replace('metric', 'target').capitalize()}: {one.text}.",
            )
            for one in verdict.forecasts
        ),
        no_forecast=_no_forecast(verdict),
        gains=found,
        too_few=tuple(gain for gain in found.partners if not gain.has_range) if found else (),
        events=tuple(sorted(_events(db, track, verdict, made, today), key=lambda event: event.on)),
        decisions=made,
        spending=_spending(db, milestone, verdict, today),
    )


def _no_forecast(verdict: Verdict) -> str:
    if verdict.forecasts:
        return ""
    return (
        "Proven: nothing is left to foresee." if verdict.proven_on else "Nothing is foreseen before there is evidence."
    )


def _events(
    db: Database, track: MilestoneHistory, verdict: Verdict, made: Sequence[DecisionRow], today: date
) -> Iterator[MilestoneEvent]:  # fmt: skip
    yield from _plan_events(track)
    if verdict.start <= today:
        yield MilestoneEvent(on=verdict.start, kind="plan", said="Start, by the plan")
    if track.measured_from:
        yield MilestoneEvent(on=track.measured_from, kind="evidence", said=f"First evidence of {verdict.subject}")
    for criterion in verdict.criteria:
        if criterion.met_on:
            title, role = MEASURES[criterion.name].title, "target" if criterion.role == "metric" else "guardrail"
            yield MilestoneEvent(
                on=criterion.met_on,
                kind="met",
                said=f"{title}: {role} first {'reached' if role == 'target' else 'held'}",
            )
    yield from _status_events(db, verdict.code, today)
    if verdict.proven_on:
        yield MilestoneEvent(
            on=verdict.proven_on, kind="proven", said="Proven", why=milestone_list.describe_slip(verdict, today)
        )
    for one in made:
        why = f"{one.owner}: {one.why}"
        yield MilestoneEvent(on=one.as_of, kind="decision", said=f"Decided: {one.said}", why=why)


def _plan_events(track: MilestoneHistory) -> Iterator[MilestoneEvent]:
    for place, one in enumerate(track.plans):
        if place == 0:
            yield MilestoneEvent(on=one.as_of, kind="plan", said="First plan fixed", why=_describe_plan(one))
            continue
        changed = "; ".join(describe_changes(track.plans[place - 1].plan, one.plan)) or "nothing changed"
        yield MilestoneEvent(
            on=one.as_of, kind="plan", said=f"Re-planned, revision {one.revision}", why=_with_readable_days(changed)
        )


def _with_readable_days(text: str) -> str:
    """A text of another room with its ISO dates as people read them."""
    return ISO_DAY.sub(lambda found: dates.day(date.fromisoformat(found[0])), text)


def _describe_plan(one: Revision) -> str:
    """What a plan promised: by when, and which targets."""
    said = []
    for target in (*one.plan["metrics"], *one.plan["guardrails"]):
        way = "at_least" if target.get("at_least") is not None else "at_most"
        measure = MEASURES[target["name"]]
        said.append(f"{measure.title.lower()} {roadmap_words.target_text(way, target[way], measure.unit)}")
    return f"due {dates.day(one.due)}; {', '.join(dict.fromkeys(said))}"


def _status_events(db: Database, code: str, today: date) -> Iterator[MilestoneEvent]:
    """Each change of the computed status, as it was recorded; what began and what is proven is told already."""
    sql = "SELECT as_of, status FROM evaluation WHERE code = ? AND as_of <= ? ORDER BY as_of, id"
    before = ""
    for as_of, status in db.execute(sql, (code, today.isoformat())).fetchall():
        if status != before and before and status != "proven":
            was = roadmap_words.STATUS.get(before, before)
            now = roadmap_words.STATUS.get(status, status)
            yield MilestoneEvent(on=date.fromisoformat(as_of), kind="status", said=f"Status: {now}", why=f"was {was}")
        before = status


def _spending(db: Database, milestone: Milestone, verdict: Verdict, today: date) -> Spending:
    spent, budget = verdict.spent, verdict.budget
    return Spending(
        spent=roadmap_words.spent_text(spent, budget).capitalize(),
        recorded=spent is not None,
        over=spent is not None and budget is not None and spent > budget,
        entries=tuple(
            (dates.day(one.as_of), f"{one.amount:,.2f}".replace("-", numbers.MINUS), one.note)
            for one in cost_entries(db, milestone.code, today)
        ),
    )
