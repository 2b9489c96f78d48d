"""The cell of a run: its block, its side and its stratum, and what its exchange's other attempts have to do with that.

In production the attempts of one exchange may fall on several days, and some may fail before anybody knows how large
the file is. All of them belong to the stratum of that file: a failure that is counted elsewhere would be left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metrics import rows
from metrics.schema import BLOCK_ID, RUN_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_utils import Database

#: What tells one exchange from the others: all of a run's key but the attempt.
EXCHANGE_ID = RUN_ID[:-1]


class Cells(dict[tuple[Any, ...], int]):
    """The numbers of cells by the values of `BLOCK_ID`; one that is not known yet is made."""

    def __init__(self, db: Database) -> None:
        super().__init__()
        self._db = db

    def __missing__(self, key: tuple[Any, ...]) -> int:
        found = self._db.execute(FIND_CELL_SQL, key).fetchone()
        self[key] = int(found[0] if found else self._db.execute(ADD_CELL_SQL, key).lastrowid or 0)
        return self[key]


def one_stratum(db: Database, exchanges: Iterable[tuple[Any, ...]], cells: Cells) -> set[int]:
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
            right = (*key[:-1], rows.band(size)) if size else tuple(key)
            found |= {cell, cells[right]}
            if right != tuple(key):
                db.execute("UPDATE run SET band = ?, cell = ? WHERE id = ?", (right[-1], cells[right], number))
    return found


FIND_CELL_SQL = f"SELECT id FROM cell WHERE {' AND '.join(f'{name} = ?' for name in BLOCK_ID)}"  # noqa: S608
ADD_CELL_SQL = rows.insert("cell", BLOCK_ID, "DO NOTHING")
ATTEMPTS_SQL = (
    f"SELECT id, records, cell, {', '.join(BLOCK_ID)} FROM run "  # noqa: S608 (names are our own constants)
    f"WHERE {' AND '.join(f'{name} = ?' for name in EXCHANGE_ID)} AND outcome != 'running'"
)
