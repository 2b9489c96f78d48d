"""A walk over runs in the order of a list: by block, start and number, from the newest to the oldest or back.

It goes block by block over the tallies of the cells that can be on the list, and asks for no more runs of each than the
list still lacks: those that are not near enough to its end are never read, however many there are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any

from metrics.queries.filter_sql import SqlConditions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_utils import Database

Position = tuple[int, int]  # start and number of a run in its block

#: Numbers that SQLite can hold.
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in a list of runs: that of one run."""

    block: str
    started_at_us: int
    id: int

    @property
    def text(self) -> str:
        """As it stands in an address."""
        return f"{self.block}.{self.started_at_us}.{self.id}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor of a text.

        Raises:
            ValueError: it is none.
        """
        block, _, rest = text.partition(".")
        started, _, number = rest.partition(".")
        try:
            found = cls(date.fromisoformat(block).isoformat(), int(started), int(number))
        except ValueError:
            raise ValueError(f"no place in a list: {text[:60]!r}") from None
        if not (MIN_INTEGER <= found.started_at_us <= MAX_INTEGER and 0 <= found.id <= MAX_INTEGER):
            raise ValueError(f"no place in a list: {text[:60]!r}")
        return found


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs of one cell that ended alike, and when the first and last of them started."""

    cell: int
    outcome: str
    fingerprint: str
    first_at_us: int
    last_at_us: int


@dataclass(frozen=True, slots=True)
class RunQuery:
    """What a walk is over: conditions on cells, tallies and runs, the last beyond what a tally tells."""

    cells: SqlConditions
    tallies: SqlConditions
    runs: SqlConditions


def sum_runs(db: Database, way: RunQuery) -> int:
    """How many runs a walk to the end would find."""
    if not way.cells.sql:
        found = db.execute(f"SELECT SUM(runs) FROM tally WHERE {way.tallies.where}", way.tallies.values)  # noqa: S608
    else:
        sql = f"SELECT SUM(runs) FROM {join_tables(way)}"  # noqa: S608 (conditions are our own)
        found = db.execute(sql, (*way.cells.values, *way.tallies.values))
    return int(found.fetchone()[0] or 0)


def sum_runs_by(db: Database, way: RunQuery, *by: str) -> dict[tuple[Any, ...], int]:
    """The same by columns of the cells, such as partner, feed or block; what has none is left out."""
    names = ", ".join(f"cell.{name}" for name in by)
    sql = f"SELECT {names}, SUM(runs) FROM {join_tables(way)} GROUP BY {names}"  # noqa: S608 (names are our own)
    return {tuple(key): many for *key, many in db.execute(sql, (*way.cells.values, *way.tallies.values))}


def join_tables(way: RunQuery, index: str = "") -> str:
    """Cells and their tallies, from the side that has fewer; values are of the cells, then of the tallies."""
    both = f"ON tally.cell = cell.id WHERE {way.cells.where} AND {way.tallies.where}"
    rare = any("fingerprint = ?" in each for each in way.tallies.sql)
    return f"tally CROSS JOIN cell {both}" if rare else f"cell {index} CROSS JOIN tally {both}"


def next_page(db: Database, way: RunQuery, after: Cursor | None, most: int, *, newer: bool = False) -> list[Cursor]:
    """The next places of a list after one, or from its beginning, `most` at the most.

    With `newer` it goes the other way: the places come from the oldest to the newest.
    """
    found: list[Cursor] = []
    for block, groups in _blocks(db, way, after, newer=newer):
        here = (after.started_at_us, after.id) if after is not None and after.block == block else None
        near = _next_in_block(db, way.runs, list(groups), here, most - len(found), newer=newer)
        found += [Cursor(block, started_at_us, number) for started_at_us, number in near]
        if len(found) == most:
            break
    return found


