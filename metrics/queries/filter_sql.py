"""SQL conditions of a run filter, over runs and over run counts."""

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
    """Conditions on some rows, all of which must hold, and their values in order."""

    sql: tuple[str, ...]
    values: tuple[Any, ...]

    def __add__(self, other: SqlConditions) -> SqlConditions:
        return SqlConditions(self.sql + other.sql, self.values + other.values)

    @property
    def where(self) -> str:
        """The conditions as a WHERE clause; "1" where there are none."""
        return " AND ".join(self.sql) or "1"


def condition(sql: str, *values: Any) -> SqlConditions:
    """Return one condition."""
    return SqlConditions((sql,), values)


NO_CONDITIONS = SqlConditions((), ())


def require_run_counts(db: Database) -> None:
    """Refuse a store that only older releases have written: lists are counted from a table that a reader may not add.

    Raises:
        StoreDamaged: the store has no run counts.
    """
    if not db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tally'").fetchone():
        raise StoreDamaged(
            "the metrics database was last written by an older release, which kept no lists of runs; "
            "`milepost roadmap status` brings it up to date"
        )


def cell_conditions(db: Database, run_filter: RunFilter) -> SqlConditions:
    """Return the conditions of a filter on rows of `cell`.

    Raises:
        StoreDamaged: the store has no run counts.
    """
    require_run_counts(db)
    conditions = NO_CONDITIONS
    for field, column in (("partners", "partner"), ("feeds", "feed"), ("faults", "faults")):
        if names := getattr(run_filter, field):
            conditions += is_one_of(f"cell.{column}", names)
    if run_filter.sides:
        conditions += _any_of(list(_side_conditions(run_filter.sides)))
    if run_filter.first:
        conditions += condition("cell.block >= ?", block_start(db, run_filter.first).isoformat())
    if run_filter.last:
        conditions += condition("cell.block <= ?", run_filter.last.isoformat())
    if run_filter.known_by:
        conditions += ended_by(db, run_filter.known_by)
    if run_filter.reason:
        conditions += condition(
            "cell.id IN (SELECT cell FROM set_aside WHERE code = ?)", reason_code(run_filter.reason)
        )
    if run_filter.counted:
        conditions += _counted_runs_conditions(db, run_filter.counted)
    return conditions


def tally_conditions(run_filter: RunFilter) -> SqlConditions:
    """Return the conditions on rows of `tally`; with `cell_conditions` they select what `run_conditions` selects."""
    conditions = outcome_conditions("tally", run_filter)
    if run_filter.attempt:
        conditions += condition({"first": "tally.first", "last": "tally.last"}[run_filter.attempt])
    if run_filter.reason:
        conditions += condition("tally.last")
    if run_filter.counted or run_filter.reason:
        conditions += condition("tally.counted")
    return conditions


def outcome_conditions(table: str, run_filter: RunFilter) -> SqlConditions:
    """Return the conditions on outcome and fingerprint, columns that both `tally` and `run` have."""
    conditions = NO_CONDITIONS
    if run_filter.states:
        conditions += is_one_of(f"{table}.outcome", outcomes_of(run_filter.states))
    if run_filter.fingerprint == NO_ERROR_RECORDED:
        conditions += is_one_of(f"{table}.outcome", FAILED_OUTCOMES) + condition(f"{table}.fingerprint = ''")
    elif run_filter.fingerprint:
        conditions += condition(f"{table}.fingerprint != '' AND {table}.fingerprint = ?", run_filter.fingerprint)
    return conditions


def run_conditions(run_filter: RunFilter) -> SqlConditions:
    """Return the conditions on rows of `run` whose cell, outcome and fingerprint are selected already."""
    conditions = NO_CONDITIONS
    if run_filter.attempt:
        conditions += condition({"first": IS_FIRST, "last": IS_LAST}[run_filter.attempt])
    if run_filter.reason:
        conditions += condition("run.rows_quarantined > 0") + condition(IS_LAST) + _reason_condition(run_filter.reason)
    return conditions + condition(IS_COUNTED) if run_filter.counted or run_filter.reason else conditions


def reason_code(reason: str) -> str:
    """Return a reason as the store's counts write it: "" where none was recorded."""
    return "" if reason == NO_ERROR_RECORDED else reason


def _reason_condition(reason: str) -> SqlConditions:
    if reason == NO_ERROR_RECORDED:
        return condition("run.rows_quarantined > (SELECT COALESCE(SUM(value), 0) FROM json_each(run.aside))")
    return condition("EXISTS (SELECT 1 FROM json_each(run.aside) WHERE json_each.key = ?)", reason)


