"""Which runs a list holds, and the same in SQL: for the cells that they are in, for their counts, and for each run.

A list and its count are made from one `Picked`, so that the number shown is the length of the list.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metrics.errors import StoreDamaged
from metrics.events import FAILED_OUTCOMES, parse_subject
from metrics.question import in_scope
from metrics.tallies import COUNTED, FIRST, LAST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from sqlite_utils import Database

#: What stands in `Picked.fingerprint` for failures that tell neither a kind of error nor a text, and in `Picked.aside`
#: for rows of which nobody noted why they were set aside.
UNTOLD = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Runs that a reading counts: only those that the rollup does, of these sides and blocks.

    `sides` has the blocks (their first days) that count by subject; None: all from `start` on that end by `end`.
    """

    sides: Mapping[str, frozenset[str] | None]
    scope: tuple[str, ...]
    mode: str
    faults: str
    series: str
    start: date
    end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """Which runs a list holds; an empty tuple picks any. A name that nothing has picks nothing."""

    sides: tuple[str, ...] = ()  #: "monolith", "service" (of any level), "service@3"
    states: tuple[str, ...] = ()  #: outcomes, "running", or "failed" for all of FAILED_OUTCOMES
    partners: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    first: date | None = None  #: the block of the run begins on this day or later
    last: date | None = None  #: or on this day or earlier
    known: date | None = None  #: its block was over by the end of this day: what was known then, and nothing later
    attempt: str = ""  #: "first" for attempt 1; "last" where no later attempt has ended; "" for any
    fingerprint: str = ""  #: of failures that are alike; `UNTOLD` for those that say nothing
    aside: str = ""  #: code of an error: last attempts that count and have set rows aside for it; or `UNTOLD`
    counted: Counted | None = None  #: exactly the runs that a reading counts


@dataclass(frozen=True, slots=True)
class Terms:
    """Conditions on some rows, all of which have to hold, and their values in order."""

    sql: tuple[str, ...]
    values: tuple[Any, ...]

    def __add__(self, other: Terms) -> Terms:
        return Terms(self.sql + other.sql, self.values + other.values)

    @property
    def where(self) -> str:
        """As a WHERE clause; "1" where anything goes."""
        return " AND ".join(self.sql) or "1"


def one(sql: str, *values: Any) -> Terms:
    """One condition."""
    return Terms((sql,), values)


NONE = Terms((), ())


def check(db: Database) -> None:
    """Refuse a store that only older releases have written: a reader may not add what lists are counted by.

    Raises:
        StoreDamaged: it is one.
    """
    if not db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tally'").fetchone():
        raise StoreDamaged(
            "the metrics database was last written by an older release, which kept no lists of runs; "
            "`milepost roadmap status` brings it up to date"
        )


def of_cells(db: Database, picked: Picked) -> Terms:
    """Conditions on rows of `cell`. Raises StoreDamaged for a store that keeps no counts yet."""
    check(db)
    found = NONE
    for column in ("partners", "feeds", "faults"):
        if names := getattr(picked, column):
            found += among(f"cell.{column.removesuffix('s') if column != 'faults' else column}", names)
    if picked.sides:
        found += _any_of([_of_side(name) for name in picked.sides])
    if picked.first:
        found += one("cell.block >= ?", picked.first.isoformat())
    if picked.last:
        found += one("cell.block <= ?", picked.last.isoformat())
    if picked.known:
        found += over_by(db, picked.known)
    if picked.aside:
        found += one("cell.id IN (SELECT cell FROM set_aside WHERE code = ?)", code(picked.aside))
    if picked.counted:
        found += _of_counted(db, picked.counted)
    return found


def of_tallies(picked: Picked) -> Terms:
    """Conditions on rows of `tally`, which with those of `of_cells` pick what `of_runs` does."""
    found = of_ends("tally", picked)
    if picked.attempt:
        found += one({"first": "tally.first", "last": "tally.last"}[picked.attempt])
    if picked.aside:
        found += one("tally.last")
    if picked.counted or picked.aside:
        found += one("tally.counted")
    return found


def of_ends(table: str, picked: Picked) -> Terms:
    """Conditions on how a run ended, which stands in rows of `tally` and of `run` alike."""
    found = among(f"{table}.outcome", outcomes(picked.states)) if picked.states else NONE
    if picked.fingerprint == UNTOLD:
        found += among(f"{table}.outcome", FAILED_OUTCOMES) + one(f"{table}.fingerprint = ''")
    elif picked.fingerprint:
        found += one(f"{table}.fingerprint != '' AND {table}.fingerprint = ?", picked.fingerprint)
    return found


