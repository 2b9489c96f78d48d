"""Rows that were set aside, by why: of the last attempts that are counted, as each attempt tells what stands aside.

Rows are counted by cell, and once an exchange. State, attempt and fingerprint are looked at by `runs` alone, the length
of a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.queries.filter_sql import cell_conditions, outcome_conditions, reason_code, run_conditions

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.queries.run_filter import RunFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineReason:
    """Rows of one feed that were set aside for one reason, and in how many exchanges."""

    partner: str
    feed: str
    code: str | None  #: code of the error; None: nobody noted why
    rows: int
    runs: int
    last_block: str  #: first day of the newest block that has some


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedInBlock:
    """Rows of one feed that were set aside for one reason in one block."""

    block: str
    block_end: str
    partner: str
    feed: str
    code: str | None
    rows: int


def count_runs_with_reason(db: Database, picked: RunFilter) -> int:
    """How many runs are on a list that is picked by a reason (`Picked.aside`)."""
    cells = cell_conditions(db, picked)
    if not (picked.states or picked.attempt or picked.fingerprint):
        sql = (
            "SELECT SUM(runs) FROM set_aside CROSS JOIN cell ON cell.id = set_aside.cell "  # noqa: S608
            f"WHERE code = ? AND {cells.where}"
        )
        return int(db.execute(sql, (reason_code(picked.aside), *cells.values)).fetchone()[0] or 0)
    each = run_conditions(picked) + outcome_conditions("run", picked)
    # runs that set rows aside are few, and found by an index of their own
    sql = (
        "SELECT COUNT(*) FROM cell CROSS JOIN run INDEXED BY run_set_aside ON run.cell = cell.id "  # noqa: S608
        f"WHERE {cells.where} AND {each.where}"
    )
    return int(db.execute(sql, (*cells.values, *each.values)).fetchone()[0])


def rows_by_reason(db: Database, picked: RunFilter) -> tuple[QuarantineReason, ...]:
    """Rows set aside by feed and reason, the most first."""
    cells = cell_conditions(db, picked)
    sql = (
        "SELECT cell.partner, cell.feed, code, SUM(rows), SUM(runs), MAX(cell.block) "  # noqa: S608
        f"FROM set_aside CROSS JOIN cell ON cell.id = set_aside.cell WHERE {cells.where} "
        "GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3"
    )
    return tuple(
        QuarantineReason(partner=partner, feed=feed, code=code or None, rows=rows, runs=runs, last_block=block)
        for partner, feed, code, rows, runs, block in db.execute(sql, cells.values)
    )


def rows_by_block(db: Database, picked: RunFilter) -> tuple[QuarantinedInBlock, ...]:
    """Rows set aside by block, feed and reason, the oldest first."""
    cells = cell_conditions(db, picked)
    ends = "(SELECT MAX(block_end) FROM tally WHERE tally.cell = cell.id AND counted)"
    sql = (
        f"SELECT cell.block, MAX({ends}), cell.partner, cell.feed, code, SUM(rows) "  # noqa: S608
        f"FROM set_aside CROSS JOIN cell ON cell.id = set_aside.cell WHERE {cells.where} "
        "GROUP BY 1, 3, 4, 5 ORDER BY 1, 3, 4, 5"
    )
    return tuple(
        QuarantinedInBlock(block=block, block_end=end, partner=partner, feed=feed, code=code or None, rows=rows)
        for block, end, partner, feed, code, rows in db.execute(sql, cells.values)
    )
