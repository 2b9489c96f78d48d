"""The rollup: one row a block, subject and stratum, made anew from raw rows whenever one of them comes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from metrics.events import FAILED_OUTCOMES, OUTCOMES
from metrics.schema import BLOCK_ID, RUN_ID, SINCE_MISHAPS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_utils import Database


def abandon_stale(db: Database, before_us: int) -> None:
    """Runs that started before and never ended are abandoned: they count as failures, of unknown length."""
    stale = "outcome = 'running' AND started_at_us < ?"
    cells = db.execute(f"SELECT DISTINCT cell FROM run WHERE {stale}", (before_us,)).fetchall()  # noqa: S608
    if cells:
        db.execute(f"UPDATE run SET outcome = 'abandoned' WHERE {stale}", (before_us,))  # noqa: S608
        roll_up(db, (cell for (cell,) in cells))


def follow_moves(db: Database) -> None:
    """From now on, the cell that a run leaves is rolled up with the others: a start may not know its stratum yet."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS touched (cell INTEGER PRIMARY KEY)")
    db.execute(
        "CREATE TEMP TRIGGER IF NOT EXISTS run_moved AFTER UPDATE OF cell ON main.run WHEN OLD.cell != NEW.cell "
        "BEGIN INSERT OR IGNORE INTO touched VALUES (OLD.cell); END"
    )


def roll_up(db: Database, cells: Iterable[int]) -> None:
    """Make the rows of `run_block` anew from the raw rows of these cells (ids of `cell`), and of those runs have left.

    Busy time counts every attempt, failed ones included, less what was blocked on time-outs. In a replay a record is
    counted as held once a round, however many copies the partner has. A round of a replay counts once its holdings are
    there: of one that was cut short, time would be counted and records not. In production nobody can count from outside
    what the partner holds: there, what the last attempts delivered stands for it, unless some exchange was completed of
    which nobody knows how many records were due. An exchange has recovered when its first failure was not a refusal,
    its last attempt completed it, and no person started any of its attempts.
    """
    follow_moves(db)
    db.conn.create_function("sha256", 1, _sha256, deterministic=True)
    db.conn.executemany("INSERT OR IGNORE INTO temp.touched VALUES (?)", ((cell,) for cell in cells))
    db.execute(FORGET_SQL)
    db.execute(ROLL_UP_SQL)
    db.execute("DELETE FROM temp.touched")


