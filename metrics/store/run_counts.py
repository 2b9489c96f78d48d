"""Counts of runs by outcome and of quarantined rows by reason, rebuilt with the rollup; lists are counted by them.

A list of runs and its count share three conditions on a run: `IS_FIRST` (first attempt), `IS_LAST` (last attempt) and
`IS_COUNTED` (the rollup counts it).
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
    """Return the condition that `name` is an ended attempt at the same exchange as `of`, on any day."""
    same = " AND ".join(f"{name}.{column} = {of}.{column}" for column in EXCHANGE_ID)
    return f"{same} AND {name}.outcome != 'running'"


_HAS_LATER = (
    f"EXISTS (SELECT 1 FROM run AS again WHERE {other_ended_attempts('again', 'run')} AND again.attempt > run.attempt)"  # noqa: S608
)

#: Condition: a row of `run` is the first attempt at its exchange.
IS_FIRST = "run.attempt = 1"

#: Condition: no later attempt has ended. A running attempt is always the last.
IS_LAST = f"(run.outcome = 'running' OR NOT {_HAS_LATER})"

#: Condition: the rollup counts a run: it has ended, and in a replay its round has reached the end of the block.
IS_COUNTED = (
    "(run.outcome != 'running' AND (run.mode != 'replay' OR EXISTS "
    "(SELECT 1 FROM holding WHERE holding.cell = run.cell AND holding.round = run.round)))"
)


@contextmanager
def superseded(db: Database) -> Iterator[None]:
    """Fill `temp.superseded` for the block: the runs of the touched cells after which another attempt has ended."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS superseded (id INTEGER PRIMARY KEY)")
    db.execute(SUPERSEDED_SQL)
    yield
    db.execute("DELETE FROM temp.superseded")


def update_counts(db: Database) -> None:
    """Rebuild the rows of `tally` and `set_aside` for the cells in `temp.touched`, inside `superseded`."""
    for sql in TALLY_SQL:
        db.execute(sql)


def rebuild_counts(db: Database) -> None:
    """Build all counts, block by block, for a store of an older release, which has none."""
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
WITH quarantined AS MATERIALIZED (
  SELECT run.cell, run.rows_quarantined, run.aside,
    (SELECT COALESCE(SUM(value), 0) FROM json_each(run.aside)) AS with_reason
  FROM temp.touched CROSS JOIN run INDEXED BY run_set_aside ON run.cell = touched.cell
    LEFT JOIN temp.superseded ON superseded.id = run.id
  WHERE run.rows_quarantined > 0 AND superseded.id IS NULL AND {IS_COUNTED}
)
INSERT INTO set_aside (cell, code, rows, runs)
SELECT cell, code, SUM(rows), COUNT(*) FROM (
  SELECT cell, json_each.key AS code, json_each.value AS rows FROM quarantined, json_each(quarantined.aside)
  UNION ALL SELECT cell, '', rows_quarantined - with_reason FROM quarantined WHERE rows_quarantined > with_reason
) GROUP BY cell, code""",  # noqa: S608
)
