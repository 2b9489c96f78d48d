"""What the numbers alone advise about each milestone today, and where somebody has yet to decide.

The advice is the roadmap's. A page shows it with the command that would record it, and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.presenters import decisions
from dashboard.queries.verdicts import verdicts_without_decisions
from roadmap.judge.advice import decision_needed
from roadmap.wording import text as wording_text
from roadmap.wording import verdicts as roadmap_words
from roadmap.wording.decisions import decision_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from roadmap.model import Verdict
    from roadmap.records.decisions import RecordedDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceRow:
    """What the numbers alone say about one milestone today, and what stands."""

    code: str
    title: str
    status: str
    status_said: str
    choice: str  #: what is advised: "change"
    text: str  #: the same as a sentence with its reason
    stands: str  #: the last decision; "" where nobody decided
    asks: bool  #: whether somebody has to decide, and nobody has on these findings

    @property
    def command(self) -> str:
        """What would record the choice that is advised."""
        return f"milepost roadmap decide {self.code} {self.choice} --owner NAME --why TEXT"


def advice_rows(db: Database, seen: View) -> tuple[AdviceRow, ...]:
    """What is advised on each milestone of a view, in the plan's order."""
    taken = decisions.decisions_by_milestone(db, seen.today)
    return tuple(
        _advice_row(db, verdict, taken.get(verdict.code, ()), seen.today)
        for verdict in seen.cached(verdicts_without_decisions)
    )


def pressing_first(every: Sequence[AdviceRow]) -> tuple[AdviceRow, ...]:
    """Those first on which somebody has to decide; else in the order given."""
    return tuple(sorted(every, key=lambda one: not one.asks))


def describe_nothing_pending(every: Sequence[AdviceRow]) -> str:
    """What to say where nobody has to decide anything."""
    if all(one.choice == "continue" for one in every):
        return "Nothing now: the numbers advise to go on with every milestone."
    return "Nothing now: wherever the numbers ask for more than to go on, somebody has decided."


def _advice_row(db: Database, verdict: Verdict, taken: Sequence[RecordedDecision], today: date) -> AdviceRow:
    return AdviceRow(
        code=verdict.code,
        title=verdict.title,
        status=verdict.status,
        status_said=roadmap_words.STATUS[verdict.status],
        choice=verdict.advice.choice,
        text=wording_text.sentence(verdict.advice.text),
        stands=_describe_last(taken),
        asks=decision_needed(verdict.status, verdict.advice) and not _is_answered(db, verdict, taken, today),
    )


def _is_answered(db: Database, verdict: Verdict, taken: Sequence[RecordedDecision], today: date) -> bool:
    """Whether the last decision answers what is found today: it holds, or was taken on the same findings."""
    if not taken:
        return False
    last = taken[-1]
    if last.decision.holds(today):
        return True
    found = (last.verdict.get("status"), (last.verdict.get("advice") or {}).get("choice"))
    if found != (verdict.status, verdict.advice.choice):
        return False
    sql = "SELECT EXISTS (SELECT 1 FROM evaluation WHERE code = ? AND as_of > ? AND as_of <= ? AND status != ?)"
    between = (verdict.code, last.decision.as_of.isoformat(), today.isoformat(), verdict.status)
    return not db.execute(sql, between).fetchone()[0]  # it was otherwise in between


def _describe_last(taken: Sequence[RecordedDecision]) -> str:
    if not taken:
        return ""
    last = taken[-1].decision
    return decision_text(last.choice, last.owner, until=last.until, as_of=last.as_of)
