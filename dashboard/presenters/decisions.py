"""Recorded decisions as rows: who decided what, on which evidence, and what the numbers advised then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.measures.registry import MEASURES
from roadmap.records.decisions import recorded_decisions
from roadmap.wording import dates, gains, numbers
from roadmap.wording.decisions import DECIDED, until_text
from roadmap.wording.gains import under_faults
from roadmap.wording.verdicts import STATUS, VERDICT, target_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from typing import Any

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from roadmap.model import Decision
    from roadmap.records.decisions import RecordedDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One decision as text, with the evidence that was recorded with it."""

    id: int
    code: str
    title: str  #: of the milestone, as it was called then
    in_plan: bool
    choice: str
    text: str  #: "paused until 30 Jun 2013"
    owner: str
    as_of: date
    why: str
    status: str  #: as computed then; "" where it was not recorded
    status_text: str
    gain: str
    criteria: tuple[str, ...]  #: each as it was judged then
    sha256: str  #: of the evidence; "" where it was not recorded
    advice: str
    agrees: bool | None  #: whether the choice is the advice; None where no advice was recorded

    @property
    def day(self) -> str:
        """The day of the decision as text."""
        return dates.day(self.as_of)


def decisions_by_milestone(db: Database, today: date) -> dict[str, tuple[RecordedDecision, ...]]:
    """Return all decisions until a day by milestone, including milestones that left the plan."""
    codes = db.execute("SELECT DISTINCT code FROM decision WHERE as_of <= ? ORDER BY code", (today.isoformat(),))
    return {code: recorded_decisions(db, code, today) for (code,) in codes.fetchall()}


def last_decisions(by_milestone: Mapping[str, tuple[RecordedDecision, ...]]) -> dict[str, Decision]:
    """Return the last decision on each milestone."""
    return {code: decisions[-1].decision for code, decisions in by_milestone.items() if decisions}


def decision_rows(view: View, by_milestone: Mapping[str, tuple[RecordedDecision, ...]]) -> tuple[DecisionRow, ...]:
    """Return every decision as a row, the newest first."""
    titles = {milestone.code: milestone.title for milestone in view.plan.milestones}
    pairs = [(code, recorded) for code, decisions in by_milestone.items() for recorded in decisions]
    pairs.sort(key=lambda pair: (pair[1].decision.as_of, pair[1].decision.id), reverse=True)
    return tuple(decision_row(code, titles.get(code), recorded) for code, recorded in pairs)


def decision_row(code: str, title: str | None, recorded: RecordedDecision) -> DecisionRow:
    """Return one decision as a row; `title` is the milestone's present title, None if it left the plan."""
    decision, then = recorded.decision, recorded.verdict
    status = str(then.get("status") or "")
    advised = then.get("advice") or {}
    choice = str(advised.get("choice") or recorded.advice.partition(":")[0])
    return DecisionRow(
        id=decision.id,
        code=code,
        title=str(then.get("title") or title or ""),
        in_plan=title is not None,
        choice=decision.choice,
        text=DECIDED.get(decision.choice, decision.choice) + until_text(decision.until),
        owner=decision.owner,
        as_of=decision.as_of,
        why=decision.why,
        status=status,
        status_text=STATUS.get(status, status),
        gain=_describe_gain(then),
        criteria=tuple(_describe_criterion(metric) for metric in then.get("metrics", ())),
        sha256=recorded.evaluation_sha256 or "",
        advice=recorded.advice,
        agrees=choice == decision.choice if choice else None,
    )


def _describe_gain(then: Mapping[str, Any]) -> str:
    metric = next((m for m in then.get("metrics", ()) if m["name"] == "busy_time_saved"), None)
    if metric is None or metric.get("estimate") is None:
        return "not measured"
    low, high = metric.get("low"), metric.get("high")
    gain = gains.gained(metric["estimate"], low, high, metric["target"])
    return (
        f"{gain}, likely {numbers.span(low, high, metric['target'])}"
        if low is not None and high is not None
        else f"{gain}, no range yet"
    )


def _describe_criterion(metric: Mapping[str, Any]) -> str:
    """Return a criterion as it was judged then."""
    measure = MEASURES.get(metric["name"])
    title = measure.title if measure else metric["name"]
    goal = target_text(metric["direction"], metric["target"], metric["unit"])
    verdict = VERDICT.get(metric["verdict"], metric["verdict"])
    # production has no choice of faults
    is_named = metric["faults"] in {"none", "stress"} and metric.get("mode") != "live"
    under = f", {under_faults(metric['faults'])}" if is_named else ""
    return f"{title}{under}: {verdict}; target {goal}"
