"""SQL conditions of a run filter, over runs and over rollups."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from metrics.errors import StoreDamaged
from metrics.events import FAILED_OUTCOMES, parse_subject
from metrics.queries.run_filter import NO_ERROR_RECORDED, STATE_OUTCOMES, CountedRuns, RunFilter
from metrics.question import in_scope
from metrics.store.run_counts import IS_COUNTED, IS_FIRST, IS_LAST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class SqlConditions:
    """Conditions on some rows, all of which have to hold, and their values in order."""

    sql: tuple[str, ...]
    values: tuple[Any, ...]

    def __add__(self, other: SqlConditions) -> SqlConditions:
        return SqlConditions(self.sql + other.sql, self.values + other.values)

    @property
    def where(self) -> str:
        """As a WHERE clause; "1" where anything goes."""
        return " AND ".join(self.sql) or "1"


def condition(sql: str, *values: Any) -> SqlConditions:
    """One condition."""
    return SqlConditions((sql,), values)


NO_CONDITIONS = SqlConditions((), ())


def require_run_counts(db: Database) -> None:
    """Refuse a store that only older releases have written: a reader may not add what lists are counted by.

    Raises:
        StoreDamaged: it is one.
    """
    if not db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tally'").fetchone():
        raise StoreDamaged(
            "the metrics database was last written by an older release, which kept no lists of runs; "
            "`milepost roadmap status` brings it up to date"
        )


def cell_conditions(db: Database, picked: RunFilter) -> SqlConditions:
    """Conditions on rows of `cell`. Raises StoreDamaged for a store that keeps no counts yet."""
    require_run_counts(db)
    found = NO_CONDITIONS
    for column in ("partners", "feeds", "faults"):
        if names := getattr(picked, column):
            found += is_one_of(f"cell.{column.removesuffix('s') if column != 'faults' else column}", names)
    if picked.sides:
        found += _any_of(list(_side_conditions(picked.sides)))
    if picked.first:
        found += condition("cell.block >= ?", block_start(db, picked.first).isoformat())
    if picked.last:
        found += condition("cell.block <= ?", picked.last.isoformat())
    if picked.known:
        found += ended_by(db, picked.known)
    if picked.aside:
        found += condition("cell.id IN (SELECT cell FROM set_aside WHERE code = ?)", reason_code(picked.aside))
    if picked.counted:
        found += _counted_runs_conditions(db, picked.counted)
    return found


def tally_conditions(picked: RunFilter) -> SqlConditions:
    """Conditions on rows of `tally`, which with those of `of_cells` pick what `of_runs` does."""
    found = outcome_conditions("tally", picked)
    if picked.attempt:
        found += condition({"first": "tally.first", "last": "tally.last"}[picked.attempt])
    if picked.aside:
        found += condition("tally.last")
    if picked.counted or picked.aside:
        found += condition("tally.counted")
    return found


def outcome_conditions(table: str, picked: RunFilter) -> SqlConditions:
    """Conditions on how a run ended, which stands in rows of `tally` and of `run` alike."""
    found = is_one_of(f"{table}.outcome", outcomes_of(picked.states)) if picked.states else NO_CONDITIONS
    if picked.fingerprint == NO_ERROR_RECORDED:
        found += is_one_of(f"{table}.outcome", FAILED_OUTCOMES) + condition(f"{table}.fingerprint = ''")
    elif picked.fingerprint:
        found += condition(f"{table}.fingerprint != '' AND {table}.fingerprint = ?", picked.fingerprint)
    return found


def run_conditions(picked: RunFilter) -> SqlConditions:
    """Conditions on rows of `run` whose cell, outcome and fingerprint are picked already."""
    found = NO_CONDITIONS
    if picked.attempt:
        found += condition({"first": IS_FIRST, "last": IS_LAST}[picked.attempt])
    if picked.aside:
        found += condition("run.rows_quarantined > 0") + condition(IS_LAST) + _reason_condition(picked.aside)
    return found + condition(IS_COUNTED) if picked.counted or picked.aside else found


def reason_code(aside: str) -> str:
    """How the store's counts write a reason; "" where nobody noted it."""
    return "" if aside == NO_ERROR_RECORDED else aside


def _reason_condition(aside: str) -> SqlConditions:
    if aside == NO_ERROR_RECORDED:
        return condition("run.rows_quarantined > (SELECT COALESCE(SUM(value), 0) FROM json_each(run.aside))")
    return condition("EXISTS (SELECT 1 FROM json_each(run.aside) WHERE json_each.key = ?)", aside)


def outcomes_of(states: tuple[str, ...]) -> tuple[str, ...]:
    """The outcomes that some states stand for."""
    return tuple(dict.fromkeys(each for name in states for each in STATE_OUTCOMES.get(name, (name,))))


