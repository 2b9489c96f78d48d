"""Score recorded forecasts, each once it is known whether its target was met by its due date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.store.database import clock_of
from roadmap.judge.evidence import gather_evidence, load_windows
from roadmap.model import last_finished_day
from roadmap.plan.revisions import as_planned, recorded_plans
from roadmap.wording.numbers import plural

if TYPE_CHECKING:
    from datetime import date

    from sqlite_utils import Database

    from roadmap.model import Evidence
    from roadmap.plan.milestones import Milestone

#: Below this many scored forecasts, a score means little.
MIN_SCORED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastScore:
    """The forecasts of a milestone compared with their outcomes."""

    scored: int
    waiting: int  #: forecasts whose outcome is unknown so far
    brier: float | None  #: mean of (odds - outcome)^2: 0 is perfect, 0.25 a coin's; None: nothing to score
    text: str


def score_forecasts(db: Database, milestone: Milestone, today: date) -> ForecastScore:
    """Return the Brier score of a milestone's forecasts up to a day (Brier 1950, for one outcome of two).

    A forecast is scored once the milestone is proven or the due date it was made for is past; its outcome is 1 if its
    target, as planned then, was met by that date, else 0.
    """
    last = last_finished_day(clock_of(db), today).isoformat()
    evidence: dict[int, Evidence] = {}
    errors, waiting = [], 0
    for revision, key, due, odds in _recorded_forecasts(db, milestone.code, today):
        if revision not in evidence:
            plans = {plan.revision: plan for plan in recorded_plans(db, milestone.code)}
            then = as_planned(milestone, plans[revision]) if revision in plans else milestone
            evidence[revision] = gather_evidence(db, then, load_windows(db, then, today), today)
        proven_on = evidence[revision].proven_on
        met = [day for day in (evidence[revision].met_on.get(key), proven_on) if day is not None]
        if proven_on is None and last < due:
            waiting += 1
        else:
            outcome = float(any(day.isoformat() <= due for day in met))
            errors.append((odds - outcome) ** 2)
    brier = sum(errors) / len(errors) if errors else None
    return ForecastScore(scored=len(errors), waiting=waiting, brier=brier, text=_text(len(errors), waiting, brier))


def _recorded_forecasts(
    db: Database, code: str, today: date
) -> list[tuple[int, tuple[str, str, str], str, float]]:  # fmt: skip
    """Return every recorded forecast: revision of its plan, role, measure and faults, due date, odds."""
    if not db.table("forecast").exists():  # only older releases have written here; a reader may not add it
        return []
    sql = (
        "SELECT e.revision, f.role, f.name, f.faults, f.due, f.odds FROM forecast f "
        "JOIN evaluation e ON e.id = f.evaluation_id WHERE f.code = ? AND f.as_of <= ? ORDER BY f.id"
    )
    rows = db.execute(sql, (code, today.isoformat())).fetchall()
    return [(revision, (role, name, faults), due, odds) for revision, role, name, faults, due, odds in rows]


def _text(scored: int, waiting: int, brier: float | None) -> str:
    later = f"; {plural(waiting, 'forecast')} cannot be scored yet" if waiting else ""
    if brier is None:
        return (
            f"{plural(waiting, 'forecast')}, none of which can be scored yet"
            if waiting
            else "no forecast with odds so far"
        )
    few = ": too few to mean much" if scored < MIN_SCORED else "; 0.25 is a coin's"
    return f"{plural(scored, 'forecast')}, Brier score {brier:.2f}{few}{later}"
