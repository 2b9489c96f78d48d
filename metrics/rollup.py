"""The rollup: one row a block, subject and stratum, made anew from raw rows whenever one of them comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metrics.events import OUTCOMES
from metrics.schema import BLOCK_ID

if TYPE_CHECKING:
    from sqlite_utils import Database


def abandon_stale(db: Database, before_us: int) -> None:
    """Runs that started before and never ended are abandoned: they count as failures, of unknown length."""
    names = ", ".join(BLOCK_ID)
    stale = "outcome = 'running' AND started_at_us < ?"
    touched = db.execute(f"SELECT DISTINCT {names} FROM run WHERE {stale}", (before_us,)).fetchall()  # noqa: S608
    db.execute(f"UPDATE run SET outcome = 'abandoned' WHERE {stale}", (before_us,))  # noqa: S608
    for key in touched:
        roll_up(db, key)


def roll_up(db: Database, key: tuple[Any, ...]) -> None:
    """Make one row of `run_block` anew from the raw rows of its block and stratum.

    Busy time counts every attempt, failed ones included, less what was blocked on time-outs. A record is counted as
    held once a round, however many copies the partner has. A round of a replay counts once its holdings are there: of
    one that was cut short, time would be counted and records not.
    """
    names = dict(zip(BLOCK_ID, key, strict=True))
    db.execute(f"DELETE FROM run_block WHERE {_AT}", names)  # noqa: S608 (names are our own constants)
    db.execute(ROLL_UP_SQL, names)


#: A run that was given up for abandoned, and has ended after all.
LATE = "(run.outcome = 'abandoned' AND run.duration_ns IS NULL)"

_AT = " AND ".join(f"{name} = :{name}" for name in BLOCK_ID)

ROLL_UP_SQL = f"""
WITH runs AS (
  SELECT * FROM run WHERE {_AT} AND outcome != 'running'
    AND (mode != 'replay' OR round IN (SELECT round FROM holding WHERE {_AT}))
),
ended AS (
  SELECT duration_ns, ROW_NUMBER() OVER (ORDER BY duration_ns) AS place, COUNT(*) OVER () AS many
  FROM runs WHERE duration_ns IS NOT NULL
),
delays AS (
  SELECT started_at_us - due_at_us AS delay_us, ROW_NUMBER() OVER (ORDER BY started_at_us - due_at_us) AS place,
         COUNT(*) OVER () AS many
  FROM runs WHERE outcome = 'done'
),
lasts AS (
  SELECT outcome, {", ".join(f"rows_{name}" for name in ("in", *OUTCOMES))},
         ROW_NUMBER() OVER (PARTITION BY round, exchange_id ORDER BY attempt DESC) AS back
  FROM runs
),
held AS (
  SELECT SUM(due) AS due, SUM(held) AS held, SUM(twice) AS twice, SUM(lost) AS lost, SUM(foreign_held) AS foreign_held
  FROM holding WHERE {_AT}
)
INSERT INTO run_block (
  {", ".join(BLOCK_ID)}, block_end, rounds, attempts, exchanges, busy_ns, blocked_ns, cpu_ns, operator_ns,
  operator_touches, calls, first_failed, still_failed, due, held, twice, lost, foreign_held, bytes_in, bytes_out,
  duration_p50_ns, duration_p95_ns, peak_rss_bytes, delay_p50_us, delay_p95_us, first_started_at_us,
  last_started_at_us, {", ".join(f"rows_{name}" for name in ("in", *OUTCOMES))}
)
SELECT {", ".join(f":{name}" for name in BLOCK_ID)}, MAX(block_end), COUNT(DISTINCT round), COUNT(*),
  (SELECT COUNT(*) FROM lasts WHERE back = 1), SUM(COALESCE(duration_ns, 0) - blocked_ns), SUM(blocked_ns),
  SUM(cpu_ns), SUM(operator_ns), SUM(operator_touch), SUM(calls),
  SUM(attempt = 1 AND outcome IN ('failed', 'refused', 'abandoned')),
  (SELECT SUM(outcome IN ('failed', 'refused', 'abandoned')) FROM lasts WHERE back = 1),
  (SELECT due FROM held), (SELECT held FROM held), (SELECT twice FROM held), (SELECT lost FROM held),
  (SELECT foreign_held FROM held), SUM(bytes_in), SUM(bytes_out),
  (SELECT duration_ns FROM ended WHERE place = (many + 1) / 2),
  (SELECT duration_ns FROM ended WHERE place = (many * 95 + 99) / 100), MAX(peak_rss_bytes),
  (SELECT delay_us FROM delays WHERE place = (many + 1) / 2),
  (SELECT delay_us FROM delays WHERE place = (many * 95 + 99) / 100), MIN(started_at_us), MAX(started_at_us),
  {", ".join(f"(SELECT SUM(rows_{name}) FROM lasts WHERE back = 1)" for name in ("in", *OUTCOMES))}
FROM runs HAVING COUNT(*) > 0
"""  # noqa: S608 (names are our own constants)
