"""The metrics database: SQLite by sqlite-utils, opened, filled, rolled up and asked.

Stamps are UTC microseconds, durations nanoseconds, days ISO dates; None is never 0. Pages and verdicts read
`run_block`, the rollup per block x subject x stratum, and never the raw runs, so that they stay fast at any size.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from metrics import rows
from metrics.cells import Cells, one_stratum, sort_older
from metrics.errors import StoreDamaged, StoreMissing, TryLater
from metrics.events import KIND_OF, KINDS, OUTCOMES, Event, parse_subject
from metrics.rollup import LATE, follow_moves, roll_up
from metrics.schema import RUN_ID, STEPS, migrations
from metrics.tallies import tally_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from msgspec import Struct

#: The two calendars a store can be on; one never judges the other.
CLOCKS = ("live", "replay")

#: Version of how numbers are made from events; a change starts a new series.
METHOD = "3"

#: How a writer is set: 64 MiB of pages, sorting in memory, and a checkpoint every 32 MiB, for batches are large.
WRITER = ("synchronous = NORMAL", "cache_size = -65536", "temp_store = MEMORY", "wal_autocheckpoint = 8192")


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
        for setting in WRITER:
            db.execute(f"PRAGMA {setting}")
        with writing(db):  # a reader sees all of a new database, or none of it
            older = {step.name for step in migrations.applied(db)}
            migrations.apply(db)
            if "create_runs" in older and "add_cells" not in older and clock == "live":
                sort_older(db, Cells(db))
                roll_up(db, (cell for (cell,) in db.execute("SELECT id FROM cell").fetchall()))  # they count more now
            if "create_runs" in older and "add_tallies" not in older:
                tally_all(db)
            db.table("meta").insert({"key": "clock", "value": clock}, ignore=True)
        _refuse_other_clock(db, path, clock)
    except sqlite3.DatabaseError as error:
        db.close()
        if is_busy(error):
            raise TryLater(f"{path}: {error}; another program is using it, try again later") from error
        mend = KEPT_AWAY if is_kept_away(error) else "move it away or restore a copy"
        raise StoreDamaged(f"{path}: {error}; {mend}, nothing was changed") from error
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
        mend = KEPT_AWAY if is_kept_away(error) else "not a metrics database of Milepost"
        raise StoreDamaged(f"{path}: {error}; {mend}") from error
    except (StoreMissing, StoreDamaged):
        db.close()
        raise
    return db


def open_still(path: Path) -> Database:
    """As `open_reader`; all that is read through it is of one moment, that of the first reading."""
    db = open_reader(path)
    db.execute("BEGIN")
    return db


def empty_store(clock: str) -> Database:
    """A store with nothing in it, and on no disk: for what is asked before anything was measured."""
    return open_store(Path(":memory:"), clock)


def is_busy(error: sqlite3.DatabaseError) -> bool:
    """Whether another program holds the database, so that trying again later may help."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


#: What to do where a database is whole, and this user may not use it.
KEPT_AWAY = "let this user read and write it and its folder, which reading needs too"


def is_kept_away(error: sqlite3.DatabaseError) -> bool:
    """Whether the file system, and not what is in the database, is what stands in the way."""
    codes = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_FULL}
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in codes


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


@contextmanager
def writing(db: Database) -> Iterator[None]:
    """A transaction in which nobody else writes, from its first read on."""
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.conn.rollback()
        raise
    db.conn.commit()


def insert_events(db: Database, events: Iterable[tuple[str, Event | Struct]]) -> int:
    """Keep events and roll up the blocks they touch, in one transaction of the caller's; returns how many were new.

    The same run told twice counts once: an end replaces its start, and nothing replaces an end.
    """
    told: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in ("start", *KINDS)}
    cells = Cells(db)
    newest: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    again: set[tuple[Any, ...]] = set()
    for kind, event in events:
        # whoever hands over an event, and no line, need not say what it is
        name = kind if kind == "start" else KIND_OF.get(type(event), kind)  # type: ignore[arg-type]
        if name in {"run", "start"}:
            row = rows.run(event)
            told[name].append((*row, cells[rows.run_cell(row)]))
            newest[row[2:6]] = row[:8]
            if rows.may_have_others(row):
                again.add(row[:7])
        elif name == "holding":
            row = rows.holding(event)
            told[name].append((*row, cells[rows.holding_cell(row)]))
        else:
            told[name].append({"answer": rows.answer, "outage": rows.outage, "series": rows.series}[name](event))
    follow_moves(db)
    new = sum(_insert(db, sql, told[name]) for name, sql in INSERTS)
    for key in newest.values():
        db.execute(NEWEST_SQL, key)
    joined = one_stratum(db, again, cells)
    roll_up(db, joined.union(cells.values()))
    return new


_END = ", ".join(f"{name} = excluded.{name}" for name in rows.RUN if name not in RUN_ID)

#: How each kind of event is kept, in this order.
INSERTS = (
    ("start", rows.insert("run", rows.RUN, "DO NOTHING", {"outcome": "'running'", "duration_ns": "NULL"})),
    (
        "run",
        rows.insert(
            "run", rows.RUN, f"({', '.join(RUN_ID)}) DO UPDATE SET {_END} WHERE run.outcome = 'running' OR {LATE}"
        ),
    ),
    ("holding", rows.insert("holding", rows.HOLDING, "DO NOTHING")),
    ("answer", rows.insert("answer", rows.ANSWER, "DO NOTHING")),
    ("outage", rows.insert("outage", rows.OUTAGE, "DO NOTHING")),
    ("series", rows.insert("series", rows.SERIES, "DO UPDATE SET faults_sha256 = excluded.faults_sha256")),
)

#: A series of which runs came, by the last of them: it is the newest of all.
NEWEST_SQL = f"""
INSERT INTO series (mode, faults, series, newest_run, last_round)
SELECT mode, faults, series, id, round FROM run WHERE {" AND ".join(f"{name} = ?" for name in RUN_ID)}
ON CONFLICT DO UPDATE SET newest_run = MAX(COALESCE(newest_run, 0), excluded.newest_run),
  last_round = MAX(COALESCE(last_round, 0), excluded.last_round)"""  # noqa: S608 (names are our own constants)


def _insert(db: Database, sql: str, found: Sequence[tuple[Any, ...]]) -> int:
    return db.conn.executemany(sql, found).rowcount if found else 0


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
