"""The cell of a run: its block, its side and its stratum, and what its exchange's other attempts have to do with that.

In production the attempts of one exchange may fall on several days, and some may fail before anybody knows how large
the file is. All of them belong to the stratum of that file: a failure that is counted elsewhere would be left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metrics.events import FAILED_OUTCOMES
from metrics.store import rows
from metrics.store.migrations import BLOCK_ID, RUN_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_utils import Database

#: What tells one exchange from the others: all of a run's key but the attempt.
EXCHANGE_ID = RUN_ID[:-1]


class CellIds(dict[tuple[Any, ...], int]):
    """The numbers of cells by the values of `BLOCK_ID`; one that is not known yet is made."""

    def __init__(self, db: Database) -> None:
        super().__init__()
        self._db = db

    def __missing__(self, key: tuple[Any, ...]) -> int:
        found = self._db.execute(FIND_CELL_SQL, key).fetchone()
        self[key] = int(found[0] if found else self._db.execute(ADD_CELL_SQL, key).lastrowid or 0)
        return self[key]


def unify_strata(db: Database, exchanges: Iterable[tuple[Any, ...]], cells: CellIds) -> set[int]:
    """Put all attempts at each exchange (values of `EXCHANGE_ID`) into the stratum of its file; returns their cells.

    The size of the file is the largest that any attempt has told. Those cells have to be rolled up again, as a later
    attempt changes what an earlier one counts for.
    """
    found: set[int] = set()
    for exchange in exchanges:
        attempts = db.execute(ATTEMPTS_SQL, exchange).fetchall()
        if len(attempts) < 2:
            continue
        size = max((records or 0 for _, records, *_ in attempts), default=0)
        for number, _, cell, *key in attempts:
            right = (*key[:-1], rows.size_band(size)) if size else tuple(key)
            found |= {cell, cells[right]}
            if right != tuple(key):
                db.execute("UPDATE run SET band = ?, cell = ? WHERE id = ?", (right[-1], cells[right], number))
    return found


def resort_older_runs(db: Database, cells: CellIds) -> None:
    """Put live runs that an older release has sorted into the strata that they belong to by now.

    It took a failure that had counted no records for a small file, and knew nothing of attempts on other days. The
    caller rolls up all cells.
    """
    for number, *key in db.execute(UNSIZED_SQL).fetchall():
        db.execute("UPDATE run SET band = ?, cell = ? WHERE id = ?", (UNSIZED, cells[*key, UNSIZED], number))
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
