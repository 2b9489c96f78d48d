"""Counts of quarantined rows by reason: of the last attempts that count, as each attempt recorded its reasons.

Rows are counted per cell, once an exchange. Only `count_runs_with_reason`, the length of a list, regards state, attempt
and fingerprint of a filter.
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
    """Rows of one feed quarantined for one reason, and the number of exchanges that have such rows."""

    partner: str
    feed: str
    code: str | None  #: code of the error; None: not recorded
    rows: int
    runs: int
    last_block: str  #: first day of the newest block that has such rows


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedInBlock:
    """Rows of one feed quarantined for one reason in one block."""

    block: str
    block_end: str
    partner: str
    feed: str
    code: str | None
    rows: int


def count_runs_with_reason(db: Database, run_filter: RunFilter) -> int:
    """Count the runs of a filter by reason (`RunFilter.reason`)."""
    cells = cell_conditions(db, run_filter)
    if not (run_filter.states or run_filter.attempt or run_filter.fingerprint):
        sql = (
            "SELECT SUM(runs) FROM set_aside CROSS JOIN cell ON cell.id = set_aside.cell "  # noqa: S608
            f"WHERE code = ? AND {cells.where}"
        )
        return int(db.execute(sql, (reason_code(run_filter.reason), *cells.values)).fetchone()[0] or 0)
    runs = run_conditions(run_filter) + outcome_conditions("run", run_filter)
    # runs that quarantined rows are few and have an index of their own
    sql = (
        "SELECT COUNT(*) FROM cell CROSS JOIN run INDEXED BY run_set_aside ON run.cell = cell.id "  # noqa: S608
        f"WHERE {cells.where} AND {runs.where}"
    )
    return int(db.execute(sql, (*cells.values, *runs.values)).fetchone()[0])


def rows_by_reason(db: Database, run_filter: RunFilter) -> tuple[QuarantineReason, ...]:
    """Return the quarantined rows by feed and reason, most rows first."""
    cells = cell_conditions(db, run_filter)
    sql = (
        "SELECT cell.partner, cell.feed, code, SUM(rows), SUM(runs), MAX(cell.block) "  # noqa: S608
        f"FROM set_aside CROSS JOIN cell ON cell.id = set_aside.cell WHERE {cells.where} "
        "GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3"
    )
    return tuple(
        QuarantineReason(partner=partner, feed=feed, code=code or None, rows=rows, runs=runs, last_block=block)
        for partner, feed, code, rows, runs, block in db.execute(sql, cells.values)
    )


def rows_by_block(db: Database, run_filter: RunFilter) -> tuple[QuarantinedInBlock, ...]:
    """Return the quarantined rows by block, feed and reason, oldest first."""
    cells = cell_conditions(db, run_filter)
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
