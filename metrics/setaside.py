"""Rows that were set aside, by why: of the last attempts that are counted, as each attempt tells what stands aside.

What is picked by state, attempt or fingerprint is not looked at: rows are counted by cell, and once an exchange.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.picked import of_cells

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.picked import Picked


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Rows of one feed that were set aside for one reason, and in how many exchanges."""

    partner: str
    feed: str
    code: str | None  #: code of the error; None: nobody noted why
    rows: int
    runs: int
    last_block: str  #: first day of the newest block that has some


@dataclass(frozen=True, slots=True, kw_only=True)
class InBlock:
    """Rows of one feed that were set aside for one reason in one block."""

    block: str
    block_end: str
    partner: str
    feed: str
    code: str | None
    rows: int


def by_reason(db: Database, picked: Picked) -> tuple[Reason, ...]:
    """Rows set aside by feed and reason, the most first."""
    cells = of_cells(db, picked)
    sql = (
        "SELECT cell.partner, cell.feed, code, SUM(rows), SUM(runs), MAX(cell.block) "  # noqa: S608
        f"FROM set_aside CROSS JOIN cell ON cell.id = set_aside.cell WHERE {cells.where} "
        "GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3"
    )
    return tuple(
        Reason(partner=partner, feed=feed, code=code or None, rows=rows, runs=runs, last_block=block)
        for partner, feed, code, rows, runs, block in db.execute(sql, cells.values)
    )


def over_time(db: Database, picked: Picked) -> tuple[InBlock, ...]:
    """Rows set aside by block, feed and reason, the oldest first."""
    cells = of_cells(db, picked)
    ends = "(SELECT MAX(block_end) FROM tally WHERE tally.cell = cell.id AND counted)"
    sql = (
        f"SELECT cell.block, MAX({ends}), cell.partner, cell.feed, code, SUM(rows) "  # noqa: S608
        f"FROM set_aside CROSS JOIN cell ON cell.id = set_aside.cell WHERE {cells.where} "
        "GROUP BY 1, 3, 4, 5 ORDER BY 1, 3, 4, 5"
    )
    return tuple(
        InBlock(block=block, block_end=end, partner=partner, feed=feed, code=code or None, rows=rows)
        for block, end, partner, feed, code, rows in db.execute(sql, cells.values)
    )
