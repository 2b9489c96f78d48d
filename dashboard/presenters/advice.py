"""The computed advice on each milestone today, and whether a decision is needed.

The advice is the roadmap's. A page shows it with the command that would record a decision; it records none itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.presenters import decisions
from dashboard.queries.verdicts import verdicts_without_decisions
from roadmap.judge.advice import decision_needed
from roadmap.wording.decisions import decision_text
from roadmap.wording.sentences import sentence
from roadmap.wording.verdicts import STATUS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from roadmap.model import Verdict
    from roadmap.records.decisions import RecordedDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceRow:
    """The computed advice on one milestone today, and its last decision."""

    code: str
    title: str
    status: str
    status_text: str
    choice: str  #: the advised choice: "change"
    text: str  #: the advice as a sentence with its reason
    last_decision: str  #: "" where nothing was decided
    needs_decision: bool  #: whether a decision is needed, and none was taken on today's findings

    @property
    def command(self) -> str:
        """The command that records the advised choice."""
        return f"milepost roadmap decide {self.code} {self.choice} --owner NAME --why TEXT"


def advice_rows(db: Database, view: View) -> tuple[AdviceRow, ...]:
    """Return the advice on each milestone of a view, in the plan's order."""
    recorded = decisions.decisions_by_milestone(db, view.today)
    return tuple(
        _advice_row(db, verdict, recorded.get(verdict.code, ()), view.today)
        for verdict in view.cached(verdicts_without_decisions)
    )


def pressing_first(rows: Sequence[AdviceRow]) -> tuple[AdviceRow, ...]:
    """Return the rows that need a decision first, otherwise in their order."""
    return tuple(sorted(rows, key=lambda row: not row.needs_decision))


def describe_nothing_pending(rows: Sequence[AdviceRow]) -> str:
    """Return the text for a page where no decision is needed."""
    if all(row.choice == "continue" for row in rows):
        return "Nothing to decide now: the numbers advise to continue every milestone."
    return "Nothing to decide now: wherever the numbers advise anything but to continue, a decision was recorded."


def _advice_row(db: Database, verdict: Verdict, recorded: Sequence[RecordedDecision], today: date) -> AdviceRow:
    return AdviceRow(
        code=verdict.code,
        title=verdict.title,
        status=verdict.status,
        status_text=STATUS[verdict.status],
        choice=verdict.advice.choice,
        text=sentence(verdict.advice.text),
        last_decision=_describe_last(recorded),
        needs_decision=decision_needed(verdict.status, verdict.advice)
        and not _is_answered(db, verdict, recorded, today),
    )


def _is_answered(db: Database, verdict: Verdict, recorded: Sequence[RecordedDecision], today: date) -> bool:
    """Return whether the last decision holds today, or was taken on today's findings with no other ones in between."""
    if not recorded:
        return False
    last = recorded[-1]
    if last.decision.holds(today):
        return True
    findings = (last.verdict.get("status"), (last.verdict.get("advice") or {}).get("choice"))
    if findings != (verdict.status, verdict.advice.choice):
        return False
    sql = "SELECT EXISTS (SELECT 1 FROM evaluation WHERE code = ? AND as_of > ? AND as_of <= ? AND status != ?)"
    values = (verdict.code, last.decision.as_of.isoformat(), today.isoformat(), verdict.status)
    return not db.execute(sql, values).fetchone()[0]


def _describe_last(recorded: Sequence[RecordedDecision]) -> str:
    if not recorded:
        return ""
    last = recorded[-1].decision
    return decision_text(last.choice, last.owner, until=last.until, as_of=last.as_of)