def outcomes_of(states: tuple[str, ...]) -> tuple[str, ...]:
    """Return the outcomes that states stand for."""
    return tuple(dict.fromkeys(outcome for state in states for outcome in STATE_OUTCOMES.get(state, (state,))))


def is_one_of(column: str, names: tuple[str | int, ...]) -> SqlConditions:
    """Return the condition that a column has one of these values."""
    return SqlConditions((f"{column} IN ({', '.join('?' * len(names))})",), names)


def block_start(db: Database, day: date) -> date:
    """Return the first day of the block that contains a day, or the day itself where no block contains it.

    Blocks do not overlap, so it is the last block that begins by that day, if it reaches so far.
    """
    before = "SELECT MAX(block) FROM cell WHERE block < ?"
    ends = "SELECT MAX(tally.block_end) FROM cell CROSS JOIN tally ON tally.cell = cell.id WHERE cell.block = ?"
    block = db.execute(before, (day.isoformat(),)).fetchone()[0]
    end = db.execute(ends, (block,)).fetchone()[0]
    return date.fromisoformat(block) if end is not None and end >= day.isoformat() else day


def ended_by(db: Database, day: date | None) -> SqlConditions:
    """Return the condition that the block of a cell was over by the end of a day; none where the day is None.

    Blocks do not overlap, so the last of them decides for all, and an index finds the others.
    """
    if day is None:
        return NO_CONDITIONS
    block = last_block_ended_by(db, day)
    return condition("cell.block <= ?", block) if block else condition("0")


def last_block_ended_by(db: Database, day: date) -> str | None:
    """Return the first day of the last block that was over by the end of a day; None where there is none."""
    ends = "SELECT MAX(tally.block_end) FROM cell CROSS JOIN tally ON tally.cell = cell.id WHERE cell.block = ?"
    block = db.execute("SELECT MAX(block) FROM cell WHERE block <= ?", (day.isoformat(),)).fetchone()[0]
    while block is not None:
        end = db.execute(ends, (block,)).fetchone()[0]
        if end is not None and end <= day.isoformat():
            return str(block)
        block = db.execute("SELECT MAX(block) FROM cell WHERE block < ?", (block,)).fetchone()[0]
    return None


def list_feeds(db: Database, known_by: date | None = None) -> Iterator[tuple[str, str]]:
    """Yield each partner and feed that has a run, in order; with `known_by`, that had one by the end of that day.

    An index finds them, so that the time does not grow with the number of cells.
    """
    pair, ended = ("", ""), ended_by(db, known_by)
    sql = "SELECT partner, feed FROM cell WHERE (partner, feed) > (?, ?) ORDER BY partner, feed LIMIT 1"
    while pair := db.execute(sql, pair).fetchone():
        if has_cell(db, condition("cell.partner = ? AND cell.feed = ?", *pair) + ended):
            yield pair


def has_cell(db: Database, cells: SqlConditions) -> bool:
    """Check whether any cell fulfils the conditions."""
    return db.execute(f"SELECT 1 FROM cell WHERE {cells.where} LIMIT 1", cells.values).fetchone() is not None  # noqa: S608


def _any_of(choices: list[SqlConditions]) -> SqlConditions:
    parts = [f"({choice.where})" for choice in choices]
    values = tuple(value for choice in choices for value in choice.values)
    return SqlConditions((f"({' OR '.join(parts) or '0'})",), values)


def _side_conditions(names: tuple[str, ...]) -> Iterator[SqlConditions]:
    """Yield the conditions on cells of these sides, one per system, so that many names make few conditions."""
    if "service" in names:
        yield condition("cell.system = 'service'")
    levels: dict[str, list[int]] = {}
    for name in names:
        with suppress(ValueError):
            system, level = parse_subject(name)
            levels.setdefault(system, []).append(level)
    for system, system_levels in levels.items():
        yield condition("cell.system = ?", system) + is_one_of("cell.level", tuple(system_levels))


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
    columns = ("mode", "faults", "series")
    conditions = SqlConditions(
        tuple(f"cell.{column} = ?" for column in columns), tuple(getattr(counted, column) for column in columns)
    )
    if counted.scope != ("*/*",):
        pairs = [list(pair) for pair in list_feeds(db) if in_scope(counted.scope, *pair)]
        values = "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)"
        conditions += condition(f"(cell.partner, cell.feed) IN ({values})", json.dumps(pairs))
    return conditions + _any_of(sides)
