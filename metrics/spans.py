"""The blocks in which runs of a list were counted: what tells a block without any from one that nobody measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrics.picked import of_cells

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.picked import Picked


def blocks(db: Database, picked: Picked) -> tuple[tuple[str, str], ...]:
    """First and last day of each block that has a counted run of these cells, the oldest first.

    What is picked by state, attempt or fingerprint is not looked at.
    """
    cells = of_cells(db, picked)
    sql = (
        "SELECT cell.block, MAX(tally.block_end) FROM cell CROSS JOIN tally ON tally.cell = cell.id "  # noqa: S608
        f"WHERE {cells.where} AND tally.counted GROUP BY 1 ORDER BY 1"
    )
    return tuple((block, end) for block, end in db.execute(sql, cells.values))
