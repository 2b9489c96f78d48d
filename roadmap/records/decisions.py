"""Read recorded decisions and spending from the store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from roadmap.model import Decision

if TYPE_CHECKING:
    from sqlite_utils import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEntry:
    """One amount spent, or corrected."""

    amount: float
    note: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDecision:
    """A decision with the advice and the verdict of the moment it was made."""

    decision: Decision
    advice: str  #: "choice: text", as computed then
    evaluation_sha256: str | None  #: hash of the evidence of the evaluation that it rests on
    verdict: dict[str, Any]  #: of that moment, as `verdict_json.to_json` returns it


def latest_decision(db: Database, code: str, today: date) -> Decision | None:
    """Return the latest decision on a milestone up to a day; None where there is none."""
    recorded = recorded_decisions(db, code, today)
    return recorded[-1].decision if recorded else None


def recorded_decisions(db: Database, code: str, today: date) -> tuple[RecordedDecision, ...]:
    """Return all decisions on a milestone up to a day, oldest first."""
    sql = (
        "SELECT id, choice, owner, why, until, as_of, advice, evidence FROM decision WHERE code = ? AND as_of <= ? "
        "ORDER BY as_of, id"
    )
    return tuple(_recorded_decision(*row) for row in db.execute(sql, (code, today.isoformat())).fetchall())


def _recorded_decision(
    number: int, choice: str, owner: str, why: str, until: str, as_of: str, advice: str, evidence: str
) -> RecordedDecision:  # fmt: skip
    frozen = json.loads(evidence or "{}")
    decision = Decision(
        id=number,
        choice=choice,
        owner=owner or "unknown",
        why=why or "no reason recorded",
        until=until or "",
        as_of=date.fromisoformat(as_of),
    )
    return RecordedDecision(
        decision=decision,
        advice=advice or "",
        evaluation_sha256=frozen.get("evidence_sha256"),
        verdict=frozen.get("verdict") or {},
    )


def cost_entries(db: Database, code: str, today: date) -> tuple[CostEntry, ...]:
    """Return all spending recorded on a milestone up to a day, oldest first."""
    sql = "SELECT amount, note, as_of FROM cost_entry WHERE code = ? AND as_of <= ? ORDER BY as_of, id"
    return tuple(
        CostEntry(amount=float(amount), note=note or "", as_of=date.fromisoformat(as_of))
        for amount, note, as_of in db.execute(sql, (code, today.isoformat())).fetchall()
    )