def _blocks(
    db: Database, way: RunQuery, after: Cursor | None, *, newer: bool
) -> Iterator[tuple[str, Iterator[RunGroup]]]:  # fmt: skip
    """The blocks on the way, each with its groups; read as the walk goes on."""
    cells, values = way.cells, way.cells.values
    where = cells.where
    if after is not None:
        where, values = f"{where} AND cell.block {'>=' if newer else '<='} ?", (*values, after.block)
    # block by block, so that no more is read than the page needs; the cells of a partner are few, and soon sorted
    index = "" if "cell.partner" in where else "INDEXED BY cell_key"
    sql = (
        f"SELECT cell.block, tally.cell, outcome, fingerprint, first_at_us, last_at_us "  # noqa: S608
        f"FROM {join_tables(RunQuery(SqlConditions((where,), values), way.tallies, way.runs), index)} "
        f"ORDER BY cell.block {'' if newer else 'DESC'}"
    )
    rows = db.execute(sql, (*values, *way.tallies.values))
    for block, found in groupby(rows, key=lambda row: str(row[0])):
        merged: dict[tuple[int, str, str], tuple[int, int]] = {}
        for _, *key, first, last in found:
            same = tuple(key)
            before = merged.get(same, (first, last))
            merged[same] = (min(first, before[0]), max(last, before[1]))
        yield block, (RunGroup(*key, *span) for key, span in merged.items())


def _next_in_block(
    db: Database, runs: SqlConditions, groups: list[RunGroup], after: Position | None, most: int, *, newer: bool
) -> list[Position]:  # fmt: skip
    """The next runs of one block, in the order of the walk.

    Runs are merged by an index alone, and only those that come next are asked whatever else is wanted of them: more at
    a time as long as few of them are it.
    """
    if not runs.sql:
        return _merge_groups(db, groups, after, most, newer=newer)
    sql = f"SELECT id FROM run WHERE id IN (SELECT value FROM json_each(?)) AND {runs.where}"  # noqa: S608
    found: list[Position] = []
    many = most
    while len(found) < most:
        near = _merge_groups(db, groups, after, many, newer=newer)
        wanted = {number for (number,) in db.execute(sql, (json.dumps([place[1] for place in near]), *runs.values))}
        found += [place for place in near if place[1] in wanted]
        if len(near) < many:
            break
        after, many = near[-1], 4 * many
    return found[:most]


def _merge_groups(
    db: Database, groups: list[RunGroup], after: Position | None, most: int, *, newer: bool
) -> list[Position]:
    """The next runs of these groups, in the order of the walk."""
    found: list[Position] = []
    low, high = (
        (MIN_INTEGER, MAX_INTEGER) if after is None else (after[0], MAX_INTEGER) if newer else (MIN_INTEGER, after[0])
    )
    past = after or (MIN_INTEGER, MIN_INTEGER if newer else MAX_INTEGER)
    for group in sorted(groups, key=lambda one: one.first_at_us if newer else -one.last_at_us):
        if len(found) == most:  # what lies beyond the last of them is not wanted
            low, high = (low, found[-1][0]) if newer else (found[-1][0], high)
            if (group.first_at_us > high) if newer else (group.last_at_us < low):
                break
        if group.last_at_us < low or group.first_at_us > high:
            continue
        key = (group.cell, group.outcome, group.fingerprint)
        more = db.execute(_RUNS_SQL[newer], (*key, low, high, *past, most)).fetchall()
        if more:
            found = sorted([*found, *more], reverse=not newer)[:most]
    return found


def _runs_sql(beyond: str, way: str) -> str:
    """The next runs of a group; a walk never comes back to the run that it goes on after."""
    return (
        "SELECT started_at_us, id FROM run INDEXED BY run_cell WHERE cell = ? AND outcome = ? AND fingerprint = ? "  # noqa: S608
        f"AND started_at_us BETWEEN ? AND ? AND NOT (started_at_us = ? AND id {beyond} ?) "
        f"ORDER BY started_at_us {way}, id {way} LIMIT ?"
    )


#: From the newest to the oldest, and back.
_RUNS_SQL = (_runs_sql(">=", "DESC"), _runs_sql("<=", "ASC"))
