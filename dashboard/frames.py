"""Store in, tidy pandas frames and small facts out. Shares are 0 to 1, rates per 1,000, time in seconds.

A side that was not measured in a week has NaN there, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from metrics.compare import block_series
from metrics.events import parse_subject
from roadmap.evidence import question

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlite_utils import Database

    from metrics.window import Question
    from roadmap.plan import Milestone, Plan

#: Columns of `weekly`, with what they hold.
WEEKLY = {
    "block": "First day",
    "block_end": "Last day",
    "milestone": "Milestone",
    "control_s": "Monolith, busy seconds per 1,000 records",
    "subject_s": "Service, busy seconds per 1,000 records",
    "target_s": "Target, busy seconds per 1,000 records",
    "control_held": "Monolith, records held",
    "subject_held": "Service, records held",
    "control_first": "Monolith, failed at first per 1,000",
    "subject_first": "Service, failed at first per 1,000",
    "control_after": "Monolith, failed after retries per 1,000",
    "subject_after": "Service, failed after retries per 1,000",
    "control_exchanges": "Monolith, exchanges",
    "subject_exchanges": "Service, exchanges",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The days in which one milestone's subject is the service that people use; stretches never overlap."""

    milestone: Milestone
    start: date
    end: date
    target: float | None  #: share of the baseline's time to be saved

    @property
    def code(self) -> str:
        """The milestone's code."""
        return self.milestone.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What one side did in a window, over all rounds; None where nothing was measured."""

    attempts: int | None
    rounds: int | None
    blocked_s: float | None
    busy_s: float | None


def stretches(plan: Plan, built: int, today: date) -> list[Stretch]:
    """Which milestone's service stands when: each built one from its start until the next built one's."""
    standing = sorted((m for m in plan.milestones if m.level <= built and m.start <= today), key=lambda m: m.start)
    ends = [later.start - timedelta(days=1) for later in standing[1:]] + [today]
    return [
        Stretch(milestone=milestone, start=milestone.start, end=min(end, today), target=time_target(milestone))
        for milestone, end in zip(standing, ends, strict=True)
        if milestone.start <= end
    ]


def time_target(milestone: Milestone) -> float | None:
    """The share of time that a milestone wants saved; a metric goes before a guardrail. None: it names none."""
    targets = (*milestone.metrics, *milestone.guardrails)
    return next((target.value for target in targets if target.name == "busy_time_saved"), None)


def weekly(db: Database, parts: Iterable[Stretch], mode: str, faults: str) -> pd.DataFrame:
    """Both sides by block, each block under the milestone that stood then; columns as in `WEEKLY`.

    Sums run over all feeds of the milestone's scope and over rounds; the mix is not held still here.
    """
    rows: list[dict[str, Any]] = []
    for part in parts:
        asked = question(part.milestone, part.end, mode, faults)
        rows += [_week(row, part) for row in block_series(db, asked)]
    frame = pd.DataFrame(rows, columns=list(WEEKLY))
    numbers = [name for name in WEEKLY if name not in {"block", "block_end", "milestone"}]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def _week(row: dict[str, Any], part: Stretch) -> dict[str, Any]:
    control_s = _per_thousand(row["control_busy_s"], row["control_held"])
    week: dict[str, Any] = {
        "block": date.fromisoformat(row["block"]),
        "block_end": date.fromisoformat(row["block_end"]),
        "milestone": part.code,
        "control_s": control_s,
        "subject_s": _per_thousand(row["subject_busy_s"], row["subject_held"]),
        "target_s": None if control_s is None or part.target is None else control_s * (1 - part.target),
    }
    for side in ("control", "subject"):
        exchanges = row[f"{side}_exchanges"]
        week |= {
            f"{side}_held": row[f"{side}_held"],
            f"{side}_exchanges": exchanges,
            f"{side}_first": _per_thousand(row[f"{side}_first_failed"], exchanges),
            f"{side}_after": _per_thousand(row[f"{side}_still_failed"], exchanges),
        }
    return week


def _per_thousand(amount: float | None, of: float | None) -> float | None:
    return None if amount is None or not of else amount / of * 1000


def sums(db: Database, asked: Question, name: str) -> Sums:
    """What one side did in a question's days; `asked.series` must be filled in."""
    system, level = parse_subject(name)
    sql = (
        "SELECT SUM(attempts), MAX(rounds), SUM(blocked_ns), SUM(busy_ns) FROM run_block WHERE block >= ? "
        "AND block_end <= ? AND system = ? AND level = ? AND mode = ? AND faults = ? AND series = ?"
    )
    days = (asked.start.isoformat(), asked.end.isoformat())
    attempts, rounds, blocked_ns, busy_ns = db.execute(
        sql, (*days, system, level, asked.mode, asked.faults, asked.series)
    ).fetchone()
    return Sums(attempts=attempts, rounds=rounds, blocked_s=_seconds(blocked_ns), busy_s=_seconds(busy_ns))


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e9


def runs_measured(db: Database) -> int:
    """How many runs the store holds, of all subjects, series and rounds."""
    return int(db.execute("SELECT COALESCE(SUM(attempts), 0) FROM run_block").fetchone()[0])


def runs_until(db: Database, last: date) -> tuple[int, int]:
    """How many runs the store holds of the blocks up to a day, and how many of them were read from logs."""
    sql = "SELECT COALESCE(SUM(attempts), 0), COALESCE(SUM(imported), 0) FROM run_block WHERE block_end <= ?"
    runs, imported = db.execute(sql, (last.isoformat(),)).fetchone()
    return int(runs), int(imported)


def is_pinned(db: Database, asked: Question) -> bool:
    """Whether the baseline's weights are fixed for a question's series."""
    sql = "SELECT 1 FROM baseline WHERE series = ? AND mode = ? AND faults = ? AND system = ?"
    return db.execute(sql, (asked.series, asked.mode, asked.faults, asked.control)).fetchone() is not None


def spent(db: Database, today: date) -> dict[str, float]:
    """What was spent by milestone code up to a day; a code without an entry is missing, which is not 0."""
    sql = "SELECT code, SUM(amount) FROM cost_entry WHERE as_of <= ? GROUP BY code"
    return {code: float(amount) for code, amount in db.execute(sql, (today.isoformat(),)).fetchall()}


def records(frame: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Rows as plain values: days as ISO dates, NaN as None."""
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in frame[list(columns)].to_dict(orient="records")
    ]


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, float) and pd.isna(value) else value
