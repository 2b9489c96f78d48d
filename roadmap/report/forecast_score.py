"""How good the forecasts were: each scored once it is known whether its target was met by its due date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.store.database import clock_of
from roadmap.judge.evidence import gather_evidence, load_windows
from roadmap.model import last_finished_day
from roadmap.plan.revisions import as_planned, recorded_plans

if TYPE_CHECKING:
    from datetime import date

    from sqlite_utils import Database

    from roadmap.model import Evidence
    from roadmap.plan.milestones import Milestone

#: Scored forecasts below which a score says little.
MIN_SCORED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastScore:
    """The forecasts of a milestone against what came of them."""

    scored: int
    waiting: int  #: whose outcome is not known yet
    brier: float | None  #: mean of (odds - outcome)^2: 0 is foresight, 0.25 a coin's; None: nothing to score
    text: str


def score_forecasts(db: Database, milestone: Milestone, today: date) -> ForecastScore:
    """The Brier score of all forecasts stored for a milestone until a day (Brier 1950, for one outcome of two).

    A forecast is scored once the milestone is proven or the due date it was made for is over; its outcome is 1 where
    its target, as it was planned then, was met by that date, else 0.
    """
    last = last_finished_day(clock_of(db), today).isoformat()
    known: dict[int, Evidence] = {}
    errors, waiting = [], 0
    for revision, key, due, odds in _stored(db, milestone.code, today):
        if revision not in known:
            plans = {one.revision: one for one in recorded_plans(db, milestone.code)}
            then = as_planned(milestone, plans[revision]) if revision in plans else milestone
            known[revision] = gather_evidence(db, then, load_windows(db, then, today), today)
        proven_on = known[revision].proven_on
        met = [day for day in (known[revision].met_on.get(key), proven_on) if day is not None]
        if proven_on is None and last < due:
            waiting += 1
        else:
            outcome = float(any(day.isoformat() <= due for day in met))
            errors.append((odds - outcome) ** 2)
    brier = sum(errors) / len(errors) if errors else None
    return ForecastScore(scored=len(errors), waiting=waiting, brier=brier, text=_said(len(errors), waiting, brier))


def _stored(
    db: Database, code: str, today: date
) -> list[tuple[int, tuple[str, str, str], str, float]]:  # fmt: skip
    """Every stored forecast: revision of its plan, role, measure and faults, due date, odds."""
    if not db.table("forecast").exists():  # only older releases have written here; a reader may not add it
        return []
    sql = (
        "SELECT e.revision, f.role, f.name, f.faults, f.due, f.odds FROM forecast f "
        "JOIN evaluation e ON e.id = f.evaluation_id WHERE f.code = ? AND f.as_of <= ? ORDER BY f.id"
    )
    found = db.execute(sql, (code, today.isoformat())).fetchall()
    return [(revision, (role, name, faults), due, odds) for revision, role, name, faults, due, odds in found]


def _said(scored: int, waiting: int, brier: float | None) -> str:
    later = f"; {_many(waiting)} cannot be scored yet" if waiting else ""
    if brier is None:
        return f"{_many(waiting)}, none of which can be scored yet" if waiting else "no forecast with odds so far"
    if scored < MIN_SCORED:
        return f"{_many(scored)}, Brier score {brier:.2f}: too few to say much{later}"
    return f"{_many(scored)}, Brier score {brier:.2f}; 0.25 is a coin's{later}"


def _many(count: int) -> str:
    return f"{count} forecast" if count == 1 else f"{count} forecasts"
