"""The blocks of a list: those in which its runs were counted, and how far the blocks reach that its days pick.

They tell a block without any run from one that nobody measured, and days that were asked for from days that were meant.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from metrics.queries.filter_sql import cell_conditions

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.queries.run_filter import RunFilter


def counted_blocks(db: Database, picked: RunFilter) -> tuple[tuple[str, str], ...]:
    """First and last day of each block that has a counted run of these cells, the oldest first.

    What is picked by state, attempt or fingerprint is not looked at.
    """
    cells = cell_conditions(db, picked)
    sql = (
        "SELECT cell.block, MAX(tally.block_end) FROM cell CROSS JOIN tally ON tally.cell = cell.id "  # noqa: S608
        f"WHERE {cells.where} AND tally.counted GROUP BY 1 ORDER BY 1"
    )
    return tuple((block, end) for block, end in db.execute(sql, cells.values))


def block_range(db: Database, picked: RunFilter) -> tuple[date, date] | None:
    """First and last day of the blocks that the days of a list pick; None where none lie there.

    Whole blocks are picked, so that they may reach beyond the days. What else a list picks by is not looked at.
    """
    anything = replace(
        picked, sides=(), states=(), partners=(), feeds=(), faults=(), attempt="", fingerprint="", aside="",
        counted=None,
    )  # fmt: skip
    cells = cell_conditions(db, anything)
    first, last = (
        db.execute(f"SELECT {which}(cell.block) FROM cell WHERE {cells.where}", cells.values).fetchone()[0]  # noqa: S608
        for which in ("MIN", "MAX")
    )
    ends = "SELECT MAX(tally.block_end) FROM cell CROSS JOIN tally ON tally.cell = cell.id WHERE cell.block = ?"
    end = db.execute(ends, (last,)).fetchone()[0]
    return (date.fromisoformat(first), date.fromisoformat(end)) if end is not None else None
