"""The metrics database: SQLite by sqlite-utils, opened, filled, rolled up and asked.

Stamps are UTC microseconds, durations nanoseconds, days ISO dates; None is never 0. Pages and verdicts read
`run_block`, the rollup per block x subject x stratum, and never the raw runs, so that they stay fast at any size.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from metrics.errors import StoreDamaged, StoreMissing, TryLater
from metrics.events import OUTCOMES, AnswerEvent, Event, HoldingEvent, OutageEvent, RunEvent, SeriesEvent, parse_subject
from metrics.rollup import LATE, roll_up
from metrics.schema import ANSWER_ID, BLOCK_ID, HOLDING_ID, OUTAGE_ID, RUN_ID, STEPS, migrations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

#: The two calendars a store can be on; one never judges the other.
CLOCKS = ("live", "replay")

#: Version of how numbers are made from events; a change starts a new series.
METHOD = "3"

#: Upper ends of the size bands but the last: two steps of log2 each, so that six bands reach past a thousand rows.
BAND_ENDS = (3, 15, 63, 255, 1023)
BANDS = ("1-3", "4-15", "16-63", "64-255", "256-1023", "1024+")


def band(records: int | None) -> int:
    """The size band of a file: 0 to 5, two log2 steps each, the last open; -1 where nobody counted its records."""
    return -1 if records is None else sum(records > end for end in BAND_ENDS)


def open_store(path: Path, clock: str) -> Database:
    """Open the database for writing, made and migrated as needed.

    Raises:
        StoreDamaged: not a database, of the other clock, or from a newer release; nothing was changed.
        TryLater: another program holds it locked.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = Database(sqlite3.connect(path, timeout=30))
    except (OSError, sqlite3.OperationalError) as error:
        raise StoreDamaged(f"{path}: cannot be opened: {error}") from error
    try:
        _refuse_foreign(db, path)
        _refuse_newer(db, path)
        db.enable_wal()
        db.execute("PRAGMA synchronous = NORMAL")
        with db.atomic():  # a reader sees all of a new database, or none of it
            migrations.apply(db)
            db.table("meta").insert({"key": "clock", "value": clock}, ignore=True)
        _refuse_other_clock(db, path, clock)
    except sqlite3.DatabaseError as error:
        db.close()
        if is_busy(error):
            raise TryLater(f"{path}: {error}; another program is using it, try again later") from error
        raise StoreDamaged(f"{path}: {error}; move it away or restore a copy, nothing was changed") from error
    except StoreDamaged:
        db.close()
        raise
    return db


def open_reader(path: Path) -> Database:
    """Open the database for reading only; a page or a verdict can change nothing.

    Raises:
        StoreMissing: there is none yet.
        StoreDamaged: it is not one of ours.
    """
    none_yet = f"{path}: no metrics yet; `milepost metrics measure` or `milepost run` makes them"
    if not path.is_file():
        raise StoreMissing(none_yet)
    db = Database(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10))
    try:
        if not _tables(db):
            raise StoreMissing(none_yet)
        _refuse_foreign(db, path)
        _refuse_newer(db, path)
    except sqlite3.DatabaseError as error:
        db.close()
        raise StoreDamaged(f"{path}: {error}; not a metrics database of Milepost") from error
    except StoreDamaged:
        db.close()
        raise
    return db


