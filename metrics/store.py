"""The metrics database: SQLite by sqlite-utils, opened, filled, rolled up and asked.

Stamps are UTC microseconds, durations nanoseconds, days ISO dates; None is never 0. Pages and verdicts read
`run_block`, the rollup per block x subject x stratum, and never the raw runs, so that they stay fast at any size.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from metrics.errors import StoreDamaged, TryLater
from metrics.events import OUTCOMES, AnswerEvent, Event, HoldingEvent, RunEvent, parse_subject
from metrics.schema import ANSWER_ID, BLOCK_ID, HOLDING_ID, RUN_ID, STEPS, migrations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

#: The two calendars a store can be on; one never judges the other.
CLOCKS = ("live", "replay")

#: Version of how numbers are made from events; a change starts a new series.
METHOD = "1"

#: Upper ends of the size bands but the last: two steps of log2 each, so that six bands reach past a thousand rows.
BAND_ENDS = (3, 15, 63, 255, 1023)
BANDS = ("1-3", "4-15", "16-63", "64-255", "256-1023", "1024+")


def band(records: int) -> int:
    """The size band of a file: 0 to 5, two log2 steps each, the last open."""
    return sum(records > end for end in BAND_ENDS)


def open_store(path: Path, clock: str) -> Database:
    """Open the database for writing, made and migrated as needed.

    Raises:
        StoreDamaged: not a database, of the other clock, or from a newer release; nothing was changed.
        TryLater: another program holds it locked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    db = Database(sqlite3.connect(path, timeout=30))
    try:
        db.execute("PRAGMA quick_check(1)").fetchone()
        _refuse_newer(db, path)
        db.enable_wal()
        db.execute("PRAGMA synchronous = NORMAL")
        migrations.apply(db)
        db.table("meta").insert({"key": "clock", "value": clock}, ignore=True)
        _refuse_other_clock(db, path, clock)
    except sqlite3.OperationalError as error:
        db.close()
        raise TryLater(f"{path}: {error}; another program is using it, try again later") from error
    except sqlite3.DatabaseError as error:
        db.close()
        raise StoreDamaged(f"{path}: {error}; move it away or restore a copy, nothing was changed") from error
    except StoreDamaged:
        db.close()
        raise
    return db


def open_reader(path: Path) -> Database:
    """Open the database for reading only; a page or a verdict can change nothing.

    Raises:
        StoreDamaged: there is none, or it is not one of ours.
    """
    if not path.is_file():
        raise StoreDamaged(f"{path}: no metrics yet; `milepost metrics measure` or `milepost run` makes them")
    db = Database(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10))
    try:
        db.execute("SELECT value FROM meta WHERE key = 'clock'").fetchone()
        _refuse_newer(db, path)
    except sqlite3.DatabaseError as error:
        db.close()
        raise StoreDamaged(f"{path}: {error}; not a metrics database of Milepost") from error
    return db


def _refuse_newer(db: Database, path: Path) -> None:
    unknown = {step.name for step in migrations.applied(db)} - STEPS
    if unknown:
        raise StoreDamaged(f"{path}: made by a newer release ({', '.join(sorted(unknown))}); use that release")


def _refuse_other_clock(db: Database, path: Path, clock: str) -> None:
    kept = clock_of(db)
    if kept != clock:
        raise StoreDamaged(f"{path}: holds {kept} runs, not {clock} ones; the two are never mixed")


def clock_of(db: Database) -> str:
    """`live` or `replay`."""
    return str(db.execute("SELECT value FROM meta WHERE key = 'clock'").fetchone()[0])


def insert_events(db: Database, events: Iterable[tuple[str, Event]]) -> int:
    """Keep events and roll up the blocks they touch, in one transaction of the caller's; returns how many were new.

    The same run told twice counts once: an end replaces its start, and nothing replaces an end.
    """
    before = db.conn.total_changes
    touched: set[tuple[Any, ...]] = set()
    runs: list[dict[str, Any]] = []
    starts: list[dict[str, Any]] = []
    holdings: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for kind, event in events:
        if isinstance(event, RunEvent):
            row = run_row(event)
            if kind == "start":
                starts.append(row | {"outcome": "running", "duration_ns": None})
            else:
                runs.append(row)
            touched.add(tuple(row[name] for name in BLOCK_ID))
        elif isinstance(event, HoldingEvent):
            row = holding_row(event)
            holdings.append(row)
            touched.add(tuple(row[name] for name in BLOCK_ID))
        else:
            answers.append(answer_row(event))
    _insert(db, "run", starts, on_conflict="DO NOTHING")
    update = ", ".join(f"{name} = excluded.{name}" for name in (runs[0] if runs else ()))
    _insert(
        db,
        "run",
        runs,
        on_conflict=f"({', '.join(RUN_ID)}) DO UPDATE SET {update} WHERE run.outcome = 'running'",
    )
    _insert(db, "holding", holdings, on_conflict="DO NOTHING")
    _insert(db, "answer", answers, on_conflict="DO NOTHING")
    new = db.conn.total_changes - before
    for key in touched:
        roll_up(db, key)
    return new


