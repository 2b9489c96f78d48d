"""Measurement series and replay rounds: which measured runs belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrics.events import OUTCOMES, parse_subject

if TYPE_CHECKING:
    from sqlite_utils import Database


#: Version of how numbers are made from events; a change starts a new series.
METHOD = "3"


def newest_series(db: Database, mode: str, faults: str) -> str | None:
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


def rows_of_round(db: Database, subject: str, faults: str, series: str, number: int) -> dict[str, int]:
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


def last_evidence_day(db: Database) -> str | None:
    """The last day any evidence reaches to (an ISO date): "today", in a replay."""
    found = db.execute("SELECT MAX(block_end) FROM run_block").fetchone()[0]
    return None if found is None else str(found)
