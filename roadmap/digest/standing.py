"""Where the milestones stand at one moment, as plain data, so that a later digest can say what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roadmap.judge.advice import decision_needed
from roadmap.records.checkins import checkins
from roadmap.records.decisions import recorded_decisions
from roadmap.wording.dates import day
from roadmap.wording.numbers import odds_text
from roadmap.wording.verdicts import reading_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_utils import Database

    from roadmap.model import Verdict

#: Where the milestones stand: by code, the values of `standing_of`.
Standings = dict[str, dict[str, Any]]


def standings_of(db: Database | None, verdicts: Sequence[Verdict]) -> Standings:
    """Return where the milestones stand by their verdicts, as plain data; without a database nothing is recorded."""
    return {verdict.code: _standing_of(db, verdict) for verdict in verdicts}


def _standing_of(db: Database | None, v: Verdict) -> dict[str, Any]:
    decisions = recorded_decisions(db, v.code, v.as_of) if db else ()
    made = checkins(db, v.code, v.as_of) if db else ()
    saved = next((c for c in v.criteria if c.name == "busy_time_saved"), None)
    return {
        "title": v.title,
        "status": v.status,
        "reason": v.reasons[0].text if v.reasons else "",
        "due": v.due.isoformat(),
        "forecast": _forecast(v),
        "gain": reading_text(saved.reading, saved.unit, saved.kind, saved.target)
        if saved and saved.reading and saved.reading.estimate is not None
        else "",
        "spent": v.spent,
        "budget": v.budget,
        "advice": v.advice.text if _waits_for_decision(v, db) else "",
        "choice": v.advice.choice,
        "decision": decisions[-1].decision.id if decisions else 0,
        "checkin": made[-1].id if made else 0,
    }


def _forecast(v: Verdict) -> str:
    """Return when a proof is expected, or how likely it is in time; "" without a forecast."""
    targets = [forecast for forecast in v.forecasts if forecast.role == "metric"]
    days = [forecast.expected_on for forecast in targets]
    odds = [forecast.odds for forecast in targets if forecast.odds is not None]
    known = [moment for moment in days if moment is not None]
    expected = f"expected around {day(max(known))}" if known and len(known) == len(days) else ""
    return ", ".join(filter(None, (expected, odds_text(min(odds)) if odds else "")))


def _waits_for_decision(v: Verdict, db: Database | None) -> bool:
    """Return whether the findings ask for a decision, and none was taken on the same findings or holds."""
    if not decision_needed(v.status, v.advice):
        return False
    recorded = recorded_decisions(db, v.code, v.as_of) if db else ()
    if not recorded:
        return True
    last = recorded[-1]
    same = (last.verdict.get("status"), (last.verdict.get("advice") or {}).get("choice"))
    return not last.decision.holds(v.as_of) and same != (v.status, v.advice.choice)