def is_one_of(column: str, names: tuple[str | int, ...]) -> SqlConditions:
    """That a column is one of these."""
    return SqlConditions((f"{column} IN ({', '.join('?' * len(names))})",), names)


def block_start(db: Database, day: date) -> date:
    """The first day of the block that a day lies in; the day itself where it lies in none.

    Blocks lie one after another, so that it is the last that begins by then, if it reaches so far.
    """
    before = "SELECT MAX(block) FROM cell WHERE block < ?"
    ends = "SELECT MAX(tally.block_end) FROM cell CROSS JOIN tally ON tally.cell = cell.id WHERE cell.block = ?"
    found = db.execute(before, (day.isoformat(),)).fetchone()[0]
    end = db.execute(ends, (found,)).fetchone()[0]
    return date.fromisoformat(found) if end is not None and end >= day.isoformat() else day


def ended_by(db: Database, day: date | None) -> SqlConditions:
    """That the block of a cell was over by the end of a day; None: whatever its block.

    Blocks lie one after another, so that the last of them tells of all, and an index finds the others.
    """
    if day is None:
        return NO_CONDITIONS
    block = last_block_ended_by(db, day)
    return condition("cell.block <= ?", block) if block else condition("0")


def last_block_ended_by(db: Database, day: date) -> str | None:
    """The first day of the last block that was over by the end of a day; None where none was."""
    ends = "SELECT MAX(tally.block_end) FROM cell CROSS JOIN tally ON tally.cell = cell.id WHERE cell.block = ?"
    found = db.execute("SELECT MAX(block) FROM cell WHERE block <= ?", (day.isoformat(),)).fetchone()[0]
    while found is not None:
        end = db.execute(ends, (found,)).fetchone()[0]
        if end is not None and end <= day.isoformat():
            return str(found)
        found = db.execute("SELECT MAX(block) FROM cell WHERE block < ?", (found,)).fetchone()[0]
    return None


def list_feeds(db: Database, known: date | None = None) -> Iterator[tuple[str, str]]:
    """Every partner and feed that has a run, in order; found by an index, however many cells there are.

    With `known`, those that had one by the end of that day.
    """
    last, over = ("", ""), ended_by(db, known)
    sql = "SELECT partner, feed FROM cell WHERE (partner, feed) > (?, ?) ORDER BY partner, feed LIMIT 1"
    while found := db.execute(sql, last).fetchone():
        if has_cell(db, condition("cell.partner = ? AND cell.feed = ?", *found) + over):
            yield found
        last = found


def has_cell(db: Database, cells: SqlConditions) -> bool:
    """Whether there is a cell like that."""
    return db.execute(f"SELECT 1 FROM cell WHERE {cells.where} LIMIT 1", cells.values).fetchone() is not None  # noqa: S608


def _any_of(terms: list[SqlConditions]) -> SqlConditions:
    parts = [f"({each.where})" for each in terms]
    return SqlConditions((f"({' OR '.join(parts) or '0'})",), tuple(value for each in terms for value in each.values))


def _side_conditions(names: tuple[str, ...]) -> Iterator[SqlConditions]:
    """What cells of these sides have, system by system: however many names there are, they make few terms."""
    if "service" in names:
        yield condition("cell.system = 'service'")
    levels: dict[str, list[int]] = {}
    for name in names:
        with suppress(ValueError):
            system, level = parse_subject(name)
            levels.setdefault(system, []).append(level)
    for system, own in levels.items():
        yield condition("cell.system = ?", system) + is_one_of("cell.level", tuple(own))


def _side_condition(name: str) -> SqlConditions:
    try:
        return condition("cell.system = ? AND cell.level = ?", *parse_subject(name))
    except ValueError:
        return condition("0")


def _counted_runs_conditions(db: Database, counted: CountedRuns) -> SqlConditions:
    sides = []
    for name, blocks in counted.sides.items():
        if blocks is None:
            ends = "(SELECT MAX(block_end) FROM tally AS of_cell WHERE of_cell.cell = cell.id AND of_cell.counted)"
            days = condition("cell.block >= ?", counted.start.isoformat()) + condition(
                f"{ends} <= ?", counted.end.isoformat()
            )
        else:
            days = condition("cell.block IN (SELECT value FROM json_each(?))", json.dumps(sorted(blocks)))
        sides.append(_side_condition(name) + days)
    measured = ("mode", "faults", "series")
    found = SqlConditions(
        tuple(f"cell.{name} = ?" for name in measured), tuple(getattr(counted, name) for name in measured)
    )
    if counted.scope != ("*/*",):
        names = [list(each) for each in list_feeds(db) if in_scope(counted.scope, *each)]
        pairs = "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)"
        found += condition(f"(cell.partner, cell.feed) IN ({pairs})", json.dumps(names))
    return found + _any_of(sides)
