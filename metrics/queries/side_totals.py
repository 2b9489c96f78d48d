"""Totals of one side over the blocks of a question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.events import parse_subject

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.question import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class SideTotals:
    """Totals of one side in a window; None where nothing was measured. Imported logs tell no blocked time."""

    rounds: int | None
    blocked_s: float | None  #: over all rounds


def side_totals(db: Database, question: Question, subject: str) -> SideTotals:
    """Return the totals of a subject in a question's days; `question.series` must be set."""
    system, level = parse_subject(subject)
    sql = (
        "SELECT MAX(rounds), IIF(SUM(attempts) > SUM(imported), SUM(blocked_ns), NULL) FROM run_block "
        "WHERE block >= ? AND block_end <= ? AND system = ? AND level = ? AND mode = ? AND faults = ? AND series = ?"
    )
    days = (question.start.isoformat(), question.end.isoformat())
    values = (*days, system, level, question.mode, question.faults, question.series)
    rounds, blocked_ns = db.execute(sql, values).fetchone()
    return SideTotals(rounds=rounds, blocked_s=None if blocked_ns is None else blocked_ns / 1e9)
