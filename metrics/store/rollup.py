"""The rollup: one row per block, subject and stratum, rebuilt from the raw rows whenever one of them arrives."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any

from metrics.events import FAILED_OUTCOMES, OUTCOMES
from metrics.stats.quantiles import nearest_rank
from metrics.store.cells import EXCHANGE_ID, CellIds, unify_strata
from metrics.store.migrations import BLOCK_ID, RESILIENCE_COLUMNS
from metrics.store.run_counts import IS_COUNTED, other_ended_attempts, superseded, update_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlite_utils import Database


#: Key in `meta` of the first day whose runs are kept.
RUNS_KEPT_FROM = "runs_kept_from"


def mark_abandoned(db: Database, before_us: int) -> None:
    """Mark unfinished runs that started before a time as abandoned: they count as failures of unknown duration."""
    stale = "outcome = 'running' AND started_at_us < ?"
    sql = f"SELECT cell, {', '.join(EXCHANGE_ID)} FROM run INDEXED BY run_running WHERE {stale}"  # noqa: S608
    stale_runs = db.execute(sql, (before_us,)).fetchall()
    if stale_runs:
        db.execute(f"UPDATE run SET outcome = 'abandoned' WHERE {stale}", (before_us,))  # noqa: S608
        joined = unify_strata(db, {tuple(exchange) for _, *exchange in stale_runs}, CellIds(db))
        roll_up(db, joined.union(cell for cell, *_ in stale_runs))


def track_cell_changes(db: Database) -> None:
    """Note from now on the cells that runs leave, so that they are rolled up too: a start may not know its stratum."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS touched (cell INTEGER PRIMARY KEY)")
    db.execute(
        "CREATE TEMP TRIGGER IF NOT EXISTS run_moved AFTER UPDATE OF cell ON main.run WHEN OLD.cell != NEW.cell "
        # no INSERT OR IGNORE: a trigger's statement inherits the conflict rule of the statement that fired it
        "BEGIN INSERT INTO touched SELECT OLD.cell WHERE OLD.cell NOT IN (SELECT cell FROM touched); END"
    )


def roll_up(db: Database, cells: Iterable[int]) -> None:
    """Rebuild the rollups from the raw rows of these cells (ids of `cell`), and of the cells that runs have left.

    These are `run_block`, and `tally` and `set_aside` (see `metrics.store.run_counts`).

    Busy time counts every attempt, failed ones included, without the time blocked on time-outs; attempts that ran at
    the same time in one process share it (see `metrics.store.shared_time`). A killed attempt, whose duration is
    unknown, counts as long as the longest of its cell: to count no time would favour the subject, and so would leaving
    out the day.

    In a replay a held record counts once per round, however many copies the partner has. A round counts once its
    holdings are stored: an interrupted round would count time and no records. In production the records that the
    partner holds cannot be counted from outside: there, the rows delivered by the last attempt at each exchange count
    instead, on the day of that attempt, unless an exchange was completed whose number of due records is unknown.

    An exchange has recovered when its first failure was not a refusal, its last attempt completed it, and no person
    started any of its attempts.
    """
    track_cell_changes(db)
    for name, aggregate in AGGREGATES.items():
        db.conn.create_aggregate(name, 1, aggregate)  # type: ignore[arg-type]  # its stub has only ints
    db.conn.executemany("INSERT OR IGNORE INTO temp.touched VALUES (?)", ((cell,) for cell in cells))
    skip_removed_cells(db)
    db.execute(DELETE_SQL)
    with superseded(db):
        db.execute(ROLL_UP_SQL)
        update_counts(db)
    db.execute("DELETE FROM temp.touched")


