"""Counts of runs by how they ended, and of rows set aside by why, made anew with the rollup: what lists are counted by.

A list of runs and its count ask the same three things of a run, which are told here once: whether it was the `FIRST`
attempt, whether it is the `LAST`, and whether the rollup has `COUNTED` it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from metrics.store.cells import EXCHANGE_ID
from metrics.store.migrations import TALLY_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_utils import Database


def other_ended_attempts(name: str, of: str) -> str:
    """That `name` is an attempt that has ended, at the same exchange as `of`, on whatever day."""
    same = " AND ".join(f"{name}.{column} = {of}.{column}" for column in EXCHANGE_ID)
    return f"{same} AND {name}.outcome != 'running'"


_HAS_LATER = (
    f"EXISTS (SELECT 1 FROM run AS again WHERE {other_ended_attempts('again', 'run')} AND again.attempt > run.attempt)"  # noqa: S608
)

#: That a row of `run` is the first attempt at its exchange.
IS_FIRST = "run.attempt = 1"

#: That no later attempt has ended. One that goes on is the last there is.
IS_LAST = f"(run.outcome = 'running' OR NOT {_HAS_LATER})"

#: That the rollup counts a run: it has ended, and in a replay its round has come to the end of the block.
IS_COUNTED = (
    "(run.outcome != 'running' AND (run.mode != 'replay' OR EXISTS "
    "(SELECT 1 FROM holding WHERE holding.cell = run.cell AND holding.round = run.round)))"
)


@contextmanager
def superseded(db: Database) -> Iterator[None]:
    """While this lasts, `temp.superseded` has the runs of the touched cells after which another attempt has ended."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS superseded (id INTEGER PRIMARY KEY)")
    db.execute(SUPERSEDED_SQL)
    yield
    db.execute("DELETE FROM temp.superseded")


def update_counts(db: Database) -> None:
    """Make the rows of `tally` and `set_aside` anew for the cells in `temp.touched`; see `superseded`."""
    for sql in TALLY_SQL:
        db.execute(sql)


def rebuild_counts(db: Database) -> None:
    """Make all of them, block by block: for a store of an older release, which has none."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS touched (cell INTEGER PRIMARY KEY)")
    for (block,) in db.execute("SELECT DISTINCT block FROM cell").fetchall():
        db.execute("INSERT INTO temp.touched SELECT id FROM cell WHERE block = ?", (block,))
        with superseded(db):
            update_counts(db)
        db.execute("DELETE FROM temp.touched")


SUPERSEDED_SQL = f"""
INSERT INTO temp.superseded
SELECT run.id FROM temp.touched CROSS JOIN run ON run.cell = touched.cell WHERE {_HAS_LATER}"""  # noqa: S608 (our own names)

TALLY_SQL = (
    "DELETE FROM tally WHERE cell IN (SELECT cell FROM temp.touched)",
    "DELETE FROM set_aside WHERE cell IN (SELECT cell FROM temp.touched)",
    f"""
INSERT INTO tally ({", ".join(TALLY_ID)}, runs, first_at_us, last_at_us, block_end)
SELECT run.cell, run.outcome, run.fingerprint, {IS_FIRST}, run.outcome = 'running' OR superseded.id IS NULL,
  {IS_COUNTED}, COUNT(*), MIN(run.started_at_us), MAX(run.started_at_us), MAX(run.block_end)
FROM temp.touched CROSS JOIN run ON run.cell = touched.cell LEFT JOIN temp.superseded ON superseded.id = run.id
GROUP BY 1, 2, 3, 4, 5, 6""",  # noqa: S608
    f"""
WITH held AS MATERIALIZED (
  SELECT run.cell, run.rows_quarantined, run.aside,
    (SELECT COALESCE(SUM(value), 0) FROM json_each(run.aside)) AS told
  FROM temp.touched CROSS JOIN run INDEXED BY run_set_aside ON run.cell = touched.cell
    LEFT JOIN temp.superseded ON superseded.id = run.id
  WHERE run.rows_quarantined > 0 AND superseded.id IS NULL AND {IS_COUNTED}
)
INSERT INTO set_aside (cell, code, rows, runs)
SELECT cell, code, SUM(rows), COUNT(*) FROM (
  SELECT cell, json_each.key AS code, json_each.value AS rows FROM held, json_each(held.aside)
  UNION ALL SELECT cell, '', rows_quarantined - told FROM held WHERE rows_quarantined > told
) GROUP BY cell, code""",  # noqa: S608
)
