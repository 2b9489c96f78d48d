"""The rollup: one row a block, subject and stratum, made anew from raw rows whenever one of them comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metrics.events import FAILED_OUTCOMES, OUTCOMES
from metrics.schema import BLOCK_ID, SINCE_MISHAPS

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
    one that was cut short, time would be counted and records not. An exchange has recovered when its first failure was
    not a refusal, its last attempt completed it, and no person started any of its attempts.
    """
    names = dict(zip(BLOCK_ID, key, strict=True))
    db.execute(f"DELETE FROM run_block WHERE {_AT}", names)  # noqa: S608 (names are our own constants)
    db.execute(ROLL_UP_SQL, names)


#: A run that was given up for abandoned, and has ended after all.
LATE = "(run.outcome = 'abandoned' AND run.duration_ns IS NULL)"

_AT = " AND ".join(f"{name} = :{name}" for name in BLOCK_ID)

_FAILED = f"({', '.join(repr(name) for name in FAILED_OUTCOMES)})"

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
  SELECT round, exchange_id, outcome, {", ".join(f"rows_{name}" for name in ("in", *OUTCOMES))},
         SUM(operator_touch) OVER (PARTITION BY round, exchange_id) AS touches,
         ROW_NUMBER() OVER (PARTITION BY round, exchange_id ORDER BY attempt DESC) AS back
  FROM runs
),
failures AS (
  SELECT round, exchange_id, outcome, ROW_NUMBER() OVER (PARTITION BY round, exchange_id ORDER BY attempt) AS nth
  FROM runs WHERE outcome IN {_FAILED}
),
passing AS (
  SELECT lasts.touches = 0 AND lasts.outcome NOT IN {_FAILED} AS recovered
  FROM failures JOIN lasts USING (round, exchange_id)
  WHERE failures.nth = 1 AND failures.outcome != 'refused' AND lasts.back = 1
),
held AS (
  SELECT SUM(due) AS due, SUM(held) AS held, SUM(twice) AS twice, SUM(lost) AS lost, SUM(foreign_held) AS foreign_held,
    SUM(broken) AS broken, SUM(due * (broken > 0)) AS broken_due, SUM(held * (broken > 0)) AS broken_held,
    SUM(good_aside) AS good_aside
  FROM holding WHERE {_AT}
)
INSERT INTO run_block (
  {", ".join(BLOCK_ID)}, block_end, rounds, attempts, exchanges, busy_ns, blocked_ns, cpu_ns, operator_ns,
  operator_touches, calls, first_failed, still_failed, due, held, twice, lost, foreign_held, bytes_in, bytes_out,
  duration_p50_ns, duration_p95_ns, peak_rss_bytes, delay_p50_us, delay_p95_us, first_started_at_us,
  last_started_at_us, {", ".join(f"rows_{name}" for name in ("in", *OUTCOMES))}, {", ".join(SINCE_MISHAPS)}
)
SELECT {", ".join(f":{name}" for name in BLOCK_ID)}, MAX(block_end), COUNT(DISTINCT round), COUNT(*),
  (SELECT COUNT(*) FROM lasts WHERE back = 1), SUM(COALESCE(duration_ns, 0) - blocked_ns), SUM(blocked_ns),
  SUM(cpu_ns), SUM(operator_ns), SUM(operator_touch), SUM(calls),
  SUM(attempt = 1 AND outcome IN {_FAILED}),
  (SELECT SUM(outcome IN {_FAILED}) FROM lasts WHERE back = 1),
  (SELECT due FROM held), (SELECT held FROM held), (SELECT twice FROM held), (SELECT lost FROM held),
  (SELECT foreign_held FROM held), SUM(bytes_in), SUM(bytes_out),
  (SELECT duration_ns FROM ended WHERE place = (many + 1) / 2),
  (SELECT duration_ns FROM ended WHERE place = (many * 95 + 99) / 100), MAX(peak_rss_bytes),
  (SELECT delay_us FROM delays WHERE place = (many + 1) / 2),
  (SELECT delay_us FROM delays WHERE place = (many * 95 + 99) / 100), MIN(started_at_us), MAX(started_at_us),
  {", ".join(f"(SELECT SUM(rows_{name}) FROM lasts WHERE back = 1)" for name in ("in", *OUTCOMES))},
  (SELECT COUNT(*) FROM passing), (SELECT COALESCE(SUM(recovered), 0) FROM passing),
  (SELECT broken FROM held), (SELECT broken_due FROM held), (SELECT broken_held FROM held),
  (SELECT good_aside FROM held)
FROM runs HAVING COUNT(*) > 0
"""  # noqa: S608 (names are our own constants)
