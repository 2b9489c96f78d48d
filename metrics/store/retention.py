"""Remove old runs of production from the store; what was computed from them stays.

Milestones are judged by the rollup, one row per block, subject and stratum, which is never removed. Lists of runs and
groups of failures end at the removed days. A run of these days that arrives later is listed, and changes no rollup, as
the runs that it would be counted with are gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrics.store.database import write_transaction
from metrics.store.rollup import RUNS_KEPT_FROM

if TYPE_CHECKING:
    from datetime import date

    from sqlite_utils import Database

#: Cells of production whose block ended before a day and that have runs; none with a run under way.
OLD_CELLS = """
SELECT cell.id FROM cell WHERE cell.mode = 'live' AND EXISTS (SELECT 1 FROM run WHERE run.cell = cell.id)
AND NOT EXISTS (SELECT 1 FROM run WHERE run.cell = cell.id AND (run.block_end >= ? OR run.outcome = 'running'))
"""

#: Cells of one transaction, so that no other writer waits long.
BATCH_CELLS = 200


def remove_old_runs(db: Database, kept_from: date, *, dry_run: bool) -> int:
    """Remove the runs of blocks of production that ended before a day; return how many, or would be with `dry_run`.

    Raises sqlite3.DatabaseError.
    """
    day = kept_from.isoformat()
    cells = [cell for (cell,) in db.execute(OLD_CELLS, [day]).fetchall()]
    count = "SELECT COUNT(*) FROM run WHERE cell = ?"
    runs: int = sum(db.execute(count, [cell]).fetchone()[0] for cell in cells)
    if dry_run or not cells:
        return runs
    for start in range(0, len(cells), BATCH_CELLS):
        with write_transaction(db):
            db.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = MAX(value, excluded.value)",
                [RUNS_KEPT_FROM, day],
            )
            batch = [(cell,) for cell in cells[start : start + BATCH_CELLS]]
            for table in ("run", "tally", "set_aside"):
                db.conn.executemany(f"DELETE FROM {table} WHERE cell = ?", batch)  # noqa: S608 (our own names)
    return runs
