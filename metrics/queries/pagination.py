"""Keyset pagination over runs, newest first or oldest first: by block, start and id.

It reads block by block the tallies of the cells that can be on the list, and of each group of runs no more than the
page still lacks. Runs beyond the page are never read, however many there are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from metrics.queries.filter_sql import SqlConditions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlite_utils import Database

Position = tuple[int, int]  # start and id of a run in its block

#: The integers that SQLite can hold.
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """The position of one run in a list of runs."""

    block: str
    started_at_us: int
    id: int

    @property
    def text(self) -> str:
        """The cursor as a value in a URL."""
        return f"{self.block}.{self.started_at_us}.{self.id}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Parse the cursor in a URL.

        Raises:
            ValueError: the text is not a cursor.
        """
        block, _, rest = text.partition(".")
        started, _, number = rest.partition(".")
        try:
            cursor = cls(date.fromisoformat(block).isoformat(), int(started), int(number))
        except ValueError:
            raise ValueError(f"not a position in a list of runs: {text[:60]!r}") from None
        if not (MIN_INTEGER <= cursor.started_at_us <= MAX_INTEGER and 0 <= cursor.id <= MAX_INTEGER):
            raise ValueError(f"not a position in a list of runs: {text[:60]!r}")
        return cursor


class RunGroup(NamedTuple):
    """Runs of one cell with the same outcome and fingerprint, and the starts of the first and last of them."""

    cell: int
    outcome: str
    fingerprint: str
    first_at_us: int
    last_at_us: int

    def with_span(self, first_at_us: int, last_at_us: int) -> RunGroup:
        """Return the group with more runs, which start within these times."""
        return RunGroup(*self[:3], min(self.first_at_us, first_at_us), max(self.last_at_us, last_at_us))


@dataclass(frozen=True, slots=True)
class RunQuery:
    """The runs of a list as conditions on cells, tallies and runs; `runs` holds what a tally cannot decide."""

    cells: SqlConditions
    tallies: SqlConditions
    runs: SqlConditions


def sum_runs(db: Database, query: RunQuery) -> int:
    """Count the runs of a query, from the tallies."""
    if not query.cells.sql:
        result = db.execute(f"SELECT SUM(runs) FROM tally WHERE {query.tallies.where}", query.tallies.values)  # noqa: S608
    else:
        sql = f"SELECT SUM(runs) FROM {join_tables(query)}"  # noqa: S608 (conditions are our own)
        result = db.execute(sql, (*query.cells.values, *query.tallies.values))
    return int(result.fetchone()[0] or 0)


def sum_runs_by(db: Database, query: RunQuery, *columns: str) -> dict[tuple[Any, ...], int]:
    """Count the runs of a query by columns of their cells, such as partner, feed or block; without empty groups."""
    names = ", ".join(f"cell.{column}" for column in columns)
    sql = f"SELECT {names}, SUM(runs) FROM {join_tables(query)} GROUP BY {names}"  # noqa: S608 (names are our own)
    return {tuple(key): runs for *key, runs in db.execute(sql, (*query.cells.values, *query.tallies.values))}


def join_tables(query: RunQuery, index: str = "") -> str:
    """Return the SQL that joins cells and tallies, starting from the table that has fewer rows.

    The values in order are those of the cells, then those of the tallies.
    """
    condition = f"ON tally.cell = cell.id WHERE {query.cells.where} AND {query.tallies.where}"
    is_rare = any("fingerprint = ?" in sql for sql in query.tallies.sql)
    return f"tally CROSS JOIN cell {condition}" if is_rare else f"cell {index} CROSS JOIN tally {condition}"


def next_page(db: Database, query: RunQuery, after: Cursor | None, size: int, *, newer: bool = False) -> list[Cursor]:
    """Return up to `size` cursors of a list, those that follow `after`, or the first of the list.

    The list is newest first. With `newer` it is read backwards: the cursors run from the oldest to the newest.
    """
    page: list[Cursor] = []
    for block, groups in _blocks(db, query, after, newer=newer):
        start = (after.started_at_us, after.id) if after is not None and after.block == block else None
        positions = _next_in_block(db, query.runs, list(groups), start, size - len(page), newer=newer)
        page += [Cursor(block, started_at_us, run_id) for started_at_us, run_id in positions]
        if len(page) == size:
            break
    return page


