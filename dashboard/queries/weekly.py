"""Both sides by block as a pandas frame, and totals of one side. Shares are 0 to 1, rates per 1,000, time in seconds.

A side that was not measured in a block has NaN there, never 0.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from roadmap.report.block_series import BlockPoint, MilestoneSpan, block_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlite_utils import Database


#: Columns of `weekly_frame`, with their descriptions.
WEEKLY_COLUMNS = {
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


def weekly_frame(db: Database, parts: Iterable[MilestoneSpan], mode: str, faults: str) -> pd.DataFrame:
    """Return both sides by block, each block under its milestone; columns as in `WEEKLY_COLUMNS`.

    Sums run over all feeds of the milestone's scope and over rounds; the mix of feeds is not weighted.
    """
    rows = [asdict(point) for point in block_points(db, parts, mode, faults)]
    frame = pd.DataFrame(rows, columns=list(WEEKLY_COLUMNS))
    numbers = [name for name in WEEKLY_COLUMNS if name not in {"block", "block_end", "milestone"}]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def to_block_points(frame: pd.DataFrame) -> list[BlockPoint]:
    """Return the rows of `weekly_frame` as block points, NaN as None."""
    return [_block_point(row) for row in frame[list(WEEKLY_COLUMNS)].to_dict(orient="records")]


def _block_point(row: dict[Any, Any]) -> BlockPoint:
    values: dict[str, Any] = {name: None if pd.isna(value) else value for name, value in row.items()}
    return BlockPoint(**values)


def count_runs_until(db: Database, last: date) -> tuple[int, int]:
    """Return how many runs the blocks up to a day have, and how many of them were imported from logs."""
    sql = "SELECT COALESCE(SUM(attempts), 0), COALESCE(SUM(imported), 0) FROM run_block WHERE block_end <= ?"
    runs, imported = db.execute(sql, (last.isoformat(),)).fetchone()
    return int(runs), int(imported)


def spent_by_milestone(db: Database, today: date) -> dict[str, float]:
    """Return spending by milestone code up to a day; a code without an entry is missing, which is not 0."""
    sql = "SELECT code, SUM(amount) FROM cost_entry WHERE as_of <= ? GROUP BY code"
    return {code: float(amount) for code, amount in db.execute(sql, (today.isoformat(),)).fetchall()}


def plain_rows(frame: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows as plain values: days as ISO dates, NaN as None."""
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in frame[list(columns)].to_dict(orient="records")
    ]


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, float) and pd.isna(value) else value
