"""Cells: the block, side and stratum of a run, and how the other attempts at its exchange change the stratum.

In production the attempts at one exchange may be on several days, and some fail before the size of the file is known.
All of them belong to the stratum of that file: a failure counted in another stratum would be missing in this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metrics.events import FAILED_OUTCOMES
from metrics.store import rows
from metrics.store.migrations import BLOCK_ID, RUN_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_utils import Database

#: Key of an exchange: the key of a run without the attempt.
EXCHANGE_ID = RUN_ID[:-1]


class CellIds(dict[tuple[Any, ...], int]):
    """Ids of cells by the values of `BLOCK_ID`; a missing cell is looked up, or created."""

    def __init__(self, db: Database) -> None:
        super().__init__()
        self._db = db

    def __missing__(self, key: tuple[Any, ...]) -> int:
        row = self._db.execute(FIND_CELL_SQL, key).fetchone()
        self[key] = int(row[0] if row else self._db.execute(ADD_CELL_SQL, key).lastrowid or 0)
        return self[key]


def unify_strata(db: Database, exchanges: Iterable[tuple[Any, ...]], cells: CellIds) -> set[int]:
    """Move all attempts at each exchange (values of `EXCHANGE_ID`) to the stratum of its file, and return their cells.

    The size of the file is the largest that any attempt reported. The caller rolls up the returned cells again, as a
    later attempt changes how an earlier one counts.
    """
    touched: set[int] = set()
    for exchange in exchanges:
        attempts = db.execute(ATTEMPTS_SQL, exchange).fetchall()
        if len(attempts) < 2:
            continue
        size = max((records or 0 for _, records, *_ in attempts), default=0)
        for run_id, _, cell, *key in attempts:
            right_key = (*key[:-1], rows.size_band(size)) if size else tuple(key)
            touched |= {cell, cells[right_key]}
            if right_key != tuple(key):
                db.execute("UPDATE run SET band = ?, cell = ? WHERE id = ?", (right_key[-1], cells[right_key], run_id))
    return touched


def resort_older_runs(db: Database, cells: CellIds) -> None:
    """Move live runs that an older release stored to their right strata.

    That release took a failure without counted records for a small file, and ignored attempts on other days. The caller
    rolls up all cells.
    """
    for run_id, *key in db.execute(UNSIZED_SQL).fetchall():
        db.execute("UPDATE run SET band = ?, cell = ? WHERE id = ?", (UNSIZED, cells[*key, UNSIZED], run_id))
    unify_strata(db, db.execute(RETRIED_SQL).fetchall(), cells)


UNSIZED = rows.size_band(None)
UNSIZED_SQL = (
    f"SELECT id, {', '.join(BLOCK_ID[:-1])} FROM run WHERE mode = 'live' AND records = 0 AND band != {UNSIZED} "  # noqa: S608
    f"AND outcome IN ({', '.join(repr(name) for name in FAILED_OUTCOMES)})"
)
RETRIED_SQL = (
    f"SELECT {', '.join(EXCHANGE_ID)} FROM run WHERE mode = 'live' "  # noqa: S608 (names are our own constants)
    f"GROUP BY {', '.join(EXCHANGE_ID)} HAVING COUNT(*) > 1"
)
FIND_CELL_SQL = f"SELECT id FROM cell WHERE {' AND '.join(f'{name} = ?' for name in BLOCK_ID)}"  # noqa: S608
ADD_CELL_SQL = rows.insert_sql("cell", BLOCK_ID, "DO NOTHING")
ATTEMPTS_SQL = (
    f"SELECT id, records, cell, {', '.join(BLOCK_ID)} FROM run "  # noqa: S608 (names are our own constants)
    f"WHERE {' AND '.join(f'{name} = ?' for name in EXCHANGE_ID)} AND outcome != 'running'"
)
