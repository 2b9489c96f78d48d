"""Advise on decisions from the findings alone: a draft for the decision record, never the decision itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadmap.model import Advice
from roadmap.wording.dates import day

if TYPE_CHECKING:
    from datetime import date

    from roadmap.model import Decision


#: Choice and text for each status, unless a repeated stall or an ended pause says otherwise.
BY_STATUS = {
    "proven": ("continue", "continue: it is proven; what comes next can build on it"),
    "not_started": ("continue", "continue: it has not started, and is not late"),
    "missed": ("change", "re-plan: it was not proven by its due date"),
    "stalled": (
        "continue",
        "continue, and say why: nothing new was found; if it is still stalled in a week, pause and re-plan",
    ),
    "at_risk": ("change", "change something: as it stands, it is at risk of not being proven in time"),
    "insufficient": ("continue", "continue: there is not enough evidence yet to decide on"),
    "on_track": ("continue", "continue: nothing was found against it"),
    "reported": ("continue", "continue: people report on it, and nothing of it is measured"),
}


#: Statuses that need a recorded reason even to continue.
NEEDS_REASON = frozenset({"stalled"})


def decision_needed(status: str, advice: Advice) -> bool:
    """Return whether the findings ask for a decision: for any choice but continue, or for a reason to continue."""
    return advice.choice != "continue" or status in NEEDS_REASON


def advise(
    status: str, *, stalled_before: bool = False, decision: Decision | None = None, today: date | None = None
) -> Advice:
    """Return the advice on a milestone whose evidence has a status.

    A pause whose last day is past asks to be resumed, whatever the status; only a due date that is past comes first, as
    resuming alone would not mend it. Stalled in two reviews in a row: pause and re-plan.

    Args:
        status: as computed from evidence alone, so neither "paused" nor "stopped".
        stalled_before: whether the previous review found it stalled, too.
        decision: the latest one.
        today: the day judged.
    """
    if decision and today and decision.ended(today) and status not in {"proven", "missed"}:
        ended = day(decision.last_day or today)
        return Advice(choice="resume", text=f"resume, or decide anew: the pause ended on {ended}")
    if status == "stalled" and stalled_before:
        return Advice(choice="pause", text="pause and re-plan: it was stalled in two reviews in a row")
    choice, text = BY_STATUS[status]
    return Advice(choice=choice, text=text)
