"""The rounds by which the health of feeds is judged: in a replay, the rounds that have come the furthest.

A round of a series runs at one level. A round that is under way, was interrupted, or was asked for fewer weeks says
nothing of the days beyond its end: neither that files arrived then, nor that none did. So the time of a round ends with
its last complete block.
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
    """The runs by which feeds are judged, and their end: of a replay its last complete block; None in production."""

    query: RunQuery
    end_us: int | None = None


def rounds_to_check(db: Database, mode: str, faults: str, ended: SqlConditions) -> tuple[ReplayRound, ...]:
    """Return the rounds by which feeds of the service are judged; the first that has runs of a feed decides.

    In production that is one, of all runs. In a replay it is one round per level, of the newest series in which any
    level has completed a block: the level that has come furthest first, then the higher level; of each level its newest
    round that has come as far.

    Args:
        db: the store.
        mode: "live" or "replay".
        faults: the faults under which the feeds ran.
        ended: conditions on the cells that count, such as those of blocks that were over by some day.
    """
    cells = SqlConditions(("cell.system = 'service'", "cell.mode = ?", "cell.faults = ?"), (mode, faults)) + ended
    if mode != "replay":
        return (ReplayRound(RunQuery(cells, NO_CONDITIONS, NO_CONDITIONS)),)
    levels = [level for system, level, side_faults in list_sides(db) if (system, side_faults) == ("service", faults)]
    sql = "SELECT series FROM series WHERE mode = ? AND faults = ? ORDER BY newest_run DESC"
    for (series,) in db.execute(sql, (mode, faults)).fetchall():
        rounds = {}
        for level in levels:
            conditions = cells + condition("cell.series = ? AND cell.level = ?", series, level)
            if furthest := _furthest_round(db, conditions):
                block, replay_round = furthest
                rounds[block, level] = replay_round
        if rounds:
            return tuple(rounds[key] for key in sorted(rounds, reverse=True))
    return ()


def _furthest_round(db: Database, cells: SqlConditions) -> tuple[str, ReplayRound] | None:
    """Return the last complete block of these cells and its newest round; None where no block is complete."""
    holdings = "EXISTS (SELECT 1 FROM holding WHERE holding.cell = cell.id"
    sql = f"SELECT block FROM cell INDEXED BY cell_side WHERE {cells.where} AND {holdings}) ORDER BY block DESC LIMIT 1"  # noqa: S608
    last = db.execute(sql, cells.values).fetchone()
    if last is None:
        return None
    sql = (
        "SELECT MAX(holding.round), MAX(holding.block_end) FROM cell CROSS JOIN holding ON holding.cell = cell.id "  # noqa: S608
        f"WHERE {cells.where} AND cell.block = ?"
    )
    number, end = db.execute(sql, (*cells.values, *last)).fetchone()
    # conditions on cells and tallies too, so that no runs are read where none is in the round
    query = RunQuery(
        cells + condition(f"{holdings} AND holding.round = ?)", number),
        condition("tally.counted"),
        condition("run.round = ?", number),
    )
    return str(last[0]), ReplayRound(query, _end_us(date.fromisoformat(end)))


def _end_us(day: date) -> int:
    """Return the end of a day, in microseconds since 1970."""
    return (day.toordinal() + 1 - date(1970, 1, 1).toordinal()) * 86_400_000_000
