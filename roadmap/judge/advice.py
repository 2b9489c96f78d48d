"""What the findings alone would have people decide: a draft for the decision record, never the decision itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadmap.model import Advice
from roadmap.wording.dates import day

if TYPE_CHECKING:
    from datetime import date

    from roadmap.model import Decision


#: What follows from a status where neither silence nor a pause says otherwise.
BY_STATUS = {
    "proven": ("continue", "continue: it is proven; what comes next can build on it"),
    "not_started": ("continue", "continue: it has not started, and is not late"),
    "missed": ("change", "re-plan: it was not proven by its due date"),
    "stalled": ("continue", "continue, and say why: nothing new was found; silent again in a week, pause and re-plan"),
    "at_risk": ("change", "change something: as it stands, it is at risk of not being proven in time"),
    "insufficient": ("continue", "continue: there is not evidence enough yet to decide on"),
    "on_track": ("continue", "continue: nothing was found that speaks against it"),
}


#: Statuses that want a reason on record even where nothing is to change.
NEEDS_REASON = frozenset({"stalled"})


def decision_needed(status: str, advice: Advice) -> bool:
    """Whether findings ask somebody to decide: for anything but going on, or for going on with a reason."""
    return advice.choice != "continue" or status in NEEDS_REASON


def advise(
    status: str, *, stalled_before: bool = False, decision: Decision | None = None, today: date | None = None
) -> Advice:
    """What to decide about a milestone whose evidence has this status; `decision` is the latest, `today` the day.

    A status that a decision has set (paused, stopped) is none of evidence: give the one that there would be without it.

    A pause whose last day is past asks to be resumed, whatever became of the milestone since; only a due date that is
    past weighs more, as resuming alone would not mend it. Silent in two reviews in a row: pause and re-plan.
    """
    if decision and today and decision.over(today) and status not in {"proven", "missed"}:
        ended = day(decision.last_day or today)
        return Advice(choice="resume", text=f"resume, or decide anew: the pause ended on {ended}")
    if status == "stalled" and stalled_before:
        return Advice(choice="pause", text="pause and re-plan: it was stalled in two reviews in a row")
    choice, text = BY_STATUS[status]
    return Advice(choice=choice, text=text)
