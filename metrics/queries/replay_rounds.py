"""Where the feeds of the service are looked at: in a replay, in the pass that has come the furthest.

A pass is one round of a series at one level. One that is under way, was cut short, or was asked for fewer weeks tells
nothing of the days that it has not come to: neither that files came then, nor that they did not. So time ends, for what
is looked at in a pass, with the last block that it has come to the end of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from metrics.queries.filter_sql import NO_CONDITIONS, SqlConditions, condition
from metrics.queries.pagination import RunQuery
from metrics.queries.run_grid import list_sides

if TYPE_CHECKING:
    from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class ReplayRound:
    """What is looked at, and until when: of a replay the end of its last block, in production as far as time goes."""

    way: RunQuery
    end_us: int | None = None


def rounds_to_check(db: Database, mode: str, faults: str, over: SqlConditions) -> tuple[ReplayRound, ...]:
    """What is looked at of a feed of the service: the first of these that has something.

    In production that is all there is. Of a replay it is one pass at each level, of the newest series in which any has
    come to the end of a block: those that have come further first, and of those that have come as far the higher level,
    each in its newest round that has.

    Args:
        db: the store.
        mode: "live" or "replay".
        faults: under which they ran.
        over: conditions on the cells that count, as those of blocks that were over by some day.
    """
    ran = SqlConditions(("cell.system = 'service'", "cell.mode = ?", "cell.faults = ?"), (mode, faults)) + over
    if mode != "replay":
        return (ReplayRound(RunQuery(ran, NO_CONDITIONS, NO_CONDITIONS)),)
    levels = [level for system, level, named in list_sides(db) if (system, named) == ("service", faults)]
    sql = "SELECT series FROM series WHERE mode = ? AND faults = ? ORDER BY newest_run DESC"
    for (series,) in db.execute(sql, (mode, faults)).fetchall():
        found = {}
        for level in levels:
            if furthest := _furthest_round(db, ran + condition("cell.series = ? AND cell.level = ?", series, level)):
                block, found_there = furthest
                found[block, level] = found_there
        if found:
            return tuple(found[key] for key in sorted(found, reverse=True))
    return ()


def _furthest_round(db: Database, cells: SqlConditions) -> tuple[str, ReplayRound] | None:
    """The pass over these cells that has come the furthest, and its last block; None where none ended one."""
    held = "EXISTS (SELECT 1 FROM holding WHERE holding.cell = cell.id"
    sql = f"SELECT block FROM cell INDEXED BY cell_side WHERE {cells.where} AND {held}) ORDER BY block DESC LIMIT 1"  # noqa: S608
    last = db.execute(sql, cells.values).fetchone()
    if last is None:
        return None
    sql = (
        "SELECT MAX(holding.round), MAX(holding.block_end) FROM cell CROSS JOIN holding ON holding.cell = cell.id "  # noqa: S608
        f"WHERE {cells.where} AND cell.block = ?"
    )
    number, end = db.execute(sql, (*cells.values, *last)).fetchone()
    # asked of cells and tallies too, so that no runs are read of which none is in the round
    way = RunQuery(
        cells + condition(f"{held} AND holding.round = ?)", number),
        condition("tally.counted"),
        condition("run.round = ?", number),
    )
    return str(last[0]), ReplayRound(way, _end_us(date.fromisoformat(end)))


def _end_us(day: date) -> int:
    """The end of a day."""
    return (day.toordinal() + 1 - date(1970, 1, 1).toordinal()) * 86_400_000_000