def is_busy(error: sqlite3.DatabaseError) -> bool:
    """Whether another program holds the database, so that trying again later may help."""
    return error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _tables(db: Database) -> set[str]:
    return {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _refuse_foreign(db: Database, path: Path) -> None:
    tables = _tables(db)
    if tables and "run_block" not in tables:
        raise StoreDamaged(f"{path}: another program's database (it has {', '.join(sorted(tables)[:3])}); move it away")


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
    outages: list[dict[str, Any]] = []
    series: list[dict[str, Any]] = []
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
        elif isinstance(event, OutageEvent):
            outages.append(outage_row(event))
        elif isinstance(event, SeriesEvent):
            series.append(asdict(event))
        else:
            answers.append(answer_row(event))
    # a run that ends takes its row along, out of the stratum in which it stood unfinished
    names = ", ".join(BLOCK_ID)
    touched |= set(db.execute(f"SELECT {names} FROM run WHERE duration_ns IS NULL").fetchall())  # noqa: S608
    _insert(db, "run", starts, on_conflict="DO NOTHING")
    update = ", ".join(f"{name} = excluded.{name}" for name in (runs[0] if runs else ()))
    _insert(
        db,
        "run",
        runs,
        on_conflict=f"({', '.join(RUN_ID)}) DO UPDATE SET {update} WHERE run.outcome = 'running' OR {LATE}",
    )
    _insert(db, "holding", holdings, on_conflict="DO NOTHING")
    _insert(db, "answer", answers, on_conflict="DO NOTHING")
    _insert(db, "outage", outages, on_conflict="DO NOTHING")
    _insert(db, "series", series, on_conflict="DO UPDATE SET faults_sha256 = excluded.faults_sha256")
    new = db.conn.total_changes - before
    newest = {
        (row["mode"], row["faults"], row["series"]): row["round"] for row in sorted((*starts, *runs), key=_by_round)
    }
    for (mode, faults, name), last_round in newest.items():
        newest_run = db.execute("SELECT MAX(id) FROM run").fetchone()[0]
        db.execute(NEWEST_SQL, (mode, faults, name, newest_run, last_round))
    for key in touched:
        roll_up(db, key)
    return new


#: A series of which runs came: they are the newest of all.
NEWEST_SQL = """
INSERT INTO series (mode, faults, series, newest_run, last_round) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET newest_run = MAX(COALESCE(newest_run, 0), excluded.newest_run),
  last_round = MAX(COALESCE(last_round, 0), excluded.last_round)"""


def _by_round(row: dict[str, Any]) -> int:
    return int(row["round"])


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
            "bytes_out", "calls", "input_sha256", "operator_ns", "operator_touch", "source",
        )
    }  # fmt: skip
    row |= {f"rows_{name}": event.rows.get(name, 0) for name in ("in", *OUTCOMES)}
    return row | {"band": band(event.records)}


def holding_row(event: HoldingEvent) -> dict[str, Any]:
    """A holding event as a row of `holding`."""
    names = (*HOLDING_ID, "block", "block_end", "due", "held", "twice", "lost", "broken", "good_aside")
    row = {name: getattr(event, name) for name in names}
    return row | {"foreign_held": event.foreign, "band": band(event.due)}


def answer_row(event: AnswerEvent) -> dict[str, Any]:
    """An answer event as a row of `answer`."""
    names = (*ANSWER_ID, "block_end", "compared", "equal")
    return {name: getattr(event, name) for name in names}


def outage_row(event: OutageEvent) -> dict[str, Any]:
    """An outage event as a row of `outage`."""
    return {name: getattr(event, name) for name in (*OUTAGE_ID, "block", "block_end", "hours", "calls")}


def last_series(db: Database, mode: str, faults: str) -> str | None:
    """The series of the newest measurement; older ones stay, and are not compared with it."""
    if not db.table("series").exists():  # only older releases have written here; a reader may not add it
        sql = "SELECT series FROM run WHERE mode = ? AND faults = ? ORDER BY id DESC LIMIT 1"
    else:
        sql = "SELECT series FROM series WHERE mode = ? AND faults = ? ORDER BY newest_run DESC LIMIT 1"
    found = db.execute(sql, (mode, faults)).fetchone()
    return None if found is None else str(found[0])


def next_round(db: Database, mode: str, faults: str) -> int:
    """The number of the next pass of a replay: one more than any there is, of whatever series."""
    sql = "SELECT MAX(last_round) FROM series WHERE mode = ? AND faults = ?"
    found = db.execute(sql, (mode, faults)).fetchone()[0]
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