def of_runs(picked: Picked) -> Terms:
    """Conditions on rows of `run` whose cell, outcome and fingerprint are picked already."""
    found = NONE
    if picked.attempt:
        found += one({"first": FIRST, "last": LAST}[picked.attempt])
    if picked.aside:
        found += one("run.rows_quarantined > 0") + one(LAST) + _of_reason(picked.aside)
    return found + one(COUNTED) if picked.counted or picked.aside else found


def code(aside: str) -> str:
    """How the store's counts write a reason; "" where nobody noted it."""
    return "" if aside == UNTOLD else aside


def _of_reason(aside: str) -> Terms:
    if aside == UNTOLD:
        return one("run.rows_quarantined > (SELECT COALESCE(SUM(value), 0) FROM json_each(run.aside))")
    return one("EXISTS (SELECT 1 FROM json_each(run.aside) WHERE json_each.key = ?)", aside)


def outcomes(states: tuple[str, ...]) -> tuple[str, ...]:
    """The outcomes that some states stand for."""
    return tuple(dict.fromkeys(each for name in states for each in (FAILED_OUTCOMES if name == "failed" else (name,))))


def among(column: str, names: tuple[str, ...]) -> Terms:
    """That a column is one of these."""
    return Terms((f"{column} IN ({', '.join('?' * len(names))})",), names)


def over_by(db: Database, day: date | None) -> Terms:
    """That the block of a cell was over by the end of a day; None: whatever its block.

    Blocks lie one after another, so that the last of them tells of all, and an index finds the others.
    """
    if day is None:
        return NONE
    block = last_over(db, day)
    return one("cell.block <= ?", block) if block else one("0")


def last_over(db: Database, day: date) -> str | None:
    """The first day of the last block that was over by the end of a day; None where none was."""
    ends = "SELECT MAX(tally.block_end) FROM cell CROSS JOIN tally ON tally.cell = cell.id WHERE cell.block = ?"
    found = db.execute("SELECT MAX(block) FROM cell WHERE block <= ?", (day.isoformat(),)).fetchone()[0]
    while found is not None:
        end = db.execute(ends, (found,)).fetchone()[0]
        if end is not None and end <= day.isoformat():
            return str(found)
        found = db.execute("SELECT MAX(block) FROM cell WHERE block < ?", (found,)).fetchone()[0]
    return None


def feeds_of(db: Database, known: date | None = None) -> Iterator[tuple[str, str]]:
    """Every partner and feed that has a run, in order; found by an index, however many cells there are.

    With `known`, those that had one by the end of that day.
    """
    last, over = ("", ""), over_by(db, known)
    sql = "SELECT partner, feed FROM cell WHERE (partner, feed) > (?, ?) ORDER BY partner, feed LIMIT 1"
    while found := db.execute(sql, last).fetchone():
        if has(db, one("cell.partner = ? AND cell.feed = ?", *found) + over):
            yield found
        last = found


def has(db: Database, cells: Terms) -> bool:
    """Whether there is a cell like that."""
    return db.execute(f"SELECT 1 FROM cell WHERE {cells.where} LIMIT 1", cells.values).fetchone() is not None  # noqa: S608


def _any_of(terms: list[Terms]) -> Terms:
    parts = [f"({each.where})" for each in terms]
    return Terms((f"({' OR '.join(parts) or '0'})",), tuple(value for each in terms for value in each.values))


def _of_side(name: str) -> Terms:
    if name == "service":
        return one("cell.system = 'service'")
    try:
        return one("cell.system = ? AND cell.level = ?", *parse_subject(name))
    except ValueError:
        return one("0")


def _of_counted(db: Database, counted: Counted) -> Terms:
    sides = []
    for name, blocks in counted.sides.items():
        if blocks is None:
            ends = "(SELECT MAX(block_end) FROM tally AS of_cell WHERE of_cell.cell = cell.id AND of_cell.counted)"
            days = one("cell.block >= ?", counted.start.isoformat()) + one(f"{ends} <= ?", counted.end.isoformat())
        else:
            days = one("cell.block IN (SELECT value FROM json_each(?))", json.dumps(sorted(blocks)))
        sides.append(_of_side(name) + days)
    measured = ("mode", "faults", "series")
    found = Terms(tuple(f"cell.{name} = ?" for name in measured), tuple(getattr(counted, name) for name in measured))
    if counted.scope != ("*/*",):
        names = [list(each) for each in feeds_of(db) if in_scope(counted.scope, *each)]
        pairs = "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)"
        found += one(f"(cell.partner, cell.feed) IN ({pairs})", json.dumps(names))
    return found + _any_of(sides)