def _insert(db: Database, table: str, rows: Sequence[dict[str, Any]], on_conflict: str) -> None:
    if rows:
        names = list(rows[0])
        values = ", ".join(f":{name}" for name in names)
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values}) ON CONFLICT {on_conflict}"  # noqa: S608
        db.conn.executemany(sql, rows)


def run_row(event: RunEvent) -> dict[str, Any]:
    """A run event as a row of `run`."""
    key = event.key
    row: dict[str, Any] = {name: getattr(key, name) for name in RUN_ID}
    row |= {
        name: getattr(event, name)
        for name in (
            "partner", "feed", "file", "block", "block_end", "release", "records", "due_at_us", "started_at_us",
            "duration_ns", "blocked_ns", "cpu_ns", "peak_rss_bytes", "outcome", "error_type", "error", "bytes_in",
            "bytes_out", "calls", "input_sha256", "operator_ns", "operator_touch",
        )
    }  # fmt: skip
    row |= {f"rows_{name}": event.rows.get(name, 0) for name in ("in", *OUTCOMES)}
    return row | {"band": band(event.records)}


def holding_row(event: HoldingEvent) -> dict[str, Any]:
    """A holding event as a row of `holding`."""
    names = (*HOLDING_ID, "block", "block_end", "due", "held", "twice", "lost")
    row = {name: getattr(event, name) for name in names}
    return row | {"foreign_held": event.foreign, "band": band(event.due)}


def answer_row(event: AnswerEvent) -> dict[str, Any]:
    """An answer event as a row of `answer`."""
    names = (*ANSWER_ID, "block_end", "compared", "equal")
    return {name: getattr(event, name) for name in names}


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
    held once a round, however many copies the partner has.
    """
    db.execute(ROLL_UP_SQL, dict(zip(BLOCK_ID, key, strict=True)))


_AT = " AND ".join(f"{name} = :{name}" for name in BLOCK_ID)

ROLL_UP_SQL = f"""
WITH runs AS (SELECT * FROM run WHERE {_AT} AND outcome != 'running'),
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
  FROM runs WHERE outcome != 'already_received'
),
held AS (
  SELECT SUM(due) AS due, SUM(held) AS held, SUM(twice) AS twice, SUM(lost) AS lost, SUM(foreign_held) AS foreign_held
  FROM holding WHERE {_AT}
)
INSERT OR REPLACE INTO run_block (
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


def last_series(db: Database, mode: str, faults: str) -> str | None:
    """The series of the newest measurement; older ones stay, and are not compared with it."""
    sql = "SELECT series FROM run WHERE mode = ? AND faults = ? ORDER BY id DESC LIMIT 1"
    found = db.execute(sql, (mode, faults)).fetchone()
    return None if found is None else str(found[0])


def next_round(db: Database, mode: str, faults: str) -> int:
    """The number of the next pass of a replay: one more than any there is, of whatever series."""
    found = db.execute("SELECT MAX(round) FROM run WHERE mode = ? AND faults = ?", (mode, faults)).fetchone()[0]
    return int(found or 0) + 1


def round_rows(db: Database, subject: str, faults: str, series: str, number: int) -> dict[str, int]:
    """Where a subject's rows ended in one round: `in` and one count an outcome, by the last attempt of each file."""
    system, level = parse_subject(subject)
    names = ("in", *OUTCOMES)
    sums = ", ".join(f"SUM(rows_{name})" for name in names)
    sql = f"""
        SELECT {sums} FROM (
          SELECT *, ROW_NUMBER() OVER (PARTITION BY exchange_id ORDER BY attempt DESC) AS back FROM run
          WHERE system = ? AND level = ? AND mode = 'replay' AND faults = ? AND series = ? AND round = ?
        ) WHERE back = 1"""  # noqa: S608 (names are our own constants)
    found = db.execute(sql, (system, level, faults, series, number)).fetchone()
    return {name: int(value or 0) for name, value in zip(names, found, strict=True)}


def today(db: Database) -> str | None:
    """The last day any evidence reaches to (an ISO date): "today", in a replay."""
    found = db.execute("SELECT MAX(block_end) FROM run_block").fetchone()[0]
    return None if found is None else str(found)


def blocks(db: Database, where: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of `run_block` that a condition picks, in the order of their blocks."""
    return db.query(f"SELECT * FROM run_block WHERE {where} ORDER BY block", params)  # noqa: S608