def skip_removed_cells(db: Database) -> None:
    """Remove the cells from `temp.touched` whose runs were removed: their rollups stay as they are."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", [RUNS_KEPT_FROM]).fetchone()
    if row is not None:
        db.execute(
            "DELETE FROM temp.touched WHERE EXISTS (SELECT 1 FROM run JOIN cell ON cell.id = run.cell "
            "WHERE run.cell = touched.cell AND cell.mode = 'live' AND run.block_end < ?)",
            [row[0]],
        )


class NearestRank:
    """SQL aggregate: a percentile by nearest rank; NULL of no values."""

    def __init__(self, percent: int) -> None:
        self._percent = percent
        self._values: list[int] = []

    def step(self, value: int | None) -> None:
        """Add one value; NULL is ignored."""
        if value is not None:
            self._values.append(value)

    def finalize(self) -> int | None:
        """Return the value at the rank."""
        self._values.sort()
        return nearest_rank(self._values, self._percent) if self._values else None


class Sha256OfAll:
    """SQL aggregate: the hash of the set of texts, independent of their order; NULL if one of them is empty."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def step(self, value: Any) -> None:
        """Add one text."""
        self._values.add(value)

    def finalize(self) -> str | None:
        """Return the hash in hexadecimal digits."""
        return None if "" in self._values else hashlib.sha256(" ".join(sorted(self._values)).encode()).hexdigest()


#: Aggregates of the rollup that SQLite does not have.
AGGREGATES: Mapping[str, Callable[[], NearestRank | Sha256OfAll]] = {
    "p50": partial(NearestRank, 50),
    "p95": partial(NearestRank, 95),
    "sha256_of_all": Sha256OfAll,
}

#: Condition: the run was marked as abandoned and can still be replaced by its end.
IS_LATE_END = "(run.outcome = 'abandoned' AND run.duration_ns IS NULL)"

_FAILED = f"({', '.join(repr(name) for name in FAILED_OUTCOMES)})"
_ROWS = tuple(f"rows_{name}" for name in ("in", *OUTCOMES))
#: A sum that is NULL if one of its parts is unknown.
_SUM_IF_ALL_KNOWN = "CASE WHEN COUNT({0}) = COUNT(*) THEN SUM({0}) END"
#: Number of abandoned attempts of unknown duration.
_WITHOUT_DURATION = "SUM(outcome = 'abandoned' AND duration_ns IS NULL)"
_IN_CELL = " AND ".join(f"run_block.{name} = cell.{name}" for name in BLOCK_ID)


DELETE_SQL = f"""
DELETE FROM run_block WHERE rowid IN (
  SELECT run_block.rowid FROM temp.touched CROSS JOIN cell ON cell.id = touched.cell JOIN run_block ON {_IN_CELL}
)"""  # noqa: S608 (names are our own constants)