def _sha256(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


#: A run that was given up for abandoned, and has ended after all.
LATE = "(run.outcome = 'abandoned' AND run.duration_ns IS NULL)"

_FAILED = f"({', '.join(repr(name) for name in FAILED_OUTCOMES)})"
_ROWS = tuple(f"rows_{name}" for name in ("in", *OUTCOMES))
_SUMS = ("blocked_ns", "cpu_ns", "operator_ns", "operator_touch", "calls", "bytes_in", "bytes_out")
_IN_CELL = " AND ".join(f"run_block.{name} = cell.{name}" for name in BLOCK_ID)
_IN_EXCHANGE = " AND ".join(f"run.{name} = cell.{name}" for name in RUN_ID if name in BLOCK_ID)

FORGET_SQL = f"""
DELETE FROM run_block WHERE rowid IN (
  SELECT run_block.rowid FROM temp.touched JOIN cell ON cell.id = touched.cell JOIN run_block ON {_IN_CELL}
)"""  # noqa: S608 (names are our own constants)

#: `place` is the rank of a run or a delay in its cell, `many` how many there are.
ROLL_UP_SQL = f"""
WITH counted AS (
  SELECT run.* FROM temp.touched CROSS JOIN run ON run.cell = touched.cell
  WHERE outcome != 'running' AND (
    mode != 'replay' OR EXISTS (SELECT 1 FROM holding WHERE holding.cell = run.cell AND holding.round = run.round)
  )
),
exchanges AS (
  SELECT cell, round, exchange_id, MAX(attempt), outcome, mode, records, {", ".join(_ROWS)}, COUNT(*) AS attempts,
    SUM(COALESCE(duration_ns, 0) - blocked_ns) AS busy_ns, {", ".join(f"SUM({name}) AS {name}" for name in _SUMS)},
    SUM(attempt = 1 AND outcome IN {_FAILED}) AS first_failed, SUM(outcome IN {_FAILED}) AS failures,
    SUM(source = 'imported') AS imported
  FROM counted GROUP BY cell, round, exchange_id
),
sums AS (
  SELECT cell, COUNT(DISTINCT round) AS rounds, SUM(attempts) AS attempts, COUNT(*) AS exchanges,
    SUM(busy_ns) AS busy_ns, {", ".join(f"SUM({name}) AS {name}" for name in _SUMS)},
    SUM(first_failed) AS first_failed, SUM(outcome IN {_FAILED}) AS still_failed, SUM(imported) AS imported,
    {", ".join(f"SUM({name}) AS {name}" for name in _ROWS)},
    CASE WHEN mode = 'live' AND NOT MAX(outcome = 'done' AND records IS NULL)
      THEN SUM(CASE WHEN outcome != 'already_received' THEN records END) END AS due,
    CASE WHEN mode = 'live' AND NOT MAX(outcome = 'done' AND records IS NULL)
      THEN SUM(rows_delivered) END AS held,
    SUM(failures > 0 AND first_failure != 'refused') AS passing,
    SUM(failures > 0 AND first_failure != 'refused' AND operator_touch = 0 AND outcome NOT IN {_FAILED}) AS recovered
  FROM (
    SELECT exchanges.*, CASE WHEN failures > 0 THEN (
      SELECT run.outcome FROM cell JOIN run ON {_IN_EXCHANGE} AND run.round = exchanges.round
        AND run.exchange_id = exchanges.exchange_id
      WHERE cell.id = exchanges.cell AND run.cell = cell.id AND run.outcome IN {_FAILED} ORDER BY run.attempt LIMIT 1
    ) END AS first_failure
    FROM exchanges
  ) GROUP BY cell
),
placed AS (
  SELECT cell, block_end, peak_rss_bytes, started_at_us, duration_ns, delay_us,
    ROW_NUMBER() OVER (PARTITION BY cell ORDER BY duration_ns NULLS LAST) AS place,
    COUNT(duration_ns) OVER (PARTITION BY cell) AS many,
    ROW_NUMBER() OVER (PARTITION BY cell ORDER BY delay_us NULLS LAST) AS delay_place,
    COUNT(delay_us) OVER (PARTITION BY cell) AS many_delays
  FROM (
    SELECT *, CASE WHEN outcome = 'done' THEN started_at_us + duration_ns / 1000 - due_at_us END AS delay_us
    FROM counted
  )
),
spans AS (
  SELECT cell, MAX(block_end) AS block_end, MAX(peak_rss_bytes) AS peak_rss_bytes,
    MIN(started_at_us) AS first_started_at_us, MAX(started_at_us) AS last_started_at_us,
    MAX(CASE WHEN place = (many + 1) / 2 THEN duration_ns END) AS duration_p50_ns,
    MAX(CASE WHEN place = (many * 95 + 99) / 100 THEN duration_ns END) AS duration_p95_ns,
    MAX(CASE WHEN delay_place = (many_delays + 1) / 2 THEN delay_us END) AS delay_p50_us,
    MAX(CASE WHEN delay_place = (many_delays * 95 + 99) / 100 THEN delay_us END) AS delay_p95_us
  FROM placed GROUP BY cell
),
inputs AS (
  SELECT cell, CASE WHEN MIN(input_sha256) != '' THEN sha256(group_concat(input_sha256, ' ')) END AS inputs_sha256
  FROM (SELECT DISTINCT cell, input_sha256 FROM counted ORDER BY cell, input_sha256) GROUP BY cell
),
kept AS (
  SELECT cell, SUM(due) AS due, SUM(held) AS held, SUM(twice) AS twice, SUM(lost) AS lost,
    SUM(foreign_held) AS foreign_held, SUM(broken) AS broken, SUM(due * (broken > 0)) AS broken_due,
    SUM(held * (broken > 0)) AS broken_held, SUM(good_aside) AS good_aside
  FROM temp.touched CROSS JOIN holding USING (cell) GROUP BY cell
)
INSERT INTO run_block (
  {", ".join(BLOCK_ID)}, block_end, rounds, attempts, exchanges, busy_ns, blocked_ns, cpu_ns, operator_ns,
  operator_touches, calls, first_failed, still_failed, due, held, twice, lost, foreign_held, bytes_in, bytes_out,
  duration_p50_ns, duration_p95_ns, peak_rss_bytes, delay_p50_us, delay_p95_us, first_started_at_us,
  last_started_at_us, {", ".join(_ROWS)}, imported, inputs_sha256, {", ".join(SINCE_MISHAPS)}
)
SELECT {", ".join(f"cell.{name}" for name in BLOCK_ID)}, block_end, rounds, attempts, exchanges, busy_ns, blocked_ns,
  cpu_ns, operator_ns, operator_touch, calls, first_failed, still_failed, COALESCE(kept.due, sums.due),
  COALESCE(kept.held, sums.held), twice, lost, foreign_held, bytes_in, bytes_out, duration_p50_ns, duration_p95_ns,
  peak_rss_bytes, delay_p50_us, delay_p95_us, first_started_at_us, last_started_at_us, {", ".join(_ROWS)}, imported,
  inputs_sha256, passing, recovered, broken, broken_due, broken_held, good_aside
FROM sums JOIN cell ON cell.id = sums.cell JOIN spans ON spans.cell = sums.cell JOIN inputs ON inputs.cell = sums.cell
  LEFT JOIN kept ON kept.cell = sums.cell
"""  # noqa: S608 (names are our own constants)
