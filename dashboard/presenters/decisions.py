"""Decisions in words: who decided what, on which evidence, and what the numbers alone had advised then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.measures.registry import MEASURES
from roadmap.records.decisions import recorded_decisions
from roadmap.wording import dates, gains, numbers
from roadmap.wording import verdicts as roadmap_words
from roadmap.wording.decisions import DECIDED, until_text
from roadmap.wording.gains import under_faults

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
    """One decision in words, with the evidence frozen in it."""

    id: int
    code: str
    title: str  #: of the milestone, as it was called then
    in_plan: bool
    choice: str
    said: str  #: "paused until 30 Jun 2013"
    owner: str
    as_of: date
    why: str
    status: str  #: as computed then; "" where it was not recorded
    status_said: str
    gain: str
    found: tuple[str, ...]  #: each criterion as of then
    sha256: str  #: of the evidence; "" where it was not recorded
    advice: str
    agrees: bool | None  #: whether what was chosen is what was advised; None: no advice was recorded

    @property
    def on(self) -> str:
        """The day as people read it."""
        return dates.day(self.as_of)


def decisions_by_milestone(db: Database, today: date) -> dict[str, tuple[RecordedDecision, ...]]:
    """All decisions until a day, by milestone; those on milestones that left the plan too."""
    codes = db.execute("SELECT DISTINCT code FROM decision WHERE as_of <= ? ORDER BY code", (today.isoformat(),))
    return {code: recorded_decisions(db, code, today) for (code,) in codes.fetchall()}


def last_decisions(taken: Mapping[str, tuple[RecordedDecision, ...]]) -> dict[str, Decision]:
    """The last decision on each milestone."""
    return {code: every[-1].decision for code, every in taken.items() if every}


def decision_rows(view: View, taken: Mapping[str, tuple[RecordedDecision, ...]]) -> tuple[DecisionRow, ...]:
    """Every decision in words, the newest first."""
    titles = {milestone.code: milestone.title for milestone in view.plan.milestones}
    every = [(one.decision.as_of, one.decision.id, code, one) for code, all_of in taken.items() for one in all_of]
    every.sort(key=lambda entry: entry[:2], reverse=True)
    return tuple(decision_row(code, titles.get(code), one) for _, _, code, one in every)


def decision_row(code: str, title: str | None, taken: RecordedDecision) -> DecisionRow:
    """One decision in words; `title` is what the plan calls its milestone now, None where it has none."""
    decision, then = taken.decision, taken.verdict
    status = str(then.get("status") or "")
    advised = then.get("advice") or {}
    choice = str(advised.get("choice") or taken.advice.partition(":")[0])
    return DecisionRow(
        id=decision.id,
        code=code,
        title=str(then.get("title") or title or ""),
        in_plan=title is not None,
        choice=decision.choice,
        said=DECIDED.get(decision.choice, decision.choice) + until_text(decision.until),
        owner=decision.owner,
        as_of=decision.as_of,
        why=decision.why,
        status=status,
        status_said=roadmap_words.STATUS.get(status, status),
        gain=_describe_gain(then),
        found=tuple(_describe_criterion(metric) for metric in then.get("metrics", ())),
        sha256=taken.evaluation_sha256 or "",
        advice=taken.advice,
        agrees=choice == decision.choice if choice else None,
    )


def _describe_gain(then: Mapping[str, Any]) -> str:
    timed = next((m for m in then.get("metrics", ()) if m["name"] == "busy_time_saved"), None)
    if timed is None or timed.get("estimate") is None:
        return "not measured"
    low, high = timed.get("low"), timed.get("high")
    said = gains.gained(timed["estimate"], low, high, timed["target"])
    return (
        f"{said}, likely {numbers.span(low, high, timed['target'])}"
        if low is not None and high is not None
        else f"{said}, no range yet"
    )


def _describe_criterion(metric: Mapping[str, Any]) -> str:
    """A criterion as it was judged then."""
    measure = MEASURES.get(metric["name"])
    title = measure.title if measure else metric["name"]
    goal = roadmap_words.target_text(metric["direction"], metric["target"], metric["unit"])
    verdict = roadmap_words.VERDICT.get(metric["verdict"], metric["verdict"])
    calm = metric["faults"] == "none" and metric.get("mode") != "live"  # in production, all is as it happened
    under = f", {under_faults('none', 'replay')}" if calm else ""
    return f"{title}{under}: {verdict}; target {goal}"
