"""Read the rollups for a window, and lay out the rows of each side as grids of strata x blocks.

Cells without data are `nan`, never 0.
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
    """A day on which a partner was down: the calls that the subject made nevertheless, as the mean over its rounds."""

    block_end: str
    day: str
    partner: str
    hours: float
    calls: float


def read_rows(
    db: Database, question: Question, system: str, level: int, names: tuple[str, ...], span: tuple[str, str]
) -> list[tuple[Any, ...]]:
    """Read the rollups in scope of blocks that begin in a span (end excluded): days, stratum, and these columns."""
    # a store that only older releases have written lacks newer columns, and a reader may not add them
    stored = set(db.table("run_block").columns_dict)
    columns = ", ".join(name if name in stored else "NULL" for name in names)
    sql = (
        f"SELECT block, block_end, partner, feed, band, {columns} FROM run_block "  # noqa: S608 (our own constants)
        "WHERE block >= ? AND block < ? AND block_end <= ? "
        "AND system = ? AND level = ? AND mode = ? AND faults = ? AND series = ?"
    )
    key = (*span, question.end.isoformat(), system, level, question.mode, question.faults, question.series)
    rows = db.execute(sql, key).fetchall()
    return rows if question.scope == ("*/*",) else [row for row in rows if in_scope(question.scope, row[2], row[3])]


def blocks_of(*sides: list[tuple[Any, ...]]) -> tuple[Block, ...]:
    """Return first and last day of each block of these rows."""
    ends: dict[str, str] = {}
    for block, end in {row[:2] for rows in sides for row in rows}:
        ends[block] = max(end, ends.get(block, ""))
    return tuple(sorted(ends.items()))


def build_grid(
    rows: list[tuple[Any, ...]], strata: tuple[Stratum, ...], blocks: tuple[Block, ...], names: tuple[str, ...]
) -> tuple[dict[str, Floats], NDArray[np.object_]]:
    """Return the columns as grids, and the hash of the input files of each cell; "" where it is unknown."""
    across, down = {block: i for i, (block, _) in enumerate(blocks)}, {key: i for i, key in enumerate(strata)}
    grid = np.full((len(names), len(strata), len(blocks)), np.nan)
    files = np.full((len(strata), len(blocks)), "", dtype=object)
    if rows:
        # column by column: a year of production has a hundred thousand rows, and numpy converts lists much faster
        block, _, partner, feed, band, *columns = zip(*rows, strict=True)
        at = ([down[key] for key in zip(partner, feed, band, strict=True)], [across[first] for first in block])
        cell = np.ravel_multi_index(at, files.shape)
        for values, column in zip(grid.reshape(len(names), -1), columns, strict=False):
            if column.count(None) < len(column):
                values[cell] = column
        files[at] = [sha256 or "" for sha256 in columns[-1]]
    return dict(zip(names, grid, strict=True)), files


def read_answers(db: Database, question: Question, system: str, level: int) -> tuple[tuple[str, int, int], ...]:
    """Read per block and feed that was compared: the last day, the records compared, and the records equal."""
    # a store that only older releases have written has the answers of each round, but not their sums
    table = "answer_block" if db.table("answer_block").exists() else "answer"
    sql = (
        f"SELECT block_end, partner, feed, SUM(compared), SUM(equal) FROM {table} WHERE system = ? AND level = ? "  # noqa: S608
        "AND control = ? AND mode = ? AND faults = ? AND series = ? AND block >= ? AND block_end <= ? "
        "GROUP BY block, block_end, partner, feed ORDER BY block, partner, feed"
    )
    days = (question.start.isoformat(), question.end.isoformat())
    rows = db.execute(sql, (system, level, question.control, question.mode, question.faults, question.series, *days))
    return tuple((end, n, equal) for end, *feed, n, equal in rows if in_scope(question.scope, *feed))


def read_outages(db: Database, question: Question, system: str, level: int) -> tuple[Outage, ...]:
    """Read the days on which a partner of the subject was down."""
    if not db.table("outage").exists():
        return ()
    sql = (
        "SELECT block_end, day, partner, feed, AVG(hours), AVG(calls) FROM outage WHERE system = ? AND level = ? "
        "AND mode = ? AND faults = ? AND series = ? AND block >= ? AND block_end <= ? "
        "GROUP BY block_end, day, partner, feed ORDER BY day, partner, feed"
    )
    days = (question.start.isoformat(), question.end.isoformat())
    outages: dict[tuple[str, str, str], Outage] = {}
    for block_end, day, partner, feed, hours, calls in db.execute(
        sql, (system, level, question.mode, question.faults, question.series, *days)
    ):
        if in_scope(question.scope, partner, feed):
            key = (block_end, day, partner)
            before = outages[key].calls if key in outages else 0.0  # the partner is down for all its feeds at once
            outages[key] = Outage(block_end=block_end, day=day, partner=partner, hours=hours, calls=before + calls)
    return tuple(outages.values())


def read_faults_sha256(db: Database, question: Question) -> str | None:
    """Read the hash of the file of fault rates under which a series was measured; None where not recorded."""
    if not db.table("series").exists():  # only older releases have written here
        return None
    sql = "SELECT faults_sha256 FROM series WHERE mode = ? AND faults = ? AND series = ?"
    row = db.execute(sql, (question.mode, question.faults, question.series)).fetchone()
    return (row[0] or None) if row else None
