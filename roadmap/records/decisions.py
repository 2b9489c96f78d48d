"""What was decided and spent, read back from the store as it was recorded."""

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
    """One amount that was spent, or taken back."""

    amount: float
    note: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDecision:
    """A decision with what was computed and known when it was taken."""

    decision: Decision
    advice: str  #: "choice: text", as computed then
    evaluation_sha256: str | None  #: hash of the evidence of the evaluation that it rests on
    verdict: dict[str, Any]  #: the whole verdict of that moment, as `report.to_json` has it


def latest_decision(db: Database, code: str, today: date) -> Decision | None:
    """The latest decision on a milestone until a day; None while nobody decided anything."""
    taken = recorded_decisions(db, code, today)
    return taken[-1].decision if taken else None


def recorded_decisions(db: Database, code: str, today: date) -> tuple[RecordedDecision, ...]:
    """All decisions on a milestone until a day, the first first."""
    sql = (
        "SELECT id, choice, owner, why, until, as_of, advice, evidence FROM decision WHERE code = ? AND as_of <= ? "
        "ORDER BY as_of, id"
    )
    return tuple(_recorded_decision(*row) for row in db.execute(sql, (code, today.isoformat())).fetchall())


def _recorded_decision(
    number: int, choice: str, owner: str, why: str, until: str, as_of: str, advice: str, evidence: str
) -> RecordedDecision:  # fmt: skip
    known = json.loads(evidence or "{}")
    decided = Decision(
        id=number,
        choice=choice,
        owner=owner or "somebody",
        why=why or "no reason recorded",
        until=until or "",
        as_of=date.fromisoformat(as_of),
    )
    return RecordedDecision(
        decision=decided,
        advice=advice or "",
        evaluation_sha256=known.get("evidence_sha256"),
        verdict=known.get("verdict") or {},
    )


def cost_entries(db: Database, code: str, today: date) -> tuple[CostEntry, ...]:
    """All that was recorded as spent on a milestone until a day, the first first."""
    sql = "SELECT amount, note, as_of FROM cost_entry WHERE code = ? AND as_of <= ? ORDER BY as_of, id"
    return tuple(
        CostEntry(amount=float(amount), note=note or "", as_of=date.fromisoformat(as_of))
        for amount, note, as_of in db.execute(sql, (code, today.isoformat())).fetchall()
    )
