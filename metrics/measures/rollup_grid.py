"""What is read of the rollups for a window: rows of either side, laid out as grids of strata and blocks.

Where a side has nothing the grid holds `nan`, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from metrics.question import Question, Stratum, in_scope

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlite_utils import Database

    Floats = NDArray[np.float64]
    Block = tuple[str, str]  # first and last day


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A day on which a partner took nothing: calls that the subject made all the same, the mean of its rounds."""

    block_end: str
    day: str
    partner: str
    hours: float
    calls: float


def read_rows(
    db: Database, asked: Question, system: str, level: int, names: tuple[str, ...], between: tuple[str, str]
) -> list[tuple[Any, ...]]:
    """Rollups in scope of blocks that begin in a span (its end excluded): their days, stratum, and these columns."""
    # a database that only older releases have written lacks what they did not count; a reader may not add it
    there = set(db.table("run_block").columns_dict)
    columns = ", ".join(name if name in there else "NULL" for name in names)
    sql = (
        f"SELECT block, block_end, partner, feed, band, {columns} FROM run_block "  # noqa: S608 (our own constants)
        "WHERE block >= ? AND block < ? AND block_end <= ? "
        "AND system = ? AND level = ? AND mode = ? AND faults = ? AND series = ?"
    )
    key = (*between, asked.end.isoformat(), system, level, asked.mode, asked.faults, asked.series)
    rows = db.execute(sql, key).fetchall()
    return rows if asked.scope == ("*/*",) else [row for row in rows if in_scope(asked.scope, row[2], row[3])]


def blocks_of(*found: list[tuple[Any, ...]]) -> tuple[Block, ...]:
    """First and last day of each block that any of these rows has."""
    ends: dict[str, str] = {}
    for block, end in {row[:2] for rows in found for row in rows}:
        ends[block] = max(end, ends.get(block, ""))
    return tuple(sorted(ends.items()))


def build_grid(
    rows: list[tuple[Any, ...]], strata: tuple[Stratum, ...], blocks: tuple[Block, ...], names: tuple[str, ...]
) -> tuple[dict[str, Floats], NDArray[np.object_]]:
    """The columns as grids, and the hash of the inputs of each cell; "" where it is not known."""
    across, down = {block: i for i, (block, _) in enumerate(blocks)}, {key: i for i, key in enumerate(strata)}
    grid = np.full((len(names), len(strata), len(blocks)), np.nan)
    files = np.full((len(strata), len(blocks)), "", dtype=object)
    if rows:
        # column by column: a year of production has a hundred thousand rows, and numpy takes lists much faster
        block, _, partner, feed, band, *columns = zip(*rows, strict=True)
        at = ([down[key] for key in zip(partner, feed, band, strict=True)], [across[one] for one in block])
        cell = np.ravel_multi_index(at, files.shape)
        for values, column in zip(grid.reshape(len(names), -1), columns, strict=False):
            if column.count(None) < len(column):
                values[cell] = column
        files[at] = [one or "" for one in columns[-1]]
    return dict(zip(names, grid, strict=True)), files


def read_answers(db: Database, asked: Question, system: str, level: int) -> tuple[tuple[str, int, int], ...]:
    """Last day of each block and feed that were compared, how many records were, and how many were equal."""
    # a database that only older releases have written has the answers of each round, and no sums of them
    table = "answer_block" if db.table("answer_block").exists() else "answer"
    sql = (
        f"SELECT block_end, partner, feed, SUM(compared), SUM(equal) FROM {table} WHERE system = ? AND level = ? "  # noqa: S608
        "AND control = ? AND mode = ? AND faults = ? AND series = ? AND block >= ? AND block_end <= ? "
        "GROUP BY block, block_end, partner, feed ORDER BY block, partner, feed"
    )
    days = (asked.start.isoformat(), asked.end.isoformat())
    found = db.execute(sql, (system, level, asked.control, asked.mode, asked.faults, asked.series, *days))
    return tuple((end, n, equal) for end, *feed, n, equal in found if in_scope(asked.scope, *feed))


def read_outages(db: Database, asked: Question, system: str, level: int) -> tuple[Outage, ...]:
    """The days on which a partner of the subject was down."""
    if not db.table("outage").exists():
        return ()
    sql = (
        "SELECT block_end, day, partner, feed, AVG(hours), AVG(calls) FROM outage WHERE system = ? AND level = ? "
        "AND mode = ? AND faults = ? AND series = ? AND block >= ? AND block_end <= ? "
        "GROUP BY block_end, day, partner, feed ORDER BY day, partner, feed"
    )
    days = (asked.start.isoformat(), asked.end.isoformat())
    found: dict[tuple[str, str, str], Outage] = {}
    for block_end, day, partner, feed, hours, calls in db.execute(
        sql, (system, level, asked.mode, asked.faults, asked.series, *days)
    ):
        if in_scope(asked.scope, partner, feed):
            key = (block_end, day, partner)
            before = found[key].calls if key in found else 0.0  # the partner is down for all its feeds at once
            found[key] = Outage(block_end=block_end, day=day, partner=partner, hours=hours, calls=before + calls)
    return tuple(found.values())


def read_faults_sha256(db: Database, asked: Question) -> str | None:
    """Hash of the file of fault rates that a series was measured under; None where nobody recorded it."""
    if not db.table("series").exists():  # only older releases have written here
        return None
    sql = "SELECT faults_sha256 FROM series WHERE mode = ? AND faults = ? AND series = ?"
    found = db.execute(sql, (asked.mode, asked.faults, asked.series)).fetchone()
    return (found[0] or None) if found else None