#: One pass over the runs of the cells, in the order of the cells, so that nothing has to be sorted.
ROLL_UP_SQL = f"""
WITH runs AS NOT MATERIALIZED (
  SELECT touched.cell AS of_cell, run.*, superseded.id IS NULL AS is_last, run.outcome IN {_FAILED} AS failed,
    CASE WHEN run.outcome = 'done' THEN run.started_at_us + run.duration_ns / 1000 - run.due_at_us END AS delay_us
  FROM temp.touched CROSS JOIN run ON run.cell = touched.cell LEFT JOIN temp.superseded ON superseded.id = run.id
  WHERE {IS_COUNTED}
),
first_failures AS (
  SELECT of_cell, COUNT(*) AS passing, CASE WHEN COUNT(recovered) = COUNT(*) THEN SUM(recovered) END AS recovered
  FROM (
    SELECT of_cell, (
      SELECT MAX(attempt) AND outcome NOT IN {_FAILED} AND {_SUM_IF_ALL_KNOWN.format("operator_touch")} = 0
      FROM run AS tried WHERE {other_ended_attempts("tried", "runs")}
    ) AS recovered
    FROM runs WHERE failed AND outcome != 'refused' AND NOT EXISTS (
      SELECT 1 FROM run AS before
      WHERE {other_ended_attempts("before", "runs")} AND before.attempt < runs.attempt AND before.outcome IN {_FAILED}
    )
  ) GROUP BY of_cell
),
sums AS (
  SELECT of_cell, mode = 'live' AS live, MAX(block_end) AS block_end, COUNT(DISTINCT round) AS rounds,
    COUNT(*) AS attempts, SUM(is_last) AS exchanges,
    SUM(COALESCE(shared_ns, duration_ns - blocked_ns, -blocked_ns))
      + {_WITHOUT_DURATION} * COALESCE(MAX(duration_ns), 0) AS busy_ns,
    SUM(blocked_ns) AS blocked_ns, SUM(cpu_ns) AS cpu_ns, SUM(operator_ns) AS operator_ns,
    {_SUM_IF_ALL_KNOWN.format("operator_touch")} AS operator_touches, {_SUM_IF_ALL_KNOWN.format("calls")} AS calls,
    SUM(attempt = 1 AND failed) AS first_failed,
    SUM(is_last AND failed) AS still_failed, SUM(bytes_in) AS bytes_in, SUM(bytes_out) AS bytes_out,
    p50(duration_ns) AS duration_p50_ns, p95(duration_ns) AS duration_p95_ns,
    MAX(peak_rss_bytes) AS peak_rss_bytes, p50(delay_us) AS delay_p50_us,
    p95(delay_us) AS delay_p95_us, MIN(started_at_us) AS first_started_at_us,
    MAX(started_at_us) AS last_started_at_us, {", ".join(f"SUM(is_last * {name}) AS {name}" for name in _ROWS)},
    SUM(source = 'imported') AS imported, sha256_of_all(input_sha256) AS inputs_sha256,
    SUM(CASE WHEN is_last AND outcome != 'already_received' THEN records END) AS records,
    SUM(is_last AND outcome = 'done' AND records IS NULL) AS uncounted
  FROM runs GROUP BY of_cell
),
kept AS (
  SELECT touched.cell, SUM(due) AS due, SUM(held) AS held, SUM(twice) AS twice, SUM(lost) AS lost,
    SUM(foreign_held) AS foreign_held, SUM(broken) AS broken, SUM(due * (broken > 0)) AS broken_due,
    SUM(held * (broken > 0)) AS broken_held, SUM(good_aside) AS good_aside
  FROM temp.touched CROSS JOIN holding ON holding.cell = touched.cell GROUP BY touched.cell
)
INSERT INTO run_block (
  {", ".join(BLOCK_ID)}, block_end, rounds, attempts, exchanges, busy_ns, blocked_ns, cpu_ns, operator_ns,
  operator_touches, calls, first_failed, still_failed, due, held, twice, lost, foreign_held, bytes_in, bytes_out,
  duration_p50_ns, duration_p95_ns, peak_rss_bytes, delay_p50_us, delay_p95_us, first_started_at_us,
  last_started_at_us, {", ".join(_ROWS)}, imported, inputs_sha256, {", ".join(RESILIENCE_COLUMNS)}
)
SELECT {", ".join(f"cell.{name}" for name in BLOCK_ID)}, block_end, rounds, attempts, exchanges, busy_ns, blocked_ns,
  cpu_ns, operator_ns, operator_touches, calls, first_failed, still_failed,
  COALESCE(due, CASE WHEN live AND NOT uncounted THEN records END),
  COALESCE(held, CASE WHEN live AND NOT uncounted THEN rows_delivered END), twice, lost, foreign_held, bytes_in,
  bytes_out, duration_p50_ns, duration_p95_ns, peak_rss_bytes, delay_p50_us, delay_p95_us, first_started_at_us,
  last_started_at_us, {", ".join(_ROWS)}, imported, inputs_sha256, COALESCE(passing, 0),
  IIF(passing IS NULL, 0, recovered), broken, broken_due, broken_held, good_aside
FROM sums CROSS JOIN cell ON cell.id = sums.of_cell LEFT JOIN kept ON kept.cell = sums.of_cell
  LEFT JOIN first_failures ON first_failures.of_cell = sums.of_cell
"""  # noqa: S608 (names are our own constants)
