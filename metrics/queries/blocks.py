"""Blocks of a list of runs: those that have counted runs, and the days that the selected blocks span.

With them a block without a matching run differs from a block that was not measured, and the days of whole blocks from
the days that the filter names.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from metrics.queries.filter_sql import cell_conditions

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.queries.run_filter import RunFilter


def counted_blocks(db: Database, run_filter: RunFilter) -> tuple[tuple[str, str], ...]:
    """Return first and last day of each block that has a counted run of the filter's cells, oldest first.

    State, attempt and fingerprint of the filter are ignored.
    """
    cells = cell_conditions(db, run_filter)
    sql = (
        "SELECT cell.block, MAX(tally.block_end) FROM cell CROSS JOIN tally ON tally.cell = cell.id "  # noqa: S608
        f"WHERE {cells.where} AND tally.counted GROUP BY 1 ORDER BY 1"
    )
    return tuple((block, end) for block, end in db.execute(sql, cells.values))


def block_range(db: Database, run_filter: RunFilter) -> tuple[date, date] | None:
    """Return first and last day of the blocks that the days of a filter select; None where they select none.

    Whole blocks are selected, so they may reach beyond the days. All other fields of the filter are ignored.
    """
    days_only = replace(
        run_filter, sides=(), states=(), partners=(), feeds=(), faults=(), attempt="", fingerprint="", reason="",
        counted=None,
    )  # fmt: skip
    cells = cell_conditions(db, days_only)
    first, last = (
        db.execute(f"SELECT {extreme}(cell.block) FROM cell WHERE {cells.where}", cells.values).fetchone()[0]  # noqa: S608
        for extreme in ("MIN", "MAX")
    )
    ends = "SELECT MAX(tally.block_end) FROM cell CROSS JOIN tally ON tally.cell = cell.id WHERE cell.block = ?"
    end = db.execute(ends, (last,)).fetchone()[0]
    return (date.fromisoformat(first), date.fromisoformat(end)) if end is not None else None
