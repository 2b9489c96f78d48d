"""Measurement series and replay rounds: which measured runs belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrics.events import OUTCOMES, parse_subject

if TYPE_CHECKING:
    from datetime import date

    from sqlite_utils import Database


#: Version of the method that computes numbers from events; a change starts a new series.
METHOD = "4"


def newest_series(db: Database, mode: str, faults: str, day: date | None = None) -> str | None:
    """Return the series of the newest measurement; older series stay and are not compared with it.

    With a day, it is the newest one that has a block in the calendar year of that day, if there is one: the years of a
    replay are series of their own.
    """
    if not db.table("series").exists():  # a store of an older release; a reader may not migrate it
        sql = "SELECT series FROM run WHERE mode = ? AND faults = ? ORDER BY id DESC LIMIT 1"
    else:
        sql = "SELECT series FROM series WHERE mode = ? AND faults = ? ORDER BY newest_run DESC"
    newest = [str(series) for (series,) in db.execute(sql, (mode, faults)).fetchall()]
    if day is not None and len(newest) > 1:
        sql = "SELECT 1 FROM run_block WHERE block BETWEEN ? AND ? AND mode = ? AND faults = ? AND series = ? LIMIT 1"
        days = (f"{day.year}-01-01", f"{day.year}-12-31")
        newest = [one for one in newest if db.execute(sql, (*days, mode, faults, one)).fetchone()] or newest
    return newest[0] if newest else None


def next_round(db: Database, mode: str, faults: str) -> int:
    """Return the number of the next pass of a replay: one more than the highest of all series."""
    sql = "SELECT MAX(last_round) FROM series WHERE mode = ? AND faults = ?"
    last_round = db.execute(sql, (mode, faults)).fetchone()[0]
    return int(last_round or 0) + 1


def blocks_by_round(db: Database, subject: str, faults: str, series: str) -> dict[int, set[str]]:
    """Return the first days of the blocks in which a subject has runs in a series of replays, by round."""
    sql = (
        "SELECT DISTINCT run.round, cell.block FROM cell JOIN run ON run.cell = cell.id "
        "WHERE cell.system = ? AND cell.level = ? AND cell.faults = ? AND cell.mode = 'replay' AND cell.series = ?"
    )
    blocks: dict[int, set[str]] = {}
    for number, block in db.execute(sql, (*parse_subject(subject), faults, series)).fetchall():
        blocks.setdefault(number, set()).add(block)
    return blocks


def rows_of_round(db: Database, subject: str, faults: str, series: str, number: int) -> dict[str, int]:
    """Return a subject's rows in one round by outcome, and their sum `in`, from the last attempt at each file."""
    system, level = parse_subject(subject)
    names = ("in", *OUTCOMES)
    sums = ", ".join(f"SUM(rows_{name})" for name in names)
    sql = f"""
        SELECT {sums} FROM (
          SELECT *, ROW_NUMBER() OVER (PARTITION BY exchange_id ORDER BY attempt DESC) AS attempts_back FROM run
          WHERE system = ? AND level = ? AND mode = 'replay' AND faults = ? AND series = ? AND round = ?
        ) WHERE attempts_back = 1"""  # noqa: S608 (names are our own constants)
    row = db.execute(sql, (system, level, faults, series, number)).fetchone()
    return {name: int(value or 0) for name, value in zip(names, row, strict=True)}


def last_evidence_day(db: Database) -> str | None:
    """Return the last day with evidence (an ISO date): it is "today" in a replay."""
    day = db.execute("SELECT MAX(block_end) FROM run_block").fetchone()[0]
    return None if day is None else str(day)