def _blocks(
    db: Database, query: RunQuery, after: Cursor | None, *, newer: bool
) -> Iterator[tuple[str, Collection[RunGroup]]]:  # fmt: skip
    """Yield the blocks from `after` on, each with its groups; rows are read as the caller advances."""
    cells, values = query.cells, query.cells.values
    where = cells.where
    if after is not None:
        where, values = f"{where} AND cell.block {'>=' if newer else '<='} ?", (*values, after.block)
    # block by block, so that no more is read than the page needs; the cells of a partner are few, and soon sorted
    index = "" if "cell.partner" in where else "INDEXED BY cell_key"
    sql = (
        f"SELECT cell.block, tally.cell, outcome, fingerprint, first_at_us, last_at_us "  # noqa: S608
        f"FROM {join_tables(RunQuery(SqlConditions((where,), values), query.tallies, query.runs), index)} "
        f"ORDER BY cell.block {'' if newer else 'DESC'}"
    )
    rows = db.execute(sql, (*values, *query.tallies.values))
    for block, block_rows in groupby(rows, key=itemgetter(0)):
        groups: dict[tuple[int, str, str], RunGroup] = {}
        for _, cell, outcome, fingerprint, first_at_us, last_at_us in block_rows:
            key = (cell, outcome, fingerprint)
            group = groups.get(key)
            groups[key] = group.with_span(first_at_us, last_at_us) if group else RunGroup(*key, first_at_us, last_at_us)
        yield block, groups.values()


def _next_in_block(
    db: Database, runs: SqlConditions, groups: list[RunGroup], after: Position | None, size: int, *, newer: bool
) -> list[Position]:  # fmt: skip
    """Return the next runs of one block, in the order of the list.

    Runs are merged by an index alone, and only the next ones are checked against the conditions on runs. The batch
    grows as long as few of them fulfil the conditions.
    """
    if not runs.sql:
        return _merge_groups(db, groups, after, size, newer=newer)
    sql = f"SELECT id FROM run WHERE id IN (SELECT value FROM json_each(?)) AND {runs.where}"  # noqa: S608
    positions: list[Position] = []
    batch_size = size
    while len(positions) < size:
        batch = _merge_groups(db, groups, after, batch_size, newer=newer)
        ids = json.dumps([run_id for _, run_id in batch])
        wanted = {run_id for (run_id,) in db.execute(sql, (ids, *runs.values))}
        positions += [position for position in batch if position[1] in wanted]
        if len(batch) < batch_size:
            break
        after, batch_size = batch[-1], 4 * batch_size
    return positions[:size]


def _merge_groups(
    db: Database, groups: list[RunGroup], after: Position | None, size: int, *, newer: bool
) -> list[Position]:  # fmt: skip
    """Return the next runs of these groups, in the order of the list.

    A group has a run at each of its two ends, so the ends alone show how far `size` runs reach at most.
    """
    merged: list[Position] = []
    low, high = (
        (MIN_INTEGER, MAX_INTEGER) if after is None else (after[0], MAX_INTEGER) if newer else (MIN_INTEGER, after[0])
    )
    start = after or (MIN_INTEGER, MIN_INTEGER if newer else MAX_INTEGER)
    ends = sorted(
        (
            end
            for group in groups
            if (end := group.first_at_us if newer else group.last_at_us) != start[0] and low <= end <= high
        ),
        reverse=not newer,
    )
    if len(ends) >= size:
        low, high = (low, ends[size - 1]) if newer else (ends[size - 1], high)
    for group in sorted(groups, key=itemgetter(3)) if newer else sorted(groups, key=itemgetter(4), reverse=True):
        if len(merged) == size:  # runs beyond the last of them are not wanted
            low, high = (low, merged[-1][0]) if newer else (merged[-1][0], high)
        if (group.first_at_us > high) if newer else (group.last_at_us < low):
            break
        if group.last_at_us < low or group.first_at_us > high:
            continue
        key = (group.cell, group.outcome, group.fingerprint)
        rows = db.execute(_RUNS_SQL[newer], (*key, low, high, *start, size)).fetchall()
        if rows:
            merged += rows
            merged.sort(reverse=not newer)
            del merged[size:]
    return merged


def _runs_sql(beyond: str, direction: str) -> str:
    """Return the SQL for the next runs of a group; it excludes the run at which the last page ended."""
    return (
        "SELECT started_at_us, id FROM run INDEXED BY run_cell WHERE cell = ? AND outcome = ? AND fingerprint = ? "  # noqa: S608
        f"AND started_at_us BETWEEN ? AND ? AND NOT (started_at_us = ? AND id {beyond} ?) "
        f"ORDER BY started_at_us {direction}, id {direction} LIMIT ?"
    )


#: Newest first, and oldest first.
_RUNS_SQL = (_runs_sql(">=", "DESC"), _runs_sql("<=", "ASC"))
